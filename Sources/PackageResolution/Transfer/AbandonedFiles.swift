public import ConfigurationTree
import Foundation
import Glibc
import HostSystem
public import SystemPackage

/// Files that killed fetches left in the stores of packages and metadata. They stay for a while, because the next fetch continues them.
public enum AbandonedFiles {
    /// A week, in seconds. Later fetches begin again.
    static let age = 7 * 24 * 60 * 60

    /// Removes files older than `age` that no process is writing.
    ///
    /// - Parameter cachePath: the cache, whose `packages` and `repositories` are searched.
    /// - Returns: how many bytes were removed.
    @discardableResult
    public static func remove(from cachePath: FilePath) -> ByteCount {
        var bytes: UInt64 = 0
        for store in ["packages", "repositories"].map(cachePath.appending) {
            guard let names = FileManager.default.enumerator(atPath: store.string) else { continue }
            for case let name as String in names where isTemporary(FilePath(name).lastComponent?.string ?? "") {
                bytes += removeIfAbandoned(store.pushing(FilePath(name)))
            }
        }
        return ByteCount(bytes)
    }

    /// Whether `PartialFile`, `SolvFile` or `MetadataStore` gives such names to unfinished files.
    private static func isTemporary(_ name: String) -> Bool {
        name.hasSuffix(".partial") || name.contains(".partial.") || name.contains(".solv.new.") || name.hasPrefix("mirrors-")
            || name.hasPrefix("repomd-")
    }

    private static func removeIfAbandoned(_ path: FilePath) -> UInt64 {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: [.noFollow, .closeOnExec]) else { return 0 }
        defer { try? file.close() }
        var status = stat()
        // A lock means that it is being fetched, however slowly.
        guard fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_mtim.tv_sec < time(nil) - age, flock(file.rawValue, LOCK_EX | LOCK_NB) == 0
        else { return 0 }
        removeFile(path)
        return UInt64(status.st_size)
    }
}
