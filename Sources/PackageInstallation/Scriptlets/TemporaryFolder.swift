// The root's /tmp and /var/tmp while packages are installed: what packages and underlays have there stays, as with rpm; what scriptlets leave there is
// removed. Where nobody has anything there they are in memory, if the build host has enough of it: dracut, with 100 MB of files that live for two seconds,
// took 2.9 s with them on ext4 and 2.55 s in memory, 3.6 and 2.75 after other builds: ext4 looks for a long time at inodes that were freed lately.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct TemporaryFolder {
    static let paths: [FilePath] = ["/tmp", "/var/tmp"]

    let path: FilePath
    private let root: FilePath
    private var kept: Set<FilePath> = []
    /// Of packages' folders, in seconds since 1970: scriptlets changed them.
    private var times: [FilePath: Int] = [:]
    /// The folder itself, as packages have it, by their names.
    private(set) var entries: [(package: String, folder: CoveredFile)] = []
    private var isOtherThanFolder = false
    private var hasContent: Bool

    /// - Parameter headers: those of the packages that will be installed.
    /// - Throws: `HostSystemError.systemCall`.
    init(_ path: FilePath, in root: FilePath, headers: PackageHeaders, packages: [PackageFile]) throws {
        self.path = path
        self.root = root
        let top = root.pushing(path.removingRoot())
        var kept = kept
        try walk(top) { path, _ in kept.insert(path) }
        self.kept = kept
        hasContent = !kept.subtracting([top]).isEmpty
        for (index, package) in packages.enumerated() {
            if let list = headers.lists[index]?.files { add(list, of: headers.headers[index], package: package) }
        }
    }

    /// Notes what a package has there.
    private mutating func add(_ list: rpmfiles, of header: Header?, package: PackageFile) {
        guard let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)) else { return }
        let top = rpmfilesFindFN(list, path.string)
        if top >= 0 {
            let entry = CoveredFile(list, top, path: path, package: package)
            entries.append((String(cString: name), entry))
            if entry.mode & S_IFMT != S_IFDIR { isOtherThanFolder = true }
        }
        // /var, of the one that is not the root's own.
        let above = rpmfilesFindFN(list, path.removingLastComponent().string)
        if above >= 0, mode_t(rpmfilesFMode(list, above)) & S_IFMT != S_IFDIR { isOtherThanFolder = true }
        let below = "\(path)/"
        let hasSome =
            top >= 0
            || (0..<Int32(rpmfilesDC(list))).contains { index in
                rpmfilesDN(list, index).map { strncmp($0, below, below.utf8.count) == 0 } ?? false
            }
        guard hasSome else { return }
        for index in 0..<Int32(rpmfilesFC(list)) {
            guard let pointer = rpmfilesFN(list, index) else { continue }
            defer { free(pointer) }
            let path = FilePath(platformString: pointer)
            guard path.starts(with: self.path) else { continue }
            if path != self.path { hasContent = true }
            let place = root.pushing(path.removingRoot())
            kept.insert(place)
            if mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFDIR { times[place] = Int(rpmfilesFMtime(list, index)) }
        }
    }

    /// Whether the root is the same when scriptlets had another folder in its place: a package makes it, and nobody but scriptlets puts anything into it.
    var canBeCovered: Bool {
        guard !entries.isEmpty, !isOtherThanFolder, !hasContent else { return false }
        var place = root
        return path.components.allSatisfy { component in
            place.append(component)
            var status = stat()
            return lstat(place.string, &status) != 0 || status.st_mode & S_IFMT == S_IFDIR
        }
    }

    /// Makes /tmp where it is missing: scriptlets may run before the package that has it is installed. The other one librpm makes itself.
    ///
    /// - Throws: `Errno`.
    func make() throws {
        let path = root.pushing(self.path.removingRoot())
        guard self.path == "/tmp", !isOtherThanFolder, !exists(path) else { return }
        guard mkdir(path.string, 0o1777) == 0, chmod(path.string, 0o1777) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Removes what nobody brought; when no scriptlet can run any more.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func clean() throws {
        let top = root.pushing(path.removingRoot())
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
