import BuildStore
import HostSystem
import SystemPackage

/// The lock of the stores of packages and metadata: shared by builds, exclusive for their removal. A package must not be removed between its check and its installation.
enum SharedStoresLock {
    private static func file(_ cachePath: FilePath) -> FilePath { cachePath.appending("stores.lock") }

    /// - Throws: `FileError`, `CancellationError`.
    static func forUse(in cachePath: FilePath) async throws -> FileLock {
        try createDirectories(cachePath)
        return try await FileLock.wait(for: file(cachePath), isShared: true, onWait: {})
    }

    /// - Throws: `FileError`, `CancellationError`.
    static func forRemoval(in cachePath: FilePath, onWait: @Sendable () -> Void) async throws -> FileLock {
        try createDirectories(cachePath)
        return try await FileLock.wait(for: file(cachePath), onWait: onWait)
    }
}
