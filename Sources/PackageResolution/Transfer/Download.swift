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

    /// A file of a repository.
    ///
    /// - Parameter path: its URL, or its escaped path relative to each mirror.
    init(
        name: String, path: String, mirrors: [String], destination: FilePath, checksums: [Checksum], size: UInt64?, options: TransferOptions
    ) {
        self.init(
            name: name,
            places: path.contains("://")
                ? [Place(mirror: path, url: path)] : mirrors.map { Place(mirror: $0, url: RepositoryURL.file(path, in: $0)) },
            destination: destination, checksums: checksums, size: size, options: options)
    }

    /// Whether a file has one of the expected checksums.
    ///
    /// - Throws: `Errno` when it cannot be read.
    func isContent(of path: FilePath) throws -> Bool { try checksums.contains { try Checksum($0.algorithm, ofFile: path) == $0 } }
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
