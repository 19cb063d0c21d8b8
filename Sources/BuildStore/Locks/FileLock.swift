import Glibc
import HostSystem
public import SystemPackage

/// Use of a part of the cache, among all builds and shells of this host (flock(2)); the kernel gives it back however the holder ends.
public final class FileLock: Sendable {
    private let file: FilePath
    private let descriptor: FileDescriptor

    private init(_ file: FilePath, _ descriptor: FileDescriptor) { (self.file, self.descriptor) = (file, descriptor) }

    /// Takes the lock if it is free.
    ///
    /// - Parameter isShared: for readers: several may have it at once, but not beside a writer.
    /// - Returns: `nil` when another program, or another part of this one, has it.
    /// - Throws: `FileError`.
    public static func take(_ file: FilePath, isShared: Bool = false) throws -> FileLock? {
        while true {
            let descriptor: FileDescriptor
            do {
                descriptor = try FileDescriptor.open(
                    file, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite, .groupRead, .otherRead])
            } catch let error as Errno {
                throw FileError(file, error)
            }
            let lock = FileLock(file, descriptor)
            guard flock(descriptor.rawValue, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
                guard errno == EWOULDBLOCK || errno == EINTR else { throw FileError(file, Errno(rawValue: errno)) }
                return nil
            }
            // The last holder may have removed the file meanwhile: a lock on a file without a name has no effect.
            if lock.isAtItsName { return lock }
        }
    }

    /// Takes the lock, waiting for its holder when there is one. A cancelled task stops waiting.
    ///
    /// - Parameters:
    ///   - isShared: for readers: several may have it at once, but not beside a writer.
    ///   - onWait: called once, before waiting.
    /// - Throws: `FileError`, `CancellationError`.
    public static func wait(for file: FilePath, isShared: Bool = false, onWait: @Sendable () -> Void) async throws -> FileLock {
        var hasWaited = false
        while true {
            if let lock = try take(file, isShared: isShared) { return lock }
            if !hasWaited { onWait() }
            hasWaited = true
            // flock(2) that waits holds a thread and cannot be cancelled.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private var isAtItsName: Bool {
        var (own, named) = (stat(), stat())
        return fstat(descriptor.rawValue, &own) == 0 && file.withPlatformString({ stat($0, &named) }) == 0
            && own.st_ino == named.st_ino && own.st_dev == named.st_dev
    }

    /// Removes the lock's file, while the lock is held for writing. The lock itself lasts as long as this value.
    public func removeFile() { HostSystem.removeFile(file) }

    /// Hands the lock on to the program that this process becomes (execve(2)), which holds it until it ends.
    ///
    /// - Throws: `Errno`.
    public func outliveProgram() throws {
        guard fcntl(descriptor.rawValue, F_SETFD, 0) == 0 else { throw Errno(rawValue: errno) }
    }

    deinit { try? descriptor.close() }
}
