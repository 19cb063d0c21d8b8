// A file that is being fetched. It is beside its destination as `NAME.partial`, and locked, so that two builds never write to it at once.
// It stays when a build ends early, and the next build continues it.
import Glibc
import HostSystem
import SystemPackage

final class PartialFile {
    let path: FilePath
    private let destination: FilePath
    private let descriptor: FileDescriptor
    /// How many bytes it has.
    private(set) var size: UInt64

    /// `nil` when another build is fetching it.
    ///
    /// - Parameter resumes: whether to continue a file of an earlier build. Only a file with a checksum can be put together from pieces.
    /// - Throws: `Errno` of open(2).
    init?(of destination: FilePath, resumes: Bool) throws {
        self.destination = destination
        guard resumes else {
            path = FilePath("\(destination).partial.\(getpid()).\(UInt32.random(in: 0 ... .max))")
            descriptor = try FileDescriptor.open(
                path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: Self.permissions)
            size = 0
            return
        }
        path = FilePath("\(destination).partial")
        while true {
            let opened = try FileDescriptor.open(
                path, .readWrite, options: [.create, .closeOnExec], permissions: Self.permissions)
            guard flock(opened.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                try opened.close()
                return nil
            }
            var held = stat()
            var named = stat()
            // The process that held the lock before may have moved or removed the file; then this lock protects nothing.
            if fstat(opened.rawValue, &held) == 0, lstat(path.string, &named) == 0, held.st_ino == named.st_ino {
                descriptor = opened
                size = UInt64(held.st_size)
                break
            }
            try opened.close()
        }
        try descriptor.seek(offset: Int64(size), from: .start)
    }

    deinit { try? descriptor.close() }

    private static let permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]

    /// - Throws: `Errno` of write(2).
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try descriptor.writeAll(bytes)
        size += UInt64(bytes.count)
    }

    /// Copies a regular file, by the kernel alone where the file systems allow it.
    ///
    /// - Throws: `Errno`; `Errno.invalidArgument` when the source is not a regular file of that size or, without a size, is larger than
    ///   `Transfer.mostBytesOfUnknownSize`.
    func fill(from source: FilePath, size wanted: UInt64?) throws {
        let input = try FileDescriptor.open(source, .readOnly, options: [.nonBlocking, .closeOnExec])
        try input.closeAfter {
            var status = stat()
            guard fstat(input.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
            let count = UInt64(status.st_size)
            guard status.st_mode & S_IFMT == S_IFREG, wanted.map({ $0 == count }) ?? (count <= Transfer.mostBytesOfUnknownSize)
            else { throw Errno.invalidArgument }
            try copyContents(of: input, to: descriptor)
            size = count
        }
    }

    /// Empties the file.
    func clear() throws {
        guard ftruncate(descriptor.rawValue, 0) == 0 else { throw Errno(rawValue: errno) }
        try descriptor.seek(offset: 0, from: .start)
        size = 0
    }

    /// Moves the file to its destination.
    func commit() throws {
        guard rename(path.string, destination.string) == 0 else { throw Errno(rawValue: errno) }
    }

    func remove() { unlink(path.string) }
}
