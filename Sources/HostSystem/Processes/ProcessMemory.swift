import Glibc
import SystemPackage

/// What this process and its children may have of the machine's memory.
public enum ProcessMemory {
    /// In bytes: the machine's, or less by the control groups that this process is in (cgroups(7), version 2: `memory.max` of each group up to the root).
    /// `nil` where the kernel does not say.
    public static let limit: Int? = {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        guard pages > 0 else { return nil }
        let groups = ((try? readText("/proc/self/cgroup")) ?? "").split(separator: "\n")
        // Of version 2 there is one line, without a number and controllers.
        guard let own = groups.first(where: { $0.hasPrefix("0::/") })?.dropFirst("0::/".count) else { return pages * Int(getpagesize()) }
        var group = FilePath("/sys/fs/cgroup").pushing(FilePath(String(own)))
        var limit = pages * Int(getpagesize())
        while group.starts(with: "/sys/fs/cgroup") {
            let text = (try? readText(group.appending("memory.max"))) ?? ""
            if let bytes = Int(text.split(whereSeparator: \.isWhitespace).first ?? "") { limit = min(limit, bytes) }
            guard group.removeLastComponent() else { break }
        }
        return limit
    }()
}
