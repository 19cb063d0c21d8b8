// The root's /tmp while packages are installed: what packages and underlays have there stays, as with rpm; what scriptlets leave there is
// removed.
internal import CRPM
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct TemporaryFolder {
    private let root: FilePath
    private var kept: Set<FilePath> = []
    /// Of packages' folders, in seconds since 1970: scriptlets changed them.
    private var times: [FilePath: Int] = [:]
    private var isMadeByPackage = false

    private static let path: FilePath = "/tmp"

    /// - Throws: `HostSystemError.systemCall`.
    init(in root: FilePath) throws {
        self.root = root
        var kept = kept
        try walk(root.pushing(Self.path.removingRoot())) { path, _ in kept.insert(path) }
        self.kept = kept
    }

    /// Notes what a package has there; to be called before the run, as `CoveredFiles.add`.
    mutating func add(_ header: Header?) {
        guard let list = rpmfilesNew(nil, header, 0, 0) else { return }
        defer { rpmfilesFree(list) }
        let top = rpmfilesFindFN(list, Self.path.string)
        if top >= 0, mode_t(rpmfilesFMode(list, top)) & S_IFMT != S_IFDIR { isMadeByPackage = true }
        let hasSome =
            top >= 0
            || (0..<Int32(rpmfilesDC(list))).contains { index in
                rpmfilesDN(list, index).map { strncmp($0, "\(Self.path)/", 5) == 0 } ?? false
            }
        guard hasSome else { return }
        for index in 0..<Int32(rpmfilesFC(list)) {
            guard let pointer = rpmfilesFN(list, index) else { continue }
            defer { free(pointer) }
            let path = FilePath(platformString: pointer)
            guard path.starts(with: Self.path) else { continue }
            let place = root.pushing(path.removingRoot())
            kept.insert(place)
            if mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFDIR { times[place] = Int(rpmfilesFMtime(list, index)) }
        }
    }

    /// Makes it where it is missing: scriptlets may run before the package that has it is installed.
    ///
    /// - Throws: `Errno`.
    func make() throws {
        let path = root.pushing(Self.path.removingRoot())
        guard !isMadeByPackage, !exists(path) else { return }
        guard mkdir(path.string, 0o1777) == 0, chmod(path.string, 0o1777) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Removes what nobody brought; when no scriptlet can run any more.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func clean() throws {
        let top = root.pushing(Self.path.removingRoot())
        var found: [(path: FilePath, isFolder: Bool)] = []
        // A link is visited, and not followed.
        try walk(top) { path, status in
            if path != top, !kept.contains(path) { found.append((path, status.st_mode & S_IFMT == S_IFDIR)) }
        }
        // Each folder after what is in it. One that is not empty holds a package's file.
        for (path, isFolder) in found.sorted(by: { $0.path.string > $1.path.string }) {
            let removed = path.withPlatformString { isFolder ? rmdir($0) : unlink($0) }
            guard removed == 0 || isFolder && errno == ENOTEMPTY else {
                throw HostSystemError.systemCall(what: "removing \(path)", errno: Errno(rawValue: errno))
            }
        }
        for (path, time) in times {
            let both = [timespec](repeating: timespec(tv_sec: time, tv_nsec: 0), count: 2)
            guard path.withPlatformString({ utimensat(AT_FDCWD, $0, both, AT_SYMLINK_NOFOLLOW) }) == 0 || errno == ENOENT else {
                throw HostSystemError.systemCall(what: "setting the time of \(path)", errno: Errno(rawValue: errno))
            }
        }
    }
}
