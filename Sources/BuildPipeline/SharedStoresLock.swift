import BuildStore
import HostSystem
import SystemPackage

/// Use of the stores of packages and metadata: builds share them, and who removes them has them alone. Between the check of a package and its installation it must stay.
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
