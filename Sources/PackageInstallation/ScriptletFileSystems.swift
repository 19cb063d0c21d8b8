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
        try mount("sysfs", at: inRoot("/sys"), type: "sysfs", readOnly: true)
        try mount("tmpfs", at: inRoot("/dev"), type: "tmpfs", options: "mode=0755,size=16m")
        // memory devices, major 1 (Documentation/admin-guide/devices.txt of the kernel); tty is 5:0.
        let nodes: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        for (name, major, minor) in nodes {
            let path = inRoot("/dev").appending(name)
            guard mknod(path.string, S_IFCHR | 0o666, dev_t(makeDevice(major, minor))) == 0,
                chmod(path.string, 0o666) == 0
            else {
                throw HostSystemError.systemCall(what: "making \(path)", errno: Errno(rawValue: errno))
            }
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            symlink(target, inRoot("/dev").appending(name).string)
        }
        try createDirectories(inRoot("/dev/shm"), permissions: 0o1777)
        try createDirectories(inRoot("/dev/pts"))
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
