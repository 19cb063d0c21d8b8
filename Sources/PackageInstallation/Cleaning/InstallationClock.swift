// struct timespec is of the first of the modules that brought its header: with some orders of building that is CRPM.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// When the installation ran: by their times, what it made itself - scriptlets' files, folders that something was put into - can be told from
/// packages' files, which have their packages' times.
struct InstallationClock {
    /// Times of inodes are up to a tick behind the exact clock, or as exact as that (multigrain timestamps, Linux 6.13).
    private let begin = Self.now(by: CLOCK_REALTIME_COARSE)
    private let firstDay = time(nil) / 86400

    private static func now(by clock: clockid_t) -> timespec {
        var now = timespec()
        clock_gettime(clock, &now)
        return now
    }

    /// Whether a time is of the installation. One that is later than now is a package's, or somebody's wish.
    func measures(_ time: timespec) -> Bool {
        let now = Self.now(by: CLOCK_REALTIME)
        return (begin.tv_sec, begin.tv_nsec) <= (time.tv_sec, time.tv_nsec)
            && (time.tv_sec, time.tv_nsec) <= (now.tv_sec, now.tv_nsec)
    }

    /// The days of the installation as shadow(5) counts them.
    var days: ClosedRange<Int> { firstDay...max(firstDay, time(nil) / 86400) }

    /// Gives everything in the root that the installation made the time `epoch`.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func clampTimes(in root: FilePath, to epoch: Int) throws {
        let times = [timespec](repeating: timespec(tv_sec: epoch, tv_nsec: 0), count: 2)
        try walk(root) { path, status in
            guard measures(status.st_mtim) else { return }
            guard path.withPlatformString({ utimensat(AT_FDCWD, $0, times, AT_SYMLINK_NOFOLLOW) }) == 0 else {
                throw HostSystemError.systemCall(what: "setting the time of \(path)", errno: Errno(rawValue: errno))
            }
        }
    }
}

/// Visits a folder and everything below it on its file system; links are not followed. The folder may not be there.
///
/// - Throws: `HostSystemError.systemCall`, and what `visit` throws.
func walk(_ folder: FilePath, _ visit: (FilePath, stat) throws -> Void) throws {
    func failure(_ path: FilePath) -> HostSystemError {
        .systemCall(what: "reading \(path)", errno: Errno(rawValue: errno))
    }
    func name(_ entry: UnsafeMutablePointer<dirent>) -> FilePath.Component? {
        withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { FilePath.Component(platformString: $0) }
        }
    }
    var status = stat()
    guard folder.withPlatformString({ lstat($0, &status) }) == 0 else {
        if errno == ENOENT { return }
        throw failure(folder)
    }
    let device = status.st_dev
    try visit(folder, status)
    guard status.st_mode & S_IFMT == S_IFDIR else { return }
    var waiting = [folder]
    while let folder = waiting.popLast() {
        guard let entries = folder.withPlatformString({ opendir($0) }) else { throw failure(folder) }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            guard let name = name(entry), name.kind == .regular else { continue }
            let path = folder.appending(name)
            guard path.withPlatformString({ lstat($0, &status) }) == 0 else { throw failure(path) }
            guard status.st_dev == device else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { waiting.append(path) }
            try visit(path, status)
        }
    }
}
