import Foundation
import Glibc
import HostSystem
public import SystemPackage

/// What this process may take of the host: what its control groups and its processor set leave of it.
public enum HostResources {
    /// - Parameter folder: where results are made; an existing folder.
    public static func available(in folder: FilePath) -> ResourceDemand {
        ResourceDemand(processors: processors, memory: memory, disk: disk(of: folder))
    }

    /// Those that the process may run on (sched_getaffinity(2)), at most as many as the control groups' quotas come to (cpu.max of cgroup v2; rounded up).
    public static var processors: Int {
        var count = ProcessInfo.processInfo.activeProcessorCount
        for text in controlGroupFiles("cpu.max") {
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count == 2, let quota = Int(words[0]), let period = Int(words[1]), period > 0 else { continue }
            count = min(count, (quota + period - 1) / period)
        }
        return max(1, count)
    }

    /// Bytes: what the kernel calls available (proc_meminfo(5)), at most what the control groups allow (memory.max).
    public static var memory: UInt64 {
        let lines = ((try? readText("/proc/meminfo")) ?? "").split(separator: "\n")
        let line = lines.first { $0.hasPrefix("MemAvailable:") } ?? ""
        let kibibytes = line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 1 << 20
        return controlGroupFiles("memory.max").compactMap { UInt64($0.filter { !$0.isWhitespace }) }.reduce(kibibytes << 10, min)
    }

    /// Bytes that an ordinary user may still write (statvfs(3)).
    public static func disk(of folder: FilePath) -> UInt64 {
        var status = statvfs()
        guard folder.withPlatformString({ statvfs($0, &status) }) == 0 else { return .max >> 1 }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// The file of this process's control group and of all above it (cgroups(7)).
    private static func controlGroupFiles(_ name: String) -> [String] {
        let lines = ((try? readText("/proc/self/cgroup")) ?? "").split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("0::/") }) else { return [] }
        var group = FilePath("/sys/fs/cgroup").pushing(FilePath(String(line.dropFirst(4))))
        var texts: [String] = []
        while group.starts(with: "/sys/fs/cgroup") {
            if let text = try? readText(group.appending(name)) { texts.append(text) }
            group.removeLastComponent()
        }
        return texts
    }
}
