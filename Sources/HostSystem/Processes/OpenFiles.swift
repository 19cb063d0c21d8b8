// Limits of open descriptors (RLIMIT_NOFILE, getrlimit(2)). swift-subprocess ends the program when none are left.
import Glibc

public enum OpenFiles {
    /// Raises this program's limit to what its user may have. A login sets 1024, which is too small for many machines on many cores.
    public static func raiseLimit() {
        var limit = current
        limit.rlim_cur = min(limit.rlim_max, mostOfBuild)
        setrlimit(resource, &limit)
    }

    /// Sets the limit of workers and their scriptlets: the same on every host, and small, since rpm loops over all descriptor numbers below it before each
    /// scriptlet.
    static func setLimitOfWorkers() {
        var limit = current
        limit.rlim_cur = min(limit.rlim_max, 1024)
        setrlimit(resource, &limit)
    }

    /// Limits the number of machines that are built at once to those that there are descriptors for; at least one.
    public static func machinesAtOnce(_ wanted: Int) -> Int {
        // For each worker of a machine - one a core that verifies, one a core that unpacks, one that installs - this program has open the ends of three pipes
        // (both ends while the worker starts) and a process descriptor.
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let ofMachine = rlim_t(7 * (2 * cores + 1))
        let forMachines = current.rlim_cur > ofProgram ? current.rlim_cur - ofProgram : 0
        return max(1, min(wanted, Int(clamping: forMachines / ofMachine)))
    }

    /// Logs, locks, downloads and the runtime.
    private static let ofProgram: rlim_t = 40
    private static let mostOfBuild: rlim_t = 65_536

    private static var current: rlimit {
        var limit = rlimit()
        getrlimit(resource, &limit)
        return limit
    }

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
}
