import Foundation
import Glibc
import HostSystem
import Synchronization
public import SystemPackage

/// Digests of the files and folders that stages read: names, types, Git's modes, links' targets and contents. Times, owners and what a umask decides do not count.
///
/// A folder whose files have not changed since it was last looked at (by device, inode, size and both times of each) is not read again: of a hundred overlays of 50 MB
/// reading would take seconds. Nothing is remembered of a folder with a file that changed within the last seconds: another change might not show in its times.
public final class InputDigests: Sendable {
    /// A folder or file as it was looked at.
    struct Looked: Sendable {
        var digest: String
        /// Symbolic links at or below the path: relative name and target.
        var links: [(name: [UInt8], target: [UInt8])]
    }

    private let folder: FilePath?
    private let known = Mutex<[Key: Looked]>([:])
    /// Seconds. File systems' clocks are coarse, and some count in whole seconds.
    private static let margin = 3

    private struct Key: Hashable {
        var path: FilePath
        var followsTop: Bool
        var skipsHiddenTop: Bool
    }

    /// - Parameter folder: where digests are remembered between runs; it is made when it is needed. `nil`: nowhere.
    public init(remembering folder: FilePath?) { self.folder = folder }

    /// The SHA-256 of the file, or of all below the folder; `nil` when there is nothing.
    ///
    /// - Parameter skipsHiddenTop: names that begin with `.` directly in the folder do not count, as in layers of overlays.
    /// - Throws: `FileError` for what cannot be read.
    public func digest(of path: FilePath, skipsHiddenTop: Bool = false) throws -> String? {
        var status = stat()
        guard path.withPlatformString({ stat($0, &status) }) == 0 else {
            let error = Errno(rawValue: errno)
            guard error.meansAbsence else { throw FileError(path, error) }
            return nil
        }
        return try look(at: path, followsTop: true, skipsHiddenTop: skipsHiddenTop).digest
    }

    func look(at path: FilePath, followsTop: Bool, skipsHiddenTop: Bool = false) throws -> Looked {
        let key = Key(path: path, followsTop: followsTop, skipsHiddenTop: skipsHiddenTop)
        if let looked = known.withLock({ $0[key] }) { return looked }
        let listing = try TreeListing(path, followsTop: followsTop, skipsHiddenTop: skipsHiddenTop)
        let links = listing.entries.filter { $0.kind == S_IFLNK }.map { (name: $0.name, target: $0.target) }
        let looked = Looked(digest: try digest(of: listing, at: path, key), links: links)
        known.withLock { $0[key] = looked }
        return looked
    }

    private func digest(of listing: TreeListing, at path: FilePath, _ key: Key) throws -> String {
        let now = time(nil)
        let isSettled = listing.entries.allSatisfy { max($0.status.st_ctim.tv_sec, $0.status.st_mtim.tv_sec) < now - Self.margin }
        let fingerprint = Self.fingerprint(of: listing)
        let memory = folder.map {
            $0.appending(Digester.digest(.sha256, of: path.bytes + [key.skipsHiddenTop ? 1 : 0, key.followsTop ? 1 : 0]).hexadecimal)
        }
        if isSettled, let memory, let remembered = try? readText(memory).split(separator: "\n"), remembered.count == 2, remembered[0] == fingerprint {
            return String(remembered[1])
        }
        let text = try Self.text(of: listing, at: path)
        let digest = Digester.digest(.sha256, of: text).hexadecimal
        if let memory, let folder {
            // A cache that cannot be written makes the next run read again.
            try? createDirectories(folder.appending("listings"))
            if isSettled { try? writeAtomically("\(fingerprint)\n\(digest)\n".utf8, to: memory) }
            let file = folder.appending("listings").appending(digest)
            if !exists(file) { try? writeAtomically(text, to: file) }
        }
        return digest
    }

    /// What was listed when a digest was made: for telling which of a folder's files differ. `nil` when it is not known any more.
    public func listing(of digest: String) -> [String: String]? {
        guard let folder, let bytes = try? readRegularFile(folder.appending("listings").appending(digest)) else { return nil }
        let fields = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        var lines: [String: String] = [:]
        for index in stride(from: 0, to: fields.count - 2, by: 3) { lines[fields[index]] = fields[index + 1] + " " + fields[index + 2] }
        return lines
    }

    /// Name, mode, and digest or target of each entry, each ended by NUL.
    private static func text(of listing: TreeListing, at path: FilePath) throws -> [UInt8] {
        let files = listing.entries.indices.filter { listing.entries[$0].kind == S_IFREG }
        let digests = try concurrently(files) { index in
            let file = path.appending(entry: listing.entries[index].name)
            do { return try Checksum(.sha256, ofFile: file).hexadecimal } catch let error as Errno { throw FileError(file, error) }
        }
        let contents = Dictionary(uniqueKeysWithValues: zip(files, digests))
        var text: [UInt8] = []
        for (index, entry) in listing.entries.enumerated() {
            text += entry.name + [0] + Array(entry.gitMode.utf8) + [0]
            if let digest = contents[index] { text += digest.utf8 } else { text += entry.target }
            text.append(0)
        }
        return text
    }

    private static func fingerprint(of listing: TreeListing) -> String {
        let hash = Digester(.sha256)
        for entry in listing.entries {
            var numbers = [
                UInt64(entry.name.count), UInt64(entry.status.st_mode), UInt64(entry.status.st_dev), UInt64(entry.status.st_ino),
                UInt64(bitPattern: Int64(entry.status.st_size)), UInt64(bitPattern: Int64(entry.status.st_mtim.tv_sec)),
                UInt64(bitPattern: Int64(entry.status.st_mtim.tv_nsec)), UInt64(bitPattern: Int64(entry.status.st_ctim.tv_sec)),
                UInt64(bitPattern: Int64(entry.status.st_ctim.tv_nsec)), UInt64(entry.target.count),
            ]
            // A folder's size says nothing, and differs between file systems.
            if entry.kind == S_IFDIR { numbers[4] = 0 }
            hash.update(entry.name)
            numbers.withUnsafeBytes { hash.update($0) }
            hash.update(entry.target)
        }
        return hash.finalize().hexadecimal
    }
}
