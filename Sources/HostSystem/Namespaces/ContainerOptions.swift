import SystemPackage

/// The options that a container must be started with for builds to work in it.
enum ContainerOptions {
    /// All missing options together, so that the user restarts the container once. docs/rootless.md says what each is for.
    static var missing: String {
        let common = ["seccomp=unconfined"] + (isConfined ? ["apparmor=unconfined"] : [])
        func options(_ own: String) -> String { (common + [own]).map { "--security-opt \($0)" }.joined(separator: " ") }
        return "start a container with these options: podman: \(options("unmask=ALL")), docker: \(options("systempaths=unconfined"))"
    }

    /// Whether AppArmor enforces a profile for this process (apparmor(7)), as it does for docker's containers on Debian and Ubuntu.
    private static var isConfined: Bool {
        ["/proc/self/attr/apparmor/current", "/proc/self/attr/current"].contains { file in
            (try? readText(FilePath(file)))?.contains("(enforce)") == true
        }
    }
}
