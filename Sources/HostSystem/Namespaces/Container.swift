import SystemPackage

/// What containers keep from builds, and how they are told not to.
enum Container {
    /// All at once: who is told of one at a time starts four containers. docs/rootless.md says what each is for.
    static var whatIsMissing: String {
        let common = ["seccomp=unconfined"] + (isConfined ? ["apparmor=unconfined"] : [])
        func options(_ own: String) -> String { (common + [own]).map { "--security-opt \($0)" }.joined(separator: " ") }
        return "in a container, the options would have to be, for podman: \(options("unmask=ALL")), for docker: \(options("systempaths=unconfined"))"
    }

    /// Whether AppArmor has a profile for this process that is enforced (apparmor(7)), as for docker's containers on Debian's and Ubuntu's hosts.
    private static var isConfined: Bool {
        ["/proc/self/attr/apparmor/current", "/proc/self/attr/current"].contains { file in
            (try? readText(FilePath(file)))?.contains("(enforce)") == true
        }
    }
}
