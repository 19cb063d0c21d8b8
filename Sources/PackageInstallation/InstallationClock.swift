// What the installation itself made bears SOURCE_DATE_EPOCH instead of the time of the build: scriptlets' files, and folders that something was put
// into. Packages' files keep the times that their packages have.
internal import CRPM
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct InstallationClock {
    private let begin: timespec
    /// Times of packages' files that are after the beginning: the build host's clock is behind, or a package is from the future.
    private var laterTimes: Set<Int> = []

    init() {
        var now = timespec()
        // The clock of inodes' times; the exact one is up to a tick ahead of it.
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        begin = now
    }

    mutating func add(_ header: Header?) {
        guard let times = rpmtdNew() else { return }
        defer { rpmtdFree(times) }
        guard headerGet(header, rpmTagVal(RPMTAG_FILEMTIMES.rawValue), times, headerGetFlags(HEADERGET_MINMEM.rawValue)) != 0 else { return }
        defer { rpmtdFreeData(times) }
        while let time = rpmtdNextUint32(times) {
            if Int(time.pointee) >= begin.tv_sec { laterTimes.insert(Int(time.pointee)) }
        }
    }

    /// Gives everything in the root that is younger than this clock the time `epoch`.
    ///
    /// - Parameter covered: folders of the root that are mounted over.
    /// - Throws: `HostSystemError.systemCall`.
    func clampTimes(in root: FilePath, covered: [FilePath: FileDescriptor], to epoch: Int) throws {
        var status = stat()
        guard lstat(root.string, &status) == 0 else { throw failure("reading \(root)") }
        let device = status.st_dev
        for (path, folder) in covered {
            var status = stat()
            guard fstat(folder.rawValue, &status) == 0 else { throw failure("reading \(path)") }
            guard isOfInstallation(status.st_mtim) else { continue }
            guard futimens(folder.rawValue, Self.times(epoch)) == 0 else { throw failure("setting the time of \(path)") }
        }
        try clamp(root, status, to: epoch)
        var waiting = [root]
        while let folder = waiting.popLast() {
            guard let entries = opendir(folder.string) else { throw failure("reading \(folder)") }
            defer { closedir(entries) }
            while let entry = readdir(entries) {
                guard let name = Self.name(entry) else { continue }
                let path = folder.appending(name)
                guard path.withPlatformString({ lstat($0, &status) }) == 0 else { throw failure("reading \(path)") }
                guard status.st_dev == device else { continue }
                if status.st_mode & S_IFMT == S_IFDIR { waiting.append(path) }
                try clamp(path, status, to: epoch)
            }
        }
    }

    /// `nil` for the folder itself and the one above.
    private static func name(_ entry: UnsafeMutablePointer<dirent>) -> FilePath.Component? {
        withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { FilePath.Component(platformString: $0) }
        }.flatMap { $0.kind == .regular ? $0 : nil }
    }

    private func clamp(_ path: FilePath, _ status: stat, to epoch: Int) throws {
        guard isOfInstallation(status.st_mtim) else { return }
        guard path.withPlatformString({ utimensat(AT_FDCWD, $0, Self.times(epoch), AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw failure("setting the time of \(path)")
        }
    }

    private func failure(_ what: String) -> HostSystemError { .systemCall(what: what, errno: Errno(rawValue: errno)) }

    private static func times(_ epoch: Int) -> [timespec] {
        [timespec](repeating: timespec(tv_sec: epoch, tv_nsec: 0), count: 2)
    }

    private func isOfInstallation(_ time: timespec) -> Bool {
        guard (time.tv_sec, time.tv_nsec) >= (begin.tv_sec, begin.tv_nsec) else { return false }
        return time.tv_nsec != 0 || !laterTimes.contains(time.tv_sec)
    }
}
