// The root's /tmp and /var/tmp while packages are installed. Files of packages and underlays stay, as with rpm; what scriptlets leave is removed. A folder in
// which they have no files is in memory, if the build host has enough of it: dracut, which writes 100 MB of files that live for two seconds, took 2.9 s
// on ext4 and 2.55 s in memory (3.6 and 2.75 after other builds, since ext4 is slow with recently freed inodes).
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct TemporaryFolder {
    static let paths: [FilePath] = ["/tmp", "/var/tmp"]

    let path: FilePath
    private let root: FilePath
    private var kept: Set<FilePath> = []
    /// The times of packages' folders, which scriptlets change; in seconds since 1970.
    private var times: [FilePath: Int] = [:]
    /// The folder itself, as each package has it.
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

    /// Notes the package's files in the folder.
    private mutating func add(_ list: rpmfiles, of header: Header?, package: PackageFile) {
        guard let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)) else { return }
        let top = rpmfilesFindFN(list, path.string)
        if top >= 0 {
            let entry = CoveredFile(list, top, path: path, package: package)
            entries.append((String(cString: name), entry))
            if entry.mode & S_IFMT != S_IFDIR { isOtherThanFolder = true }
        }
        // For /var/tmp, /var may be a link.
        let above = rpmfilesFindFN(list, path.removingLastComponent().string)
        if above >= 0, mode_t(rpmfilesFMode(list, above)) & S_IFMT != S_IFDIR { isOtherThanFolder = true }
        for index in FolderPrefixes([path]).files(in: list) {
            let path = FilePath(list, index)
            if index != top { hasContent = true }
            let place = root.pushing(path.removingRoot())
            kept.insert(place)
            if mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFDIR { times[place] = Int(rpmfilesFMtime(list, index)) }
        }
    }

    /// Whether the root does not change when scriptlets get another folder instead: a package makes it, and only scriptlets put files into it.
    var canBeCovered: Bool {
        guard !entries.isEmpty, !isOtherThanFolder, !hasContent else { return false }
        var place = root
        return path.components.allSatisfy { component in
            place.append(component)
            var status = stat()
            return lstat(place.string, &status) != 0 || status.st_mode & S_IFMT == S_IFDIR
        }
    }

    /// Makes /tmp if it is missing, since scriptlets may run before the package that has it is installed. librpm makes /var/tmp itself.
    ///
    /// - Throws: `Errno`.
    func make() throws {
        let path = root.pushing(self.path.removingRoot())
        guard self.path == "/tmp", !isOtherThanFolder, !exists(path) else { return }
        guard mkdir(path.string, 0o1777) == 0, chmod(path.string, 0o1777) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Removes files that neither packages nor the root have. To be called when no scriptlet can run any more.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func clean() throws {
        let top = root.pushing(path.removingRoot())
        var found: [(path: FilePath, isFolder: Bool)] = []
        try walk(top) { path, status in
            if path != top, !kept.contains(path) { found.append((path, status.st_mode & S_IFMT == S_IFDIR)) }
        }
        // A folder comes after its entries. One that is not empty has a package's file.
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
