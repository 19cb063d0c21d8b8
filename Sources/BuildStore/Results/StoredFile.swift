import Foundation
import Glibc
import HostSystem
import SystemPackage

/// lseek(2); linux/fs.h.
private let (seekData, seekHole): (Int32, Int32) = (3, 4)

/// A file or a folder of a stage's result: what it was when it was made.
public struct StoredFile: Hashable, Codable, Sendable {
    public enum Kind: String, Codable, Sendable { case file, folder }

    /// In the result's folder.
    public var name: String
    public var kind: Kind
    /// Of a file: its length in bytes. Of a folder: the lengths of all files in it.
    public var size: UInt64
    /// How `digest` is made. `sha256`: of a file's bytes. `data`: of a sparse file's data and the places where it lies, without its holes. `tree`: of names, kinds, owners,
    /// modes, times, links, extended attributes and contents of all in a folder.
    public var algorithm: Algorithm
    /// 64 hexadecimal digits.
    public var digest: String

    public enum Algorithm: String, Codable, Sendable { case sha256, data, tree }

    /// Looks at what is in a result's folder.
    ///
    /// - Parameter isSparse: a file's holes are not read: its digest is of its data alone.
    /// - Throws: `FileError`.
    init(_ name: String, in folder: FilePath, isSparse: Bool) throws {
        let path = folder.appending(name)
        self.name = name
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0 else { throw FileError(path, Errno(rawValue: errno)) }
        if status.st_mode & S_IFMT == S_IFDIR {
            let content = try TreeContent(of: path)
            (kind, size, algorithm, digest) = (.folder, content.size, .tree, content.digest)
        } else {
            kind = .file
            size = UInt64(status.st_size)
            algorithm = isSparse ? .data : .sha256
            digest = try Self.digest(of: path, algorithm)
        }
    }

    /// Reads the whole file or folder and compares it with what it was when it was made.
    ///
    /// - Returns: what is wrong, in words; `nil`: nothing.
    func damage(in folder: FilePath) -> String? {
        let path = folder.appending(name)
        do {
            switch kind {
            case .folder:
                let content = try TreeContent(of: path)
                return content.digest == digest ? nil : "files in it have changed"
            case .file:
                guard let identity = FileIdentity(path) else { return "it is missing" }
                guard identity.size == size else { return "it has \(identity.size) bytes; expected \(size)" }
                return try Self.digest(of: path, algorithm) == digest ? nil : "its content has changed"
            }
        } catch { return "\(error)" }
    }

    private static func digest(of path: FilePath, _ algorithm: Algorithm) throws -> String {
        do {
            return algorithm == .data ? try dataDigest(of: path) : try Checksum(.sha256, ofFile: path).hexadecimal
        } catch let error as Errno { throw FileError(path, error) }
    }

    /// Blocks of zeros are holes, whether the file system stores them or not.
    private static func dataDigest(of path: FilePath) throws -> String {
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        defer { try? file.close() }
        let length = try file.seek(offset: 0, from: .end)
        let hash = Digester(.sha256)
        let block = 1 << 16
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: block, alignment: 4096)
        defer { chunk.deallocate() }
        var offset: Int64 = 0
        while offset < length {
            let data = lseek(file.rawValue, Int(offset), seekData)
            guard data >= 0 else {
                if errno == ENXIO { break }
                throw Errno(rawValue: errno)
            }
            offset = Int64(data) / Int64(block) * Int64(block)
            let hole = lseek(file.rawValue, data, seekHole)
            let end = hole < 0 ? length : Int64(hole)
            while offset < end {
                let wanted = Int(min(Int64(block), length - offset))
                var filled = 0
                while filled < wanted {
                    let count = try file.read(
                        fromAbsoluteOffset: offset + Int64(filled), into: UnsafeMutableRawBufferPointer(rebasing: chunk[filled..<wanted]))
                    guard count > 0 else { break }
                    filled += count
                }
                let bytes = UnsafeRawBufferPointer(rebasing: chunk[..<filled])
                if !bytes.isZero {
                    withUnsafeBytes(of: offset.littleEndian) { hash.update($0) }
                    hash.update(bytes)
                }
                offset += Int64(block)
            }
        }
        withUnsafeBytes(of: length.littleEndian) { hash.update($0) }
        return hash.finalize().hexadecimal
    }
}

extension UnsafeRawBufferPointer {
    /// Whether all bytes are zero.
    fileprivate var isZero: Bool {
        guard let first = baseAddress, count > 0 else { return true }
        return first.load(as: UInt8.self) == 0 && memcmp(first, first + 1, count - 1) == 0
    }
}

/// All that is in a folder of a result, by content.
struct TreeContent {
    private(set) var digest = ""
    private(set) var size: UInt64 = 0

    /// What overlayfs notes in its upper layer of the files that it was made of: inode numbers of this host's disk.
    private static let ownToOverlays = ["origin", "impure", "nlink", "uuid", "upper"].flatMap { ["trusted.overlay.\($0)", "user.overlay.\($0)"] }

    /// - Throws: `FileError`.
    init(of folder: FilePath) throws {
        let listing = try TreeListing(folder, followsTop: false)
        let prefix = folder.bytes.map(CChar.init(bitPattern:)) + [CChar(bitPattern: UInt8(ascii: "/"))]
        let lines = try concurrently(listing.entries.chunked(into: 256)) { chunk in
            try chunk.map { entry in try Self.line(of: entry, at: prefix + entry.name.map(CChar.init(bitPattern:)) + [0], listing) }
        }
        var firstNames: [FileNumber: [UInt8]] = [:]
        let hash = Digester(.sha256)
        for (entry, line) in zip(listing.entries, lines.joined()) {
            hash.update(entry.name + [0] + line)
            if entry.kind == S_IFREG { size += UInt64(entry.status.st_size) }
            guard entry.kind != S_IFDIR, entry.status.st_nlink > 1 else { continue }
            let number = FileNumber(device: entry.status.st_dev, inode: entry.status.st_ino)
            if let first = firstNames[number] { hash.update(first + [0]) } else { firstNames[number] = entry.name }
        }
        digest = hash.finalize().hexadecimal
    }

    private struct FileNumber: Hashable {
        var device: dev_t
        var inode: ino_t
    }

    /// - Parameter path: ended by NUL. A `FilePath` of every file takes long where the code is not optimised.
    private static func line(of entry: TreeListing.Entry, at path: [CChar], _ listing: TreeListing) throws -> [UInt8] {
        func failure(_ error: Errno) -> FileError {
            FileError(path.withUnsafeBufferPointer { $0.baseAddress.map { FilePath(platformString: $0) } } ?? FilePath(), error)
        }
        let status = entry.status
        var words = ["\(status.st_mode)", "\(status.st_uid)", "\(status.st_gid)"]
        // The top folder's time is that of the stage's last step, a whiteout's that of the removal.
        if !entry.name.isEmpty, !(entry.kind == S_IFCHR && status.st_rdev == 0) { words.append("\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)") }
        switch entry.kind {
        case S_IFREG:
            do {
                let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
                words.append(try file.closeAfter { try Checksum(.sha256, of: file).hexadecimal })
            } catch let error as Errno { throw failure(error) }
        case S_IFCHR, S_IFBLK: words.append("\(status.st_rdev)")
        default: break
        }
        var line = Array(words.joined(separator: " ").utf8) + [0] + entry.target + [0]
        do {
            for attribute in try allExtendedAttributes(of: path) where !ownToOverlays.contains(attribute.name) {
                line += Array(attribute.name.utf8) + [0] + Array(attribute.value.hexadecimal.utf8) + [0]
            }
        } catch let error as Errno { throw failure(error) }
        return line + [0]
    }
}

/// All that is in a folder of a result, by what lstat(2) says: as long as that is the same, so are the contents, unless the disk itself has damage.
struct TreeState {
    let fingerprint: String
    /// What the files take on the disk, in bytes.
    let allocated: UInt64

    /// - Throws: `FileError`.
    init(of folder: FilePath) throws {
        let hash = Digester(.sha256)
        var blocks: UInt64 = 0
        for entry in try TreeListing(folder, followsTop: false).entries {
            // The top folder's own times change when the result gets its name.
            let isTop = entry.name.isEmpty
            let status = entry.status
            blocks += UInt64(status.st_blocks)
            let numbers = [
                UInt64(entry.name.count), UInt64(status.st_mode), UInt64(status.st_uid) << 32 | UInt64(status.st_gid), UInt64(status.st_ino),
                entry.kind == S_IFDIR ? 0 : UInt64(bitPattern: Int64(status.st_size)), UInt64(status.st_rdev),
                isTop ? 0 : UInt64(bitPattern: Int64(status.st_mtim.tv_sec)), isTop ? 0 : UInt64(bitPattern: Int64(status.st_mtim.tv_nsec)),
                isTop ? 0 : UInt64(bitPattern: Int64(status.st_ctim.tv_sec)), isTop ? 0 : UInt64(bitPattern: Int64(status.st_ctim.tv_nsec)),
            ]
            hash.update(entry.name)
            numbers.withUnsafeBytes { hash.update($0) }
        }
        fingerprint = hash.finalize().hexadecimal
        // stat(2): blocks of 512 bytes, whatever the file system's are.
        allocated = blocks * 512
    }
}

extension Array {
    fileprivate func chunked(into size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
