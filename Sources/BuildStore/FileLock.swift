public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Exclusive use of a folder of the cache, among all builds of this host (flock(2)); the kernel gives it back however the holder ends.
public final class FileLock: Sendable {
    private let descriptor: FileDescriptor

    /// Takes the lock, waiting for its holder when there is one: blocks.
    ///
    /// - Parameter onWait: called before waiting.
    /// - Throws: `Errno`.
    public init(_ file: FilePath, onWait: () -> Void) throws {
        let descriptor = try FileDescriptor.open(
            file, .readWrite, options: [.create, .closeOnExec], permissions: [.ownerReadWrite, .groupRead, .otherRead])
        self.descriptor = descriptor
        guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 else { return }
        onWait()
        while flock(descriptor.rawValue, LOCK_EX) != 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
    }

    deinit { try? descriptor.close() }
}
