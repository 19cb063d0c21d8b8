internal import CCap
import ConfigurationTree
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One layer of underlays or overlays on its way into the root.
///
/// The layer's folder is opened before the process enters the root; from then on its files are reached through that descriptor alone.
struct LayerCopy: ~Copyable {
    private let layer: OverlayLayer
    private let folder: FileDescriptor
    private let epoch: Int
    private(set) var problems: [String] = []
    /// What the layer put into the root.
    private(set) var paths: [FilePath] = []

    /// - Throws: `WorkerFailure` when the folder cannot be opened.
    init(_ layer: OverlayLayer, epoch: Int) throws {
        self.layer = layer
        self.epoch = epoch
        do {
            folder = try FileDescriptor.open(layer.path, .readOnly, options: [.directory, .closeOnExec])
        } catch {
            throw WorkerFailure(kind: "rootFilesystem", message: "\(layer.path): \(error)")
        }
    }

    deinit { try? folder.close() }

    /// Copies all; inside the root. What cannot be copied is in `problems`.
    mutating func copy(accounts: Accounts) {
        copyEntries(of: folder, to: "/", hidden: false)
        for permission in layer.permissions { apply(permission, accounts) }
        // Folders last: writing into them changed their times.
        for path in paths where Root.mode(path, followingLinks: false).map({ $0 & S_IFMT == S_IFDIR }) ?? false {
            Root.setTimes(path, epoch: epoch)
        }
    }

    private mutating func copyEntries(of directory: FileDescriptor, to destination: FilePath, hidden: Bool) {
        for name in names(in: directory) where hidden || !name.hasPrefix(".") {
            var status = stat()
            let target = destination.appending(name)
            guard fstatat(directory.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                problems.append("\(source(target)): \(Errno(rawValue: errno))")
                continue
            }
            do {
                switch status.st_mode & S_IFMT {
                case S_IFDIR: try copyFolder(name, in: directory, mode: status.st_mode, to: target)
                case S_IFREG: try copyFile(name, in: directory, mode: status.st_mode, to: target)
                case S_IFLNK: try copyLink(name, in: directory, to: target)
                case S_IFIFO:
                    try makeWay(for: target)
                    guard mkfifo(target.string, status.st_mode & 0o7777) == 0 else { throw Errno(rawValue: errno) }
                    chmod(target.string, status.st_mode & 0o7777)
                    paths.append(target)
                default: problems.append("\(source(target)): neither a file, a folder, a link nor a FIFO")
                }
            } catch {
                problems.append("\(source(target)): \(error)")
            }
        }
    }

    private func source(_ target: FilePath) -> String { layer.path.pushing(target.removingRoot()).string }

    private mutating func copyFolder(_ name: String, in directory: FileDescriptor, mode: mode_t, to target: FilePath)
        throws
    {
        if let existing = Root.mode(target, followingLinks: true) {
            // A link to a folder, such as /bin, is followed; what is there keeps its mode and owner.
            guard existing & S_IFMT == S_IFDIR else {
                problems.append("\(source(target)) is a folder, but \(target) of the root is a file")
                return
            }
        } else {
            guard Root.mode(target, followingLinks: false) == nil else {
                problems.append("\(source(target)) is a folder, but \(target) of the root is a link to nothing")
                return
            }
            guard mkdir(target.string, mode & 0o7777) == 0, chmod(target.string, mode & 0o7777) == 0 else {
                throw Errno(rawValue: errno)
            }
            paths.append(target)
        }
        let inner = openat(directory.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard inner >= 0 else { throw Errno(rawValue: errno) }
        let descriptor = FileDescriptor(rawValue: inner)
        defer { try? descriptor.close() }
        copyEntries(of: descriptor, to: target, hidden: true)
    }

    private mutating func copyFile(_ name: String, in directory: FileDescriptor, mode: mode_t, to target: FilePath)
        throws
    {
        try makeWay(for: target)
        let opened = openat(directory.rawValue, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        let input = FileDescriptor(rawValue: opened)
        defer { try? input.close() }
        let output = try FileDescriptor.open(
            target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        try output.closeAfter {
            let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
            defer { chunk.deallocate() }
            while case let count = try input.read(into: chunk), count > 0 { try output.writeAll(chunk[..<count]) }
            guard fchown(output.rawValue, 0, 0) == 0, fchmod(output.rawValue, mode & 0o7777) == 0 else {
                throw Errno(rawValue: errno)
            }
        }
        Root.setTimes(target, epoch: epoch)
        paths.append(target)
    }

    private mutating func copyLink(_ name: String, in directory: FileDescriptor, to target: FilePath) throws {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlinkat(directory.rawValue, name, &buffer, Int(PATH_MAX)) >= 0 else { throw Errno(rawValue: errno) }
        try makeWay(for: target)
        guard symlink(buffer, target.string) == 0 else { throw Errno(rawValue: errno) }
        Root.setTimes(target, epoch: epoch)
        paths.append(target)
    }

    /// Removes the file or link that the layer's entry replaces.
    private func makeWay(for target: FilePath) throws {
        guard let existing = Root.mode(target, followingLinks: false) else { return }
        guard existing & S_IFMT != S_IFDIR else {
            throw WorkerFailure(kind: "rootFilesystem", message: "it would replace the folder \(target) of the root")
        }
        guard unlink(target.string) == 0 else { throw Errno(rawValue: errno) }
    }

    private mutating func apply(_ permission: OverlayPermission, _ accounts: Accounts) {
        func fail(_ message: String) { problems.append("\(permission.location): error: \(message)") }
        guard let owner = accounts.user(permission.owner) else {
            return fail("the root has no user '\(permission.owner)'")
        }
        guard let group = accounts.group(permission.group) else {
            return fail("the root has no group '\(permission.group)'")
        }
        guard let mode = Root.mode(permission.path, followingLinks: false) else {
            return fail("the root has no \(permission.path)")
        }
        guard lchown(permission.path.string, owner, group) == 0 else {
            return fail("\(permission.path): \(Errno(rawValue: errno))")
        }
        if mode & S_IFMT != S_IFLNK { chmod(permission.path.string, mode_t(permission.mode)) }
        if let text = permission.capabilities {
            guard let capabilities = cap_from_text(text) else {
                return fail("'\(text)' are no capabilities (cap_from_text(3))")
            }
            defer { cap_free(UnsafeMutableRawPointer(capabilities)) }
            guard cap_set_file(permission.path.string, capabilities) == 0 else {
                return fail("\(permission.path): \(Errno(rawValue: errno))")
            }
        }
    }

    private func names(in directory: FileDescriptor) -> [String] {
        let copy = openat(directory.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }
}
