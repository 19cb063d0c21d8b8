import Crypto
import Foundation
import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a file or a folder says: names, types, modes, links and contents, as far as a build can depend on them.
public enum TreeDigest {
    /// The SHA-256 of the file or of all below the folder; the path itself and times do not count. `nil` when there is nothing.
    ///
    /// - Throws: `Errno` for what cannot be read.
    public static func digest(of path: FilePath) throws -> String? {
        var status = stat()
        guard stat(path.string, &status) == 0 else { return nil }
        var lines: [String] = []
        try add(path, name: "", followingLinks: true, to: &lines)
        return SHA256.hash(data: Data(lines.joined(separator: "\n").utf8)).hexadecimal
    }

    private static func add(_ path: FilePath, name: String, followingLinks: Bool, to lines: inout [String]) throws {
        var status = stat()
        guard (followingLinks ? stat(path.string, &status) : lstat(path.string, &status)) == 0 else {
            throw Errno(rawValue: errno)
        }
        let mode = String(status.st_mode, radix: 8)
        switch status.st_mode & S_IFMT {
        case S_IFREG: lines.append("\(name)\0\(mode)\0\(try Checksum(.sha256, ofFile: path).hexadecimal)")
        case S_IFLNK:
            lines.append("\(name)\0link\0\(try FileManager.default.destinationOfSymbolicLink(atPath: path.string))")
        case S_IFDIR:
            lines.append("\(name)\0\(mode)")
            for entry in try FileManager.default.contentsOfDirectory(atPath: path.string).sorted() {
                try add(path.appending(entry), name: name + "/" + entry, followingLinks: false, to: &lines)
            }
        default: lines.append("\(name)\0\(mode)")
        }
    }
}
