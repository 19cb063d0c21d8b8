import BuildStore
import Synchronization
import SystemPackage

/// One file to fetch.
struct Download: Sendable {
    /// A place to fetch the file from.
    struct Place: Hashable, Sendable {
        /// The base URL, which works or fails as a whole.
        var mirror: String
        var url: String
    }

    /// The name in messages: that of a package or a metadata file.
    var name: String
    /// The places in order of preference.
    var places: [Place]
    var destination: FilePath
    /// The file has to have one of them. Empty only for files without a known checksum: repomd.xml, mirror lists and keys.
    var checksums: [Checksum]
    var size: UInt64?
    var options: TransferOptions

    init(
        name: String, places: [Place], destination: FilePath, checksums: [Checksum], size: UInt64?,
        options: TransferOptions
    ) {
        self.name = name
        self.places = places
        self.destination = destination
        self.checksums = checksums
        self.size = size
        self.options = options
    }

    /// A file of a repository, by its path relative to each mirror, or by a URL of its own.
    init(
        name: String, location: String, mirrors: [String], destination: FilePath, checksums: [Checksum], size: UInt64?,
        options: TransferOptions
    ) {
        let url = Self.escaped(location)
        let isElsewhere = location.contains("://")
        self.init(
            name: name,
            places: isElsewhere ? [Place(mirror: url, url: url)] : mirrors.map { Place(mirror: $0, url: $0 + url) },
            destination: destination, checksums: checksums, size: size, options: options)
    }

    /// Whether a file has one of the expected checksums.
    ///
    /// - Throws: `Errno` when it cannot be read.
    func isContent(of path: FilePath) throws -> Bool { try checksums.contains { try Checksum($0.algorithm, ofFile: path) == $0 } }

    /// Repositories do not escape file names, but the path of a URL has no spaces, no `#` and no `?` (RFC 3986 §3.3).
    static func escaped(_ location: String) -> String {
        var escaped = ""
        for byte in location.utf8 {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "#"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "<"),
                UInt8(ascii: ">"), ...0x1f, 0x7f...:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += "%" + (digits.count == 1 ? "0" : "") + digits
            default: escaped.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return escaped
    }
}

/// Files that could not be fetched, each with the reason of each mirror.
public struct DownloadError: Error, CustomStringConvertible {
    public var failures: [String]

    public var description: String { failures.joined(separator: "\n") }
}

/// The progress of a fetch.
public struct FetchProgress: Hashable, Sendable {
    public var files: Int
    public var totalFiles: Int
    /// Bytes that have arrived, including those of unfinished files.
    public var bytes: UInt64
    /// The sum for all files of known size.
    public var totalBytes: UInt64
    /// The file that was just finished.
    public var finished: String?
}

/// Ends transfers from another thread.
final class Cancellation: Sendable {
    private let flag = Atomic(false)

    var isCancelled: Bool { flag.load(ordering: .relaxed) }

    func cancel() { flag.store(true, ordering: .relaxed) }
}
