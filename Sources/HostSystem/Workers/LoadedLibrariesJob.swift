import Glibc
import SystemPackage

/// Says which shared libraries the worker has loaded.
public struct LoadedLibrariesJob: WorkerJob {
    public typealias Outcome = [WrittenPath]

    public static let name = "libraries"

    public init() {}

    public var isolation: Isolation {
        var isolation = Isolation(writablePaths: [])
        isolation.userNamespace = geteuid() != 0
        return isolation
    }

    /// - Returns: their paths, sorted (proc_pid_maps(5)).
    public func run(reporting: WorkerReporter) throws -> [WrittenPath] {
        let lines = try readText("/proc/self/maps").split(separator: "\n")
        // Address, permissions, offset, device, inode, path.
        let paths = lines.compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }.filter { $0.contains(".so") }
        return Set(paths).sorted().map { WrittenPath(FilePath($0)) }
    }
}
