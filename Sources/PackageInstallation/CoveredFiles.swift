// Files of packages in folders that are mounted over during the installation: /proc, /sys and /dev. librpm is told to leave them
// alone (%_netsharedpath); when the mounts are gone they are made as their packages have them, and the database is told that they are there.
internal import CRPM
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A folder, device, FIFO or symbolic link of a package.
struct CoveredFile {
    var path: FilePath
    var mode: mode_t
    var device: dev_t
    var owner: String
    var group: String
    /// Seconds since 1970.
    var time: Int
    var target: String
}

struct CoveredFiles {
    private(set) var files: [CoveredFile] = []
    /// The names of the packages that have such files.
    private(set) var packages: Set<String> = []

    private static let covered = ScriptletFileSystems.directories + [ScriptletFileSystems.temporary]

    /// Notes those of a package; to be called before the run, afterwards librpm has let go of the lists of files.
    ///
    /// - Throws: `WorkerFailure` for a regular file below such a folder: its content could not be kept.
    mutating func add(_ header: Header?) throws {
        guard let list = rpmfilesNew(nil, header, 0, 0) else { return }
        defer { rpmfilesFree(list) }
        let below = ScriptletFileSystems.directories.map { "\($0)/" }
        let hasSome =
            Self.covered.contains { rpmfilesFindFN(list, $0.string) >= 0 }
            || (0..<Int32(rpmfilesDC(list))).contains { index in
                guard let name = rpmfilesDN(list, index) else { return false }
                return below.contains { strncmp(name, $0, $0.utf8.count) == 0 }
            }
        guard hasSome, let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)) else { return }
        packages.insert(String(cString: name))
        for index in 0..<Int32(rpmfilesFC(list)) {
            guard let pointer = rpmfilesFN(list, index) else { continue }
            defer { free(pointer) }
            let path = FilePath(platformString: pointer)
            guard Self.covered.contains(path) || ScriptletFileSystems.directories.contains(where: path.starts(with:)),
                rpmfilesFFlags(list, index) & RPMFILE_GHOST.rawValue == 0
            else { continue }
            let mode = mode_t(rpmfilesFMode(list, index))
            guard mode & S_IFMT != S_IFREG else {
                throw WorkerFailure(
                    kind: "transaction",
                    message:
                        "\(String(cString: name)) has the regular file \(path): /dev, /proc and /sys of a machine hold none")
            }
            files.append(
                CoveredFile(
                    path: path, mode: mode, device: dev_t(rpmfilesFRdev(list, index)),
                    owner: rpmfilesFUser(list, index).map { String(cString: $0) } ?? "root",
                    group: rpmfilesFGroup(list, index).map { String(cString: $0) } ?? "root",
                    time: Int(rpmfilesFMtime(list, index)),
                    target: rpmfilesFLink(list, index).map { String(cString: $0) } ?? ""))
        }
    }

    /// Makes them in the root's own folders, which the mounts cover for the worker's whole life.
    ///
    /// - Parameter folders: the covered folders, opened before they were mounted over.
    /// - Throws: `HostSystemError.systemCall`.
    func make(in root: FilePath, folders: [FilePath: FileDescriptor]) throws {
        let owners = AccountNumbers(file: root.pushing("etc/passwd"))
        let groups = AccountNumbers(file: root.pushing("etc/group"))
        let sorted = files.sorted { $0.path.string < $1.path.string }
        for file in sorted {
            try at(file.path, in: folders) { folder, name in
                let permissions = file.mode & 0o7777
                if name != "." {
                    let made: Int32 =
                        switch file.mode & S_IFMT {
                        case S_IFDIR: mkdirat(folder, name, permissions)
                        case S_IFLNK: symlinkat(file.target, folder, name)
                        default: mknodat(folder, name, file.mode, file.device)
                        }
                    try check(made == 0 || errno == EEXIST, file)
                }
                try check(fchownat(folder, name, owners[file.owner], groups[file.group], AT_SYMLINK_NOFOLLOW) == 0, file)
                if file.mode & S_IFMT != S_IFLNK { try check(fchmodat(folder, name, permissions, 0) == 0, file) }
            }
        }
        // Each folder after what is in it.
        for file in sorted.reversed() {
            try at(file.path, in: folders) { folder, name in
                let times = [timespec](repeating: timespec(tv_sec: file.time, tv_nsec: 0), count: 2)
                try check(utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) == 0, file)
            }
        }
    }

    /// Calls `body` with the folder that the file is in, reached through no symbolic link, and its name there.
    private func at(
        _ path: FilePath, in folders: [FilePath: FileDescriptor], _ body: (Int32, String) throws -> Void
    ) throws {
        guard let top = path.components.first, let covered = folders[FilePath(root: "/", [top])] else { return }
        var folder = covered.rawValue
        defer { if folder != covered.rawValue { close(folder) } }
        for component in path.components.dropFirst().dropLast() {
            let next = openat(folder, component.string, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else {
                throw HostSystemError.systemCall(what: "opening \(component) for \(path)", errno: Errno(rawValue: errno))
            }
            if folder != covered.rawValue { close(folder) }
            folder = next
        }
        try body(folder, path.components.count == 1 ? "." : path.lastComponent?.string ?? ".")
    }

    private func check(_ good: Bool, _ file: CoveredFile) throws {
        guard !good else { return }
        throw HostSystemError.systemCall(what: "making \(file.path) of the packages", errno: Errno(rawValue: errno))
    }

    /// In the database such files are "net shared"; it gets what it would have had without the mounts: they are installed as they should be.
    ///
    /// - Throws: `WorkerFailure` when the database cannot be written.
    func record(in transaction: rpmts) throws {
        guard !packages.isEmpty else { return }
        guard rpmtsOpenDB(transaction, O_RDWR) == 0 else {
            throw WorkerFailure(kind: "librpm", message: "the root's package database cannot be opened again")
        }
        for name in packages.sorted() {
            guard let iterator = rpmtsInitIterator(transaction, rpmDbiTagVal(RPMDBI_NAME.rawValue), name, 0) else { continue }
            defer { rpmdbFreeIterator(iterator) }
            rpmdbSetIteratorRewrite(iterator, 1)
            while let header = rpmdbNextIterator(iterator) {
                let data = rpmtdNew()
                defer { rpmtdFree(data) }
                guard headerGet(header, rpmTagVal(RPMTAG_FILESTATES.rawValue), data, headerGetFlags(HEADERGET_MINMEM.rawValue)) != 0,
                    let states = data?.pointee.data, let count = data?.pointee.count
                else { continue }
                // As librpm does for replaced files: the states are changed in the header's own memory.
                let bytes = states.assumingMemoryBound(to: UInt8.self)
                for index in 0..<Int(count) where bytes[index] == UInt8(RPMFILE_STATE_NETSHARED.rawValue) {
                    bytes[index] = UInt8(RPMFILE_STATE_NORMAL.rawValue)
                    rpmdbSetIteratorModified(iterator, 1)
                }
            }
        }
    }
}

/// Numbers by names, of the root's passwd(5) or group(5); as for librpm, one that is not there is root's.
private struct AccountNumbers {
    private var numbers: [String: UInt32] = [:]

    init(file: FilePath) {
        for line in ((try? readText(file)) ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, let number = UInt32(fields[2]) { numbers[String(fields[0])] = number }
        }
    }

    subscript(name: String) -> UInt32 { numbers[name] ?? 0 }
}
