public import Glibc
public import SystemPackage

/// Visits a folder and everything below it on its file system: a folder before its entries, these in the order of their names' bytes.
/// Links are visited and not followed; folders that something is mounted on are left out. Does nothing when the folder does not exist.
///
/// - Parameter isWanted: whether `visit` is called for a file of this status. A path is made only of those and of folders: in a large tree, that takes longest.
/// - Throws: `HostSystemError.systemCall` and `FileError` for what cannot be read, and what `visit` throws.
public func walk(_ folder: FilePath, where isWanted: (stat) -> Bool = { _ in true }, _ visit: (FilePath, stat) throws -> Void) throws {
    func failure(_ path: FilePath, _ error: Errno) -> HostSystemError { .systemCall(what: "reading \(path)", errno: error) }
    func entries(of folder: FilePath) throws -> [(name: [CChar], status: stat)] {
        do {
            let opened = try FileDescriptor.open(folder, .readOnly, options: [.directory, .noFollow, .closeOnExec])
            return try opened.closeAfter {
                try folderNames(opened).map { name in
                    var status = stat()
                    guard fstatat(opened.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                        throw failure(folder.appending(name: name), Errno(rawValue: errno))
                    }
                    return (name, status)
                }
            }
        } catch let error as Errno {
            throw failure(folder, error)
        }
    }
    guard try isThere(folder) else { return }
    var top = stat()
    guard folder.withPlatformString({ lstat($0, &top) }) == 0 else { throw failure(folder, Errno(rawValue: errno)) }
    if isWanted(top) { try visit(folder, top) }
    guard top.st_mode & S_IFMT == S_IFDIR else { return }
    var waiting = [folder]
    while let folder = waiting.popLast() {
        for (name, status) in try entries(of: folder) {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            // A file's device number says less: on overlayfs it can be that of the layer (Documentation/filesystems/overlayfs.rst, "Inode properties").
            if isFolder, status.st_dev != top.st_dev { continue }
            guard isFolder || isWanted(status) else { continue }
            let path = folder.appending(name: name)
            if isFolder { waiting.append(path) }
            if isWanted(status) { try visit(path, status) }
        }
    }
}

extension FilePath {
    /// The path of a file in this folder.
    ///
    /// - Parameter name: ended by NUL. Bytes: names are not always text.
    public func appending(name: [CChar]) -> FilePath {
        name.withUnsafeBufferPointer { pointer in pointer.baseAddress.map { appending(FilePath(platformString: $0).components) } } ?? self
    }
}
