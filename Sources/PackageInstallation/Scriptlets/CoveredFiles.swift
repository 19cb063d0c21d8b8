// Files of packages in folders that are mounted over during the installation: /proc, /sys, /dev and temporary folders. librpm is told to skip them
// (%_netsharedpath). They are made when the mounts are gone, and the database is changed to say that they are installed.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// A file of a package in a folder that is mounted over.
struct CoveredFile {
    var path: FilePath
    var package: PackageFile
    var mode: mode_t
    var device: dev_t
    var owner: String
    var group: String
    /// Seconds since 1970.
    var time: Int
    var target: String
    /// For a regular file, the number in the package's list of the file that has its content in the payload: the first one of its hard links.
    var content: Int32?
    /// The covered file that this one is a hard link of: the first one by name.
    var link: FilePath?

    init(_ list: rpmfiles?, _ index: Int32, path: FilePath, package: PackageFile) {
        self.path = path
        self.package = package
        mode = mode_t(rpmfilesFMode(list, index))
        device = dev_t(rpmfilesFRdev(list, index))
        owner = rpmfilesFUser(list, index).map { String(cString: $0) } ?? "root"
        group = rpmfilesFGroup(list, index).map { String(cString: $0) } ?? "root"
        time = Int(rpmfilesFMtime(list, index))
        target = rpmfilesFLink(list, index).map { String(cString: $0) } ?? ""
    }
}

struct CoveredFiles {
    private static let folders = FolderPrefixes(ScriptletFileSystems.directories)

    private(set) var files: [CoveredFile] = []
    /// The names of the packages with such files.
    private(set) var packages: Set<String> = []

    /// Notes the covered files of a package. To be called before the transaction runs, after which librpm has released the lists of files.
    ///
    /// - Throws: `WorkerFailure` for a file with capabilities.
    mutating func add(_ list: rpmfiles, of header: Header?, package: PackageFile) throws {
        let covered = Self.folders.files(in: list)
        guard !covered.isEmpty, let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)) else { return }
        packages.insert(String(cString: name))
        for index in covered where rpmfilesFFlags(list, index) & RPMFILE_GHOST.rawValue == 0 {
            let path = FilePath(list, index)
            if let capabilities = rpmfilesFCaps(list, index), capabilities.pointee != 0 {
                throw WorkerFailure(
                    kind: .transaction,
                    message: "\(String(cString: name)): \(path) has capabilities; files with capabilities cannot be made in /dev, /proc or /sys")
            }
            var file = CoveredFile(list, index, path: path, package: package)
            if file.mode & S_IFMT == S_IFREG { (file.content, file.link) = Self.links(of: index, in: list, covered: covered) }
            files.append(file)
        }
    }

    /// Notes a folder of a package that is mounted over later.
    mutating func add(_ folder: CoveredFile, of name: String) {
        packages.insert(name)
        files.append(folder)
    }

    /// The number of the file that has the file's content in the payload, and the covered file that it is a hard link of.
    private static func links(of index: Int32, in list: rpmfiles, covered: [Int32]) -> (content: Int32, link: FilePath?) {
        var members: UnsafePointer<Int32>?
        let count = rpmfilesFLinks(list, index, &members)
        guard count > 1, let members else { return (index, nil) }
        let all = UnsafeBufferPointer(start: members, count: Int(count))
        let first = Set(all).intersection(covered).map { FilePath(list, $0) }.min { $0.string < $1.string }
        return (all[0], first == FilePath(list, index) ? nil : first)
    }

    /// Makes the files in the root's own folders.
    ///
    /// - Parameter folders: the covered folders, opened before they were mounted over.
    /// - Throws: `HostSystemError.systemCall`.
    func make(in root: FilePath, folders: [FilePath: FileDescriptor]) throws {
        let owners = AccountNumbers(file: root.pushing("etc/passwd"))
        let groups = AccountNumbers(file: root.pushing("etc/group"))
        let sorted = files.sorted { $0.path.string < $1.path.string }
        for file in sorted {
            try at(file.path, in: folders) { folder, name in
                if name != "." {
                    let made: Int32 =
                        switch file.mode & S_IFMT {
                        case S_IFDIR: mkdirat(folder, name, 0o700)
                        case S_IFLNK: symlinkat(file.target, folder, name)
                        case S_IFREG: try makeRegularFile(file, folder, name, in: folders)
                        default: mknodat(folder, name, file.mode, file.device)
                        }
                    try check(made == 0 || errno == EEXIST, file)
                }
            }
        }
        try unpack(sorted, in: folders)
        for file in sorted {
            try at(file.path, in: folders) { folder, name in
                var permissions = file.mode & 0o7777
                // As librpm does (rpmfilesStat, rpmfiles.c; it has warned already), an unknown owner's file becomes root's, and loses the bit that would give it
                // root's privileges.
                let (owner, group) = (owners[file.owner], groups[file.group])
                if owner == nil, file.owner != "root" { permissions &= ~S_ISUID }
                if group == nil, file.group != "root" { permissions &= ~S_ISGID }
                try check(fchownat(folder, name, owner ?? 0, group ?? 0, AT_SYMLINK_NOFOLLOW) == 0, file)
                if file.mode & S_IFMT != S_IFLNK { try check(fchmodat(folder, name, permissions, 0) == 0, file) }
            }
        }
        // A folder comes after its entries, which change its time.
        for file in sorted.reversed() {
            try at(file.path, in: folders) { folder, name in
                let times = [timespec](repeating: timespec(tv_sec: file.time, tv_nsec: 0), count: 2)
                try check(utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) == 0, file)
            }
        }
    }

    private func makeRegularFile(
        _ file: CoveredFile, _ folder: Int32, _ name: String, in folders: [FilePath: FileDescriptor]
    ) throws -> Int32 {
        if let link = file.link {
            var result: Int32 = -1
            try at(link, in: folders) { linkFolder, linkName in result = linkat(linkFolder, linkName, folder, name, 0) }
            return result
        }
        let opened = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        return opened < 0 ? -1 : close(opened)
    }

    /// Writes the contents of regular files.
    private func unpack(_ files: [CoveredFile], in folders: [FilePath: FileDescriptor]) throws {
        let regular = files.filter { $0.content != nil && $0.link == nil }
        for (package, files) in Dictionary(grouping: regular, by: \.package).sorted(by: { $0.key.path.string < $1.key.path.string }) {
            let payload = try PackagePayload(package)
            let wanted = Dictionary(files.map { ($0.content, $0) }) { first, _ in first }
            while let number = try payload.next() {
                guard let file = wanted[number] else { continue }
                try at(file.path, in: folders) { folder, name in
                    let opened = openat(folder, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)
                    try check(opened >= 0, file)
                    let descriptor = FileDescriptor(rawValue: opened)
                    try descriptor.closeAfter { try payload.write(to: descriptor) }
                }
            }
        }
    }

    /// Calls `body` with the folder that the file is in, reached without following a symlink, and the file's name.
    private func at(
        _ path: FilePath, in folders: [FilePath: FileDescriptor], _ body: (Int32, String) throws -> Void
    ) throws {
        guard let (top, covered) = folders.first(where: { path.starts(with: $0.key) }) else { return }
        let below = path.components.dropFirst(top.components.count)
        var folder = covered.rawValue
        defer { if folder != covered.rawValue { close(folder) } }
        for component in below.dropLast() {
            let next = openat(folder, component.string, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else {
                throw HostSystemError.systemCall(what: "opening \(component) for \(path)", errno: Errno(rawValue: errno))
            }
            if folder != covered.rawValue { close(folder) }
            folder = next
        }
        try body(folder, below.last?.string ?? ".")
    }

    private func check(_ good: Bool, _ file: CoveredFile) throws {
        guard !good else { return }
        throw HostSystemError.systemCall(what: "making \(file.path) of the packages", errno: Errno(rawValue: errno))
    }

    /// Changes the state of these files in the database from "net shared" to "normal", as it would be without the mounts. Forgets files that librpm left out
    /// for another reason (excluded paths).
    ///
    /// - Throws: `WorkerFailure` when the database cannot be written.
    mutating func record(in transaction: rpmts) throws {
        guard !packages.isEmpty else { return }
        var shared: Set<FilePath> = []
        guard rpmtsOpenDB(transaction, O_RDWR) == 0 else {
            throw WorkerFailure(kind: .librpm, message: "the root's package database cannot be opened again")
        }
        for name in packages.sorted() {
            guard let iterator = rpmtsInitIterator(transaction, rpmDbiTagVal(RPMDBI_NAME.rawValue), name, 0) else { continue }
            defer { rpmdbFreeIterator(iterator) }
            rpmdbSetIteratorRewrite(iterator, 1)
            while let header = rpmdbNextIterator(iterator) {
                let data = rpmtdNew()
                defer { rpmtdFree(data) }
                guard let list = rpmfilesNew(nil, header, 0, 0) else { continue }
                defer { rpmfilesFree(list) }
                guard headerGet(header, rpmTagVal(RPMTAG_FILESTATES.rawValue), data, headerGetFlags(HEADERGET_MINMEM.rawValue)) != 0,
                    let states = data?.pointee.data, let count = data?.pointee.count
                else { continue }
                // Changes the states in the header's own memory, as librpm does for replaced files.
                let bytes = states.assumingMemoryBound(to: UInt8.self)
                for index in 0..<Int(count) where bytes[index] == UInt8(RPMFILE_STATE_NETSHARED.rawValue) {
                    bytes[index] = UInt8(RPMFILE_STATE_NORMAL.rawValue)
                    rpmdbSetIteratorModified(iterator, 1)
                    guard let pointer = rpmfilesFN(list, Int32(index)) else { continue }
                    defer { free(pointer) }
                    shared.insert(FilePath(platformString: pointer))
                }
            }
        }
        files.removeAll { !shared.contains($0.path) }
    }
}
