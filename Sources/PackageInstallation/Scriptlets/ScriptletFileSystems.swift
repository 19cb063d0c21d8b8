// What scriptlets see besides the root's own files: /proc and /sys, both read-only, and a minimal /dev. Mounted in the worker's
// namespace only, so that nothing of it stays in the root or on the host.
import Glibc
import HostSystem
import SystemPackage

final class ScriptletFileSystems {
    static let directories: [FilePath] = ["/proc", "/sys", "/dev"]

    private let installRoot: FilePath
    /// The root's own folders, which the mounts cover. librpm does not write to them; see `CoveredFiles`.
    private(set) var covered: [FilePath: FileDescriptor] = [:]
    private var mounted: [FilePath] = []

    /// - Throws: `HostSystemError.systemCall`.
    init(installRoot: FilePath) throws {
        self.installRoot = installRoot
        for directory in Self.directories { try cover(directory) }
        mounted = ["/proc"] + Self.directories
        try mount("proc", at: inRoot("/proc"), type: "proc", hasDevices: false)
        // librpm runs Lua scriptlets in this process. With a writable /proc/self/mem they could change its code and use its privileges.
        try bindMount(inRoot("/proc"), at: inRoot("/proc"), readOnly: true)
        // Settings of the host's kernel must be read-only: `sysctl -p` in a %post would change the build host.
        for entry in ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi"] {
            let path = inRoot("/proc").appending(entry)
            if exists(path) { try bindMount(path, at: path, readOnly: true) }
        }
        // Scriptlets must not read these either.
        for entry in ["kcore", "keys", "kmsg", "timer_list", "sched_debug", "latency_stats"] {
            let path = inRoot("/proc").appending(entry)
            if exists(path) { try bindMount("/dev/null", at: path) }
        }
        try mount("sysfs", at: inRoot("/sys"), type: "sysfs", readOnly: true, hasDevices: false)
        try mountMinimalDevices(at: inRoot("/dev"))
    }

    deinit { for (_, folder) in covered { try? folder.close() } }

    /// Adds a temporary folder, which librpm does not write to.
    ///
    /// - Parameter bytes: the most that it can hold in memory; `nil` for a folder on disk.
    /// - Throws: `HostSystemError.systemCall`.
    func addTemporary(_ directory: FilePath, bytes: Int?) throws {
        try cover(directory)
        if let bytes {
            try mount("tmpfs", at: inRoot(directory), type: "tmpfs", hasDevices: false, options: "mode=1777,size=\(bytes)")
        } else {
            guard chmod(inRoot(directory).string, 0o1777) == 0 else {
                throw HostSystemError.systemCall(what: "setting the mode of \(directory)", errno: Errno(rawValue: errno))
            }
            // A mount on disk too, so that scriptlets can neither remove the folder nor make hard links across its border.
            try bindMount(inRoot(directory), at: inRoot(directory), hasDevices: false)
        }
        mounted.append(directory)
    }

    /// Unmounts everything.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func end() throws {
        for directory in mounted { try unmount(inRoot(directory), detach: true) }
        mounted = []
    }

    private func cover(_ directory: FilePath) throws {
        try createDirectories(inRoot(directory))
        covered[directory] = try FileDescriptor.open(inRoot(directory), .readOnly, options: [.directory, .noFollow, .closeOnExec])
    }

    private func inRoot(_ path: FilePath) -> FilePath { installRoot.pushing(path.removingRoot()) }
}
