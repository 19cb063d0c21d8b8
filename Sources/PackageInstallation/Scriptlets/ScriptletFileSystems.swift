// What scriptlets see besides the root's own files: /proc and /sys, both read-only, and a minimal /dev. Mounted in the worker's
// namespace only, so that nothing of it stays in the root or on the host.
import Glibc
import HostSystem
import SystemPackage

final class ScriptletFileSystems {
    static let directories: [FilePath] = ["/proc", "/sys", "/dev"]

    private let installRoot: FilePath
    /// The root's own folders, below the mounts. librpm does not write to them; see `CoveredFiles`.
    private(set) var covered: [FilePath: FileDescriptor] = [:]
    private var mounted: [FilePath] = []

    /// - Throws: `HostSystemError.systemCall`.
    init(installRoot: FilePath) throws {
        self.installRoot = installRoot
        for directory in Self.directories { try cover(directory) }
        mounted = ["/proc"] + Self.directories
        try mount("proc", at: inRoot("/proc"), type: "proc", hasDevices: false)
        // librpm runs Lua scriptlets in the worker: /proc/self/mem would let them write its code, and with it have all that it may do.
        try bindMount(inRoot("/proc"), at: inRoot("/proc"), readOnly: true)
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

    /// Makes a temporary folder that librpm leaves alone.
    ///
    /// - Parameter bytes: the most that it holds in memory; `nil`: it is on disk.
    /// - Throws: `HostSystemError.systemCall`.
    func addTemporary(_ directory: FilePath, bytes: Int?) throws {
        try cover(directory)
        if let bytes {
            try mount("tmpfs", at: inRoot(directory), type: "tmpfs", hasDevices: false, options: "mode=1777,size=\(bytes)")
        } else {
            guard chmod(inRoot(directory).string, 0o1777) == 0 else {
                throw HostSystemError.systemCall(what: "opening \(directory) to all", errno: Errno(rawValue: errno))
            }
            // So that it is a file system of its own here too: scriptlets can neither remove it nor make hard links out of it.
            try bindMount(inRoot(directory), at: inRoot(directory), hasDevices: false)
        }
        mounted.append(directory)
    }

    /// Unmounts all.
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
