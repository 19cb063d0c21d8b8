// How many descriptors a build may have open (RLIMIT_NOFILE of getrlimit(2)). swift-subprocess ends the program when there are none left.
import Glibc

public enum OpenFiles {
    /// Lets this program open as many as its user may: the limit that a login gives, 1024, is too small for many machines at once on many cores.
    public static func raiseLimit() {
        var limit = current
        limit.rlim_cur = min(limit.rlim_max, mostOfBuild)
        setrlimit(resource, &limit)
    }

    /// The limit of workers, and so of scriptlets: the same on every host that has as much, and small, as rpm goes through all numbers up to it
    /// before each scriptlet.
    static func setLimitOfWorkers() {
        var limit = current
        limit.rlim_cur = min(limit.rlim_max, 1024)
        setrlimit(resource, &limit)
    }

    /// As many of the machines that are wanted at once as there are descriptors for; at least one.
    public static func machinesAtOnce(_ wanted: Int) -> Int {
        // Of each machine's workers - those that verify and those that unpack, one a core, and the one that installs - this program has the ends of
        // three pipes, both ends while one starts, and the process's own.
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let ofMachine = rlim_t(7 * (2 * cores + 1))
        let forMachines = current.rlim_cur > ofProgram ? current.rlim_cur - ofProgram : 0
        return max(1, min(wanted, Int(clamping: forMachines / ofMachine)))
    }

    /// Logs, locks, downloads and the runtime's own.
    private static let ofProgram: rlim_t = 40
    private static let mostOfBuild: rlim_t = 65_536

    private static var current: rlimit {
        var limit = rlimit()
        getrlimit(resource, &limit)
        return limit
    }

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
}
