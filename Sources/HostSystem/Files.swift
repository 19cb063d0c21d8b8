// The few file operations that swift-system has no call for yet.
internal import CLinux
import Glibc
public import SystemPackage

/// The whole file as UTF-8.
///
/// - Throws: `Errno` of open(2) or read(2); `NotText` when the bytes are not UTF-8.
public func readText(_ path: FilePath) throws -> String {
    let bytes = try readBytes(path)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw NotText() }
    return text
}

/// The bytes of a file are not UTF-8.
public struct NotText: Error, CustomStringConvertible {
    public var description: String { "it is not UTF-8 text" }
}

/// What the kernel says about a file, with its name: what `Errno` alone leaves out.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    public var path: FilePath
    public var errno: Errno

    public init(_ path: FilePath, _ errno: Errno) { (self.path, self.errno) = (path, errno) }

    public var description: String { "\(path): \(errno)" }
}

/// The whole file.
///
/// - Throws: `Errno` of open(2) or read(2).
public func readBytes(_ path: FilePath) throws -> [UInt8] {
    let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    return try descriptor.closeAfter {
        var bytes: [UInt8] = []
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { chunk.deallocate() }
        while case let count = try descriptor.read(into: chunk), count > 0 {
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }
}

/// Writes the file whole or not at all: into a neighbour that then takes its name (rename(2)).
///
/// - Parameter isDurable: waits until the content and the name are on disk (fsync(2)), so that a power cut leaves the old file or the new one.
/// - Throws: `FileError`; nothing is left behind then.
public func writeAtomically(
    _ bytes: some Sequence<UInt8>, to path: FilePath,
    permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead], isDurable: Bool = false
) throws {
    let temporary = FilePath("\(path).new.\(getpid()).\(UInt32.random(in: 0 ... .max))")
    do {
        let descriptor = try FileDescriptor.open(
            temporary, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: permissions)
        try descriptor.closeAfter {
            try descriptor.writeAll(bytes)
            if isDurable, fsync(descriptor.rawValue) != 0 { throw Errno(rawValue: errno) }
        }
        guard rename(temporary.string, path.string) == 0 else { throw Errno(rawValue: errno) }
    } catch let error as Errno {
        unlink(temporary.string)
        throw FileError(path, error)
    }
    if isDurable { try syncFolder(path.removingLastComponent()) }
}

/// Makes the folder and those above it that are missing (mode 0755).
///
/// - Throws: `FileError` with the first folder that could not be made, or that is none.
public func createDirectories(_ path: FilePath, permissions: CInterop.Mode = 0o755) throws {
    if mkdir(path.string, permissions) == 0 { return }
    let above = path.removingLastComponent()
    switch errno {
    case EEXIST:
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw FileError(path, Errno(rawValue: errno)) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw FileError(path, .notDirectory) }
    case let error where (error == ENOENT || error == ENOTDIR) && !above.isEmpty && above != path:
        try createDirectories(above, permissions: permissions)
        guard mkdir(path.string, permissions) == 0 || errno == EEXIST else { throw FileError(path, Errno(rawValue: errno)) }
    default: throw FileError(path, Errno(rawValue: errno))
    }
}

/// Makes the folder that becomes a machine's `/`: 0755, whatever the caller's umask.
///
/// - Throws: `FileError`.
public func createRootFolder(_ path: FilePath) throws {
    try createDirectories(path)
    guard chmod(path.string, 0o755) == 0 else { throw FileError(path, Errno(rawValue: errno)) }
}

/// Whether there is anything at the path (a dangling symlink counts).
public func exists(_ path: FilePath) -> Bool {
    var status = stat()
    return lstat(path.string, &status) == 0
}

/// Whether a folder, and not a symlink to one, is at the path.
func isFolder(_ path: FilePath) -> Bool {
    var status = stat()
    return lstat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether a file, and not a symlink to one, is at the path.
public func isRegularFile(_ path: FilePath) -> Bool {
    var status = stat()
    return lstat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

public func isExecutable(_ path: FilePath) -> Bool {
    var status = stat()
    return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path.string, X_OK) == 0
}

/// Removes a file; that it is not there is fine.
public func removeFile(_ path: FilePath) { unlink(path.string) }

/// Opens a folder of an installroot without entering it: every symlink on the way is resolved as the machine itself would,
/// so that an absolute one stays below `root`.
///
/// - Throws: `Errno` of open(2) or openat2(2).
public func openFolder(_ path: FilePath, inRoot root: FilePath) throws -> FileDescriptor {
    let folder = try FileDescriptor.open(root, .readOnly, options: [.directory, .closeOnExec])
    defer { try? folder.close() }
    let opened = path.withPlatformString {
        discographer_open_in_root(folder.rawValue, $0, O_RDONLY | O_DIRECTORY)
    }
    guard opened >= 0 else { throw Errno(rawValue: errno) }
    return FileDescriptor(rawValue: opened)
}

/// Gives an empty file the content of a regular one, holes included: by the kernel alone where the file systems allow it
/// (copy_file_range(2)).
///
/// - Throws: `Errno`.
public func copyContents(of input: FileDescriptor, to output: FileDescriptor) throws {
    guard discographer_copy_contents(input.rawValue, output.rawValue) == 0 else { throw Errno(rawValue: errno) }
}

/// Lets each folder that is made in this one lie in another part of the disk (chattr(1), T), where the file system can be told so.
///
/// ext4 looks at every inode that was freed in a part within the last minutes before it takes one there: an installation beside a root of 11,000 files that
/// had just been removed took 12 s instead of 5 (medians of four, by turns).
public func spreadFolders(in folder: FilePath) {
    guard let opened = try? FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec]) else { return }
    _ = discographer_spread_folders(opened.rawValue)
    try? opened.close()
}

/// Waits until all of the file system that has the folder is on disk (syncfs(2)).
///
/// - Throws: `FileError`, for what the kernel could not write before too.
public func syncFileSystem(of folder: FilePath) throws { try sync(folder, discographer_sync_file_system) }

/// Waits until the names in the folder are on disk (fsync(2)).
///
/// - Throws: `FileError`.
public func syncFolder(_ folder: FilePath) throws { try sync(folder, fsync) }

private func sync(_ folder: FilePath, _ call: (Int32) -> Int32) throws {
    do {
        let descriptor = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
        try descriptor.closeAfter { guard call(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) } }
    } catch let error as Errno {
        throw FileError(folder, error)
    }
}

/// What tells this run of the kernel from all others (random(4)); a container has its host's.
public func currentBoot() -> String? {
    (try? readText("/proc/sys/kernel/random/boot_id")).map { String($0.prefix { !$0.isNewline }) }
}
