// What scriptlets see besides the root's own files: /proc, a read-only /sys and a minimal /dev. Mounted in the worker's
// namespace only, so that nothing of it stays in the root or on the host.
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

final class ScriptletFileSystems {
    /// Not written to by librpm; see `CoveredFiles`.
    static let directories: [FilePath] = ["/proc", "/sys", "/dev"]

    private let installRoot: FilePath
    /// The root's own folders, below the mounts.
    let covered: [FilePath: FileDescriptor]

    /// - Throws: `HostSystemError.systemCall`.
    init(installRoot: FilePath) throws {
        self.installRoot = installRoot
        var covered: [FilePath: FileDescriptor] = [:]
        for directory in Self.directories {
            let path = installRoot.pushing(directory.removingRoot())
            try createDirectories(path)
            covered[directory] = try FileDescriptor.open(path, .readOnly, options: [.directory, .noFollow, .closeOnExec])
        }
        self.covered = covered
        try mount("proc", at: inRoot("/proc"), type: "proc", hasDevices: false)
        // What is global to the host's kernel is not a scriptlet's to set: `sysctl -p` in a %post would change the build host.
        for entry in ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi"] {
            let path = inRoot("/proc").appending(entry)
            if exists(path) { try bindMount(path, at: path, readOnly: true) }
        }
        // Nor is it theirs to read.
        for entry in ["kcore", "keys", "kmsg", "timer_list", "sched_debug", "latency_stats"] {
            let path = inRoot("/proc").appending(entry)
            if exists(path) { try bindMount("/dev/null", at: path) }
        }
        try mount("sysfs", at: inRoot("/sys"), type: "sysfs", readOnly: true, hasDevices: false)
        try mountMinimalDevices(at: inRoot("/dev"))
    }

    deinit { for (_, folder) in covered { try? folder.close() } }

    /// Unmounts all.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func end() throws {
        for directory in ["/dev", "/sys", "/proc"] as [FilePath] {
            try unmount(inRoot(directory), detach: true)
        }
    }

    private func inRoot(_ path: FilePath) -> FilePath { installRoot.pushing(path.removingRoot()) }
}
