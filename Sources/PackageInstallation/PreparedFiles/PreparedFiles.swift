// Makes the files of packages before their turn, and moves them to their places when it comes.
//
// librpm makes a package's files between two scriptlets, on one core. Meanwhile another process makes files in a folder beside the root. They are moved into
// the root at RPMCALLBACK_INST_START, and librpm is told to make no files of this package (RPMTRANS_FLAG_JUSTDB, which it reads for each package after that
// callback, psm.c). The root is the same either way, to the byte and to each folder's time (PreparedFilesTests), because folders and files are made in the
// order of rpmPackageFilesInstall (fsm.c). If anything differs from an empty root - a file exists already, a folder is a link - the moved files are removed
// and librpm makes the files of the package.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// The prepared files of a root.
struct PreparedFiles {
    /// Contains the root and the folder in one mount, so that files can be renamed between them.
    private let parent: ParkedDescriptor
    private let root: String
    private let folder: String
    private let covered: Set<FilePath>

    /// - Parameters:
    ///   - folder: beside the root; see `place` for its entries.
    ///   - covered: folders of the root that are mounted over.
    init?(for root: FilePath, from folder: FilePath?, in parent: ParkedDescriptor?, covered: Set<FilePath>) {
        guard let parent, let name = root.lastComponent, let folder = folder?.lastComponent else { return nil }
        self.parent = parent
        self.root = name.string
        self.folder = folder.string
        self.covered = covered
        // Another file system may be mounted on the root.
        guard with(folder.string, { opened, _ in opened.isSame(as: root) }) == true else { return nil }
    }

    /// The folder with a package's regular files. Each has as its name the file's number in the package's list.
    static func place(of number: Int, in folder: FilePath) -> FilePath { folder.appending("\(number)") }

    /// A file beside the package's files, which has their order.
    static let orderName = "order"

    /// Exists when it is too late to begin with the package.
    static func mark(of number: Int, in folder: FilePath) -> FilePath { folder.appending("\(number).begun") }

    /// Calls `body` with the root and a folder beside it, and closes both afterwards.
    private func with<Value>(_ name: String, _ body: (borrowing OpenRoot, _ folder: FileDescriptor) -> Value) -> Value? {
        parent.with { parent in
            let opened = openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard opened >= 0 else { return nil }
            defer { close(opened) }
            guard let root = try? OpenRoot(root, in: parent, covered: covered) else { return nil }
            return body(root, FileDescriptor(rawValue: opened))
        } ?? nil
    }

    /// The packages that can be prepared, given what the root contains. To be called when librpm has looked at the root.
    ///
    /// - Parameter order: the packages' numbers as they are installed.
    func settle(_ packages: inout PreparablePackages, order: [Int]) -> Set<Int> {
        with(folder) { root, _ in
            packages.settle(order: order, isThere: { root.contains($0) }, isBehindLink: { root.isBehindLink($0) })
            return packages.all
        } ?? []
    }

    /// Notes that librpm makes the package's files.
    func markBegun(_ number: Int) {
        _ = with(folder) { _, folder in
            let file = openat(folder.rawValue, "\(number).begun", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            if file >= 0 { close(file) }
        }
    }

    /// Moves the package's prepared files into the root and makes its folders.
    ///
    /// - Parameter madeFolders: the folders that this package makes.
    /// - Returns: whether all are in their places. If not, the root is as before, so that librpm can make all of them.
    func move(_ number: Int, _ header: Header?, madeFolders: Set<Int32>) -> Bool {
        guard let list = FileList(header) else { return false }
        return with("\(folder)/\(number)") { root, prepared in move(list.files, from: prepared, to: root, madeFolders) } ?? false
    }

    private func move(_ list: rpmfiles, from prepared: FileDescriptor, to root: borrowing OpenRoot, _ madeFolders: Set<Int32>) -> Bool {
        func isFolder(_ index: Int32) -> Bool { mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFDIR }
        guard let all = Self.order(in: prepared, of: Int(rpmfilesFC(list))) else { return false }
        let files = all.filter { !isFolder($0) || madeFolders.contains($0) }
        var made: [MadeEntry] = []
        let isWhole =
            visit(files, of: list, in: root, noteMade: { made.append(.missingFolder($0)) }) { parent, index in
                !isFolder(index) || makeFolder(list, index, in: parent) { made.append(.own(index)) }
            }
            && visit(files.filter { !isFolder($0) }.sorted(), of: list, in: root, noteMade: nil) { parent, index in
                guard mode_t(rpmfilesFMode(list, index)) & S_IFMT != S_IFLNK else {
                    return makeLink(list, index, in: parent) { made.append(.own(index)) }
                }
                let isThere = moveToFreeName("\(index)", in: prepared, to: rpmfilesBN(list, index), in: parent)
                if isThere { made.append(.own(index)) }
                return isThere
            }
        if !isWhole { remove(made, of: list, from: root) }
        return isWhole
    }

    private enum MadeEntry {
        case missingFolder(FilePath)
        case own(Int32)
    }

    /// Leaving folders behind would be visible: a folder's time changes when librpm makes another one in it.
    private func remove(_ made: [MadeEntry], of list: rpmfiles, from root: borrowing OpenRoot) {
        for entry in made.reversed() {
            switch entry {
            case .missingFolder(let path):
                guard let name = path.lastComponent, let parent = path.removingLastComponent().withPlatformString({ root.open($0) }) else { continue }
                _ = name.withPlatformString { unlinkat(parent.rawValue, $0, AT_REMOVEDIR) }
                try? parent.close()
            case .own(let index):
                guard let name = rpmfilesBN(list, index), let folder = rpmfilesDN(list, rpmfilesDI(list, index)), let parent = root.open(folder)
                else { continue }
                unlinkat(parent.rawValue, name, mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFDIR ? AT_REMOVEDIR : 0)
                try? parent.close()
            }
        }
    }

    /// The package's files in the order of its payload, which determines folders' times. For hard links it differs from the header's order.
    private static func order(in folder: FileDescriptor, of count: Int) -> [Int32]? {
        let file = openat(folder.rawValue, orderName, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let size = MemoryLayout<Int32>.stride
        let files = [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = max(0, pread(file, buffer.baseAddress, count * size, 0)) / size
        }
        return files.allSatisfy { (0..<Int32(count)).contains($0) } ? files : nil
    }

    /// Opens the folder of each file, once for those that follow each other. One with a default ACL is librpm's: what is moved there does not get it.
    private func visit(
        _ files: [Int32], of list: rpmfiles, in root: borrowing OpenRoot, noteMade: ((FilePath) -> Void)?,
        _ body: (_ parent: FileDescriptor, _ index: Int32) -> Bool
    ) -> Bool {
        var open: (number: Int32, folder: FileDescriptor)?
        defer { try? open?.folder.close() }
        for index in files {
            let number = rpmfilesDI(list, index)
            if open?.number != number {
                try? open?.folder.close()
                open = nil
                guard let name = rpmfilesDN(list, number), let folder = root.open(name, noteMade: noteMade) else { return false }
                open = (number, folder)
                guard !hasDefaultACL(folder) else { return false }
            }
            guard let open, body(open.folder, index) else { return false }
        }
        return true
    }

    private static func times(_ list: rpmfiles, _ index: Int32) -> [timespec] {
        [timespec](repeating: timespec(tv_sec: Int(rpmfilesFMtime(list, index)), tv_nsec: 0), count: 2)
    }

    private func makeFolder(_ list: rpmfiles, _ index: Int32, in parent: FileDescriptor, noteMade: () -> Void) -> Bool {
        guard let name = rpmfilesBN(list, index) else { return false }
        let isTop = name.pointee == 0
        if !isTop {
            let isMade = mkdirat(parent.rawValue, name, 0o700) == 0
            guard isMade || errno == EEXIST else { return false }
            if isMade { noteMade() }
        }
        let folder = isTop ? dup(parent.rawValue) : openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { return false }
        defer { close(folder) }
        return fchown(folder, 0, 0) == 0 && fchmod(folder, mode_t(rpmfilesFMode(list, index)) & 0o7777) == 0
            && futimens(folder, Self.times(list, index)) == 0
    }

    private func makeLink(_ list: rpmfiles, _ index: Int32, in parent: FileDescriptor, noteMade: () -> Void) -> Bool {
        let parent = parent.rawValue
        guard let name = rpmfilesBN(list, index), let target = rpmfilesFLink(list, index), symlinkat(target, parent, name) == 0 else { return false }
        noteMade()
        return fchownat(parent, name, 0, 0, AT_SYMLINK_NOFOLLOW) == 0
            && utimensat(parent, name, Self.times(list, index), AT_SYMLINK_NOFOLLOW) == 0
    }
}

extension PreparedFiles {
    /// Makes the regular files of a package that is verified.
    ///
    /// - Parameter folder: empty.
    /// - Throws: `WorkerFailure`, `Errno`: librpm will make them, or say what is wrong.
    static func write(_ package: PackageFile, to folder: FilePath) throws {
        let failure = WorkerFailure(kind: .transaction, message: "\(package.path) cannot be unpacked")
        let transaction: rpmts = rpmtsCreate()
        defer { rpmtsFree(transaction) }
        rpmtsSetVfyLevel(transaction, 0)
        try PackageKeyring([]).trust(in: transaction)
        let opened = try package.open()
        var header: Header?
        let result = rpmReadPackageFile(transaction, opened, package.path.string, &header)
        defer { headerFree(header) }
        let compressor = headerGetString(header, rpmTagVal(RPMTAG_PAYLOADCOMPRESSOR.rawValue)).map { String(cString: $0) } ?? "gzip"
        guard [RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED].contains(result), let stream = Fdopen(opened, "r.\(compressor)") else {
            Fclose(opened)
            throw failure
        }
        defer { Fclose(stream) }
        guard UnpackAheadJob.hasRoom(for: header, in: folder), let list = rpmfilesNew(nil, header, 0, 0) else { throw failure }
        defer { rpmfilesFree(list) }
        guard let archive = rpmfiNewArchiveReader(stream, list, Int32(RPMFI_ITER_READ_ARCHIVE.rawValue)) else { throw failure }
        defer {
            rpmfiArchiveClose(archive)
            rpmfiFree(archive)
        }
        let hasPayloadDigest = headerIsEntry(header, rpmTagVal(RPMTAG_PAYLOADDIGEST.rawValue)) != 0
        var order: [Int32] = []
        while case let index = rpmfiNext(archive), index != RPMERR_ITER_END.rawValue {
            guard index >= 0 else { throw failure }
            order.append(index)
            guard mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFREG, rpmfiArchiveHasContent(archive) != 0 else { continue }
            let path = folder.appending("\(index)")
            let file = try FileDescriptor.open(path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerWrite)
            try file.closeAfter {
                guard let output = fdDup(file.rawValue) else { throw failure }
                defer { Fclose(output) }
                guard rpmfiArchiveReadToFile(archive, output, hasPayloadDigest ? 1 : 0) == 0 else { throw failure }
                guard fchown(file.rawValue, 0, 0) == 0, fchmod(file.rawValue, mode_t(rpmfilesFMode(list, index)) & 0o7777) == 0,
                    futimens(file.rawValue, times(list, index)) == 0
                else { throw Errno(rawValue: errno) }
            }
            try makeHardLinks(list, index, in: folder)
        }
        let file = try FileDescriptor.open(folder.appending(orderName), .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
        _ = try file.closeAfter { try order.withUnsafeBytes { try file.writeAll($0) } }
    }

    /// The last file of a set of hard links has the content in the payload.
    private static func makeHardLinks(_ list: rpmfiles, _ index: Int32, in folder: FilePath) throws {
        var others: UnsafePointer<Int32>?
        let count = Int(rpmfilesFLinks(list, index, &others))
        guard count > 1, let others else { return }
        for other in UnsafeBufferPointer(start: others, count: count) where other != index {
            guard link(folder.appending("\(index)").string, folder.appending("\(other)").string) == 0 else { throw Errno(rawValue: errno) }
        }
    }
}
