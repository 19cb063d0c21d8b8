// Imports CRPM for struct timespec: it belongs to whichever module was the first to import its header, and that can be CRPM.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// Tells files that the installation made itself - scriptlets' files, changed folders - from packages' files, which have their packages' times: by the
/// time when the installation ran.
struct InstallTimestamps {
    /// By the coarse clock: times of inodes can be up to a tick behind the exact one (before multigrain timestamps of Linux 6.13).
    private let begin = Self.now(by: CLOCK_REALTIME_COARSE)
    private let firstDay = time(nil) / 86400

    private static func now(by clock: clockid_t) -> timespec {
        var now = timespec()
        clock_gettime(clock, &now)
        return now
    }

    /// Whether the installation itself set this time. A time in the future was set by a package or on purpose.
    func contains(_ time: timespec) -> Bool {
        let now = Self.now(by: CLOCK_REALTIME)
        return (begin.tv_sec, begin.tv_nsec) <= (time.tv_sec, time.tv_nsec)
            && (time.tv_sec, time.tv_nsec) <= (now.tv_sec, now.tv_nsec)
    }

    /// The days of the installation, counted as in shadow(5).
    var days: ClosedRange<Int> { firstDay...max(firstDay, time(nil) / 86400) }

    /// Sets the time of everything that the installation made in the root to `epoch`.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func clampTimes(in root: FilePath, to epoch: Int) throws {
        let times = [timespec](repeating: timespec(tv_sec: epoch, tv_nsec: 0), count: 2)
        try walk(root, where: { contains($0.st_mtim) }) { path, _ in
            guard path.withPlatformString({ utimensat(AT_FDCWD, $0, times, AT_SYMLINK_NOFOLLOW) }) == 0 else {
                throw HostSystemError.systemCall(what: "setting the time of \(path)", errno: Errno(rawValue: errno))
            }
        }
    }
}
