import Foundation
import Glibc
import HostSystem
public import SystemPackage

/// What a file or a folder says: names, types, modes, links and contents, as far as a build can depend on them.
public enum TreeDigest {
    /// The SHA-256 of the file or of all below the folder; the path itself and times do not count. `nil` when there is nothing.
    ///
    /// - Throws: `FileError` for what cannot be read.
    public static func digest(of path: FilePath) throws -> String? {
        var status = stat()
        guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
        var entries = Entries()
        try entries.add(path, name: [], followingLinks: true)
        return Digester.digest(.sha256, of: entries.text).hexadecimal
    }

    /// A line for each, its parts divided by NUL. Names are bytes, and not always text.
    private struct Entries {
        private(set) var text = Data()

        private mutating func add(_ name: [UInt8], _ words: String...) {
            if !text.isEmpty { text.append(UInt8(ascii: "\n")) }
            text.append(contentsOf: name)
            for word in words { text.append(contentsOf: [0] + Array(word.utf8)) }
        }

        mutating func add(_ path: FilePath, name: [UInt8], followingLinks: Bool) throws {
            do {
                var status = stat()
                let result = path.withPlatformString { followingLinks ? stat($0, &status) : lstat($0, &status) }
                guard result == 0 else { throw Errno(rawValue: errno) }
                let mode = String(status.st_mode, radix: 8)
                switch status.st_mode & S_IFMT {
                case S_IFREG: add(name, mode, try Checksum(.sha256, ofFile: path).hexadecimal)
                case S_IFLNK: add(name, "link", try Self.target(of: path))
                case S_IFDIR:
                    add(name, mode)
                    let folder = try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec])
                    for entry in try folder.closeAfter({ try folderEntries(folder) }) {
                        try add(path.appending(entry), name: name + [UInt8(ascii: "/")] + entry.bytes, followingLinks: false)
                    }
                default: add(name, mode)
                }
            } catch let error as Errno {
                throw FileError(path, error)
            }
        }

        private static func target(of link: FilePath) throws -> String {
            var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let length = link.withPlatformString { path in
                buffer.withUnsafeMutableBytes { bytes in
                    bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { readlink(path, $0, bytes.count) } ?? -1
                }
            }
            guard length >= 0 else { throw Errno(rawValue: errno) }
            return String(decoding: buffer[..<length], as: UTF8.self)
        }
    }
}
