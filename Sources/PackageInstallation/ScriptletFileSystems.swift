// What scriptlets see besides the root's own files: /proc, a read-only /sys and a minimal /dev. Mounted in the worker's
// namespace only, so that nothing of it stays in the root or on the host.
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct ScriptletFileSystems {
    /// Not written to by packages at all.
    static let directories: [FilePath] = ["/proc", "/sys", "/dev"]
    /// Private, so that nothing of the scriptlets' stays in it.
    static let temporary: FilePath = "/tmp"

    private let installRoot: FilePath

    /// - Throws: `HostSystemError.systemCall`.
    init(installRoot: FilePath) throws {
        self.installRoot = installRoot
        for directory in Self.directories + [Self.temporary] { try createDirectories(inRoot(directory)) }
        try mount("proc", at: inRoot("/proc"), type: "proc")
        // What is global to the host's kernel is not a scriptlet's to set: `sysctl -p` in a %post would change the build host.
        for entry in ["sys", "sysrq-trigger", "irq", "bus", "fs"] {
            let path = inRoot("/proc").appending(entry)
            if access(path.string, F_OK) == 0 { try bindMount(path, at: path, readOnly: true) }
        }
        try mount("sysfs", at: inRoot("/sys"), type: "sysfs", readOnly: true)
        try mountMinimalDevices(at: inRoot("/dev"))
        try mount("tmpfs", at: inRoot("/tmp"), type: "tmpfs", options: "mode=1777")
    }

    /// Unmounts all, and gives the folders below the modes that their package has for them.
    func end(directoryModes: [FilePath: mode_t]) throws {
        for directory in ["/tmp", "/dev", "/sys", "/proc"] as [FilePath] {
            try unmount(inRoot(directory), detach: true)
        }
        for (directory, mode) in directoryModes { chmod(inRoot(directory).string, mode & 0o7777) }
    }

    private func inRoot(_ path: FilePath) -> FilePath { installRoot.pushing(path.removingRoot()) }
}
