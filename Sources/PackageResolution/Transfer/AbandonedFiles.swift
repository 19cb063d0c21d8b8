public import ConfigurationTree
import Foundation
import Glibc
import HostSystem
public import SystemPackage

/// What fetches that were killed left in the stores of packages and metadata. A file that the next fetch goes on with stays for some time.
public enum AbandonedFiles {
    /// A week, in seconds: who has not come back by then fetches anew.
    static let age = 7 * 24 * 60 * 60

    /// Removes what is older than that and that nobody writes to.
    ///
    /// - Parameter cachePath: the cache; its `packages` and `repositories` are looked through.
    /// - Returns: how much was removed.
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

    /// As `PartialFile`, `SolvFile` and `MetadataStore` name them.
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
