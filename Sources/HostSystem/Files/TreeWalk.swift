public import Glibc
public import SystemPackage

/// Visits a folder and everything below it on its file system: a folder before its entries, these in the order of their names' bytes.
/// Links are visited and not followed; folders that something is mounted on are left out. Does nothing when the folder does not exist.
///
/// - Throws: `HostSystemError.systemCall` and `FileError` for what cannot be read, and what `visit` throws.
public func walk(_ folder: FilePath, _ visit: (FilePath, stat) throws -> Void) throws {
    func failure(_ path: FilePath, _ error: Errno) -> HostSystemError { .systemCall(what: "reading \(path)", errno: error) }
    func status(_ path: FilePath) throws -> stat {
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0 else { throw failure(path, Errno(rawValue: errno)) }
        return status
    }
    func entries(of folder: FilePath) throws -> [FilePath.Component] {
        do {
            let opened = try FileDescriptor.open(folder, .readOnly, options: [.directory, .noFollow, .closeOnExec])
            return try opened.closeAfter { try folderEntries(opened) }
        } catch let error as Errno {
            throw failure(folder, error)
        }
    }
    guard try isThere(folder) else { return }
    let top = try status(folder)
    try visit(folder, top)
    guard top.st_mode & S_IFMT == S_IFDIR else { return }
    var waiting = [folder]
    while let folder = waiting.popLast() {
        for name in try entries(of: folder) {
            let path = folder.appending(name)
            let status = try status(path)
            if status.st_mode & S_IFMT == S_IFDIR {
                // A file's device number says less: on overlayfs it can be that of the layer (Documentation/filesystems/overlayfs.rst, "Inode properties").
                guard status.st_dev == top.st_dev else { continue }
                waiting.append(path)
            }
            try visit(path, status)
        }
    }
}
