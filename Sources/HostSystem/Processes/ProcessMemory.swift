import Glibc
import SystemPackage

/// How much of the machine's memory this process and its children may use.
public enum ProcessMemory {
    /// In bytes: the machine's memory, or less if control groups limit it (cgroups(7), version 2: `memory.max` of this process's group and those above).
    /// `nil` where the kernel does not say.
    public static let limit: Int? = {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        guard pages > 0 else { return nil }
        let groups = ((try? readText("/proc/self/cgroup")) ?? "").split(separator: "\n")
        // The line of version 2 has the number 0 and no controllers.
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
