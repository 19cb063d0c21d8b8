import Glibc
import HostSystem
public import SystemPackage

/// Use of a folder of the cache, among all builds and shells of this host (flock(2)); the kernel gives it back however the holder ends.
public final class FileLock: Sendable {
    private let descriptor: FileDescriptor

    /// Takes the lock, waiting for its holder when there is one: blocks.
    ///
    /// - Parameters:
    ///   - isShared: for readers; there may be several of them, while nobody writes.
    ///   - onWait: called before waiting.
    /// - Throws: `FileError`.
    public init(_ file: FilePath, isShared: Bool = false, onWait: () -> Void) throws {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                file, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch let error as Errno {
            throw FileError(file, error)
        }
        self.descriptor = descriptor
        let kind = isShared ? LOCK_SH : LOCK_EX
        guard flock(descriptor.rawValue, kind | LOCK_NB) != 0 else { return }
        onWait()
        while flock(descriptor.rawValue, kind) != 0 {
            guard errno == EINTR else { throw FileError(file, Errno(rawValue: errno)) }
        }
    }

    /// Hands the lock on to the program that this process becomes (execve(2)), which holds it until it ends.
    ///
    /// - Throws: `Errno`.
    public func outliveProgram() throws {
        guard fcntl(descriptor.rawValue, F_SETFD, 0) == 0 else { throw Errno(rawValue: errno) }
    }

    deinit { try? descriptor.close() }
}
