import BuildStore
import Synchronization
import SystemPackage

/// One file that is wanted.
struct Download: Sendable {
    /// Where it may be had.
    struct Place: Hashable, Sendable {
        /// What fails or serves as one: the base URL.
        var mirror: String
        var url: String
    }

    /// For people: the package or the metadata file.
    var name: String
    /// In order of preference.
    var places: [Place]
    var destination: FilePath
    /// Any one of them is right; none only for what has no known checksum: repomd.xml, mirror lists and keys.
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

    /// Repositories name files as they are; a URL has no blanks, no `#` and no `?` in its path (RFC 3986 §3.3).
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

/// What could not be fetched: each file with each mirror's reason.
public struct DownloadError: Error, CustomStringConvertible {
    public var failures: [String]

    public var description: String { failures.joined(separator: "\n") }
}

/// How far a fetch is.
public struct FetchProgress: Hashable, Sendable {
    public var files: Int
    public var totalFiles: Int
    /// Bytes that are here, those of unfinished files included.
    public var bytes: UInt64
    /// Of the files whose size is known.
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
