import BuildStore
import Foundation
import HostSystem
import SystemPackage

/// What the cache remembers of a repository, so that older metadata is recognized and builds work without the network.
struct RepositoryMemory: Codable, Hashable, Sendable {
    var repository: String
    /// The SHA-256 of repomd.xml.
    var repomd: String
    var version: MetadataVersion
    /// When a mirror was asked last, in seconds since 1970.
    var asked: Int

    /// - Returns: `nil` when the repository was never fetched, or its file cannot be read.
    init?(of repository: Repository, in folder: FilePath) {
        guard let bytes = try? readBytes(Self.file(of: repository, in: folder)),
            let memory = try? JSONDecoder().decode(Self.self, from: Data(bytes))
        else { return nil }
        self = memory
    }

    init(of repository: Repository, repomd: String, version: MetadataVersion, asked: Int) {
        self.repository = repository.id
        self.repomd = repomd
        self.version = version
        self.asked = asked
    }

    /// - Throws: `Errno`.
    func write(of repository: Repository, in folder: FilePath) throws {
        let file = try Self.file(of: repository, in: folder)
        try createDirectories(file.removingLastComponent())
        try writeAtomically(try JSONEncoder().encode(self), to: file)
    }

    func isFresh(for lifetime: Int?, now: Int) -> Bool {
        guard let lifetime else { return true }
        return asked <= now && now - asked < lifetime
    }

    /// A repository is identified by its id and its URLs, without secrets: a repository that moves is another one.
    private static func file(of repository: Repository, in folder: FilePath) throws -> FilePath {
        let mask = SecretMask(repository.transfer.secrets)
        let places = repository.baseURLs + [repository.mirrorList ?? "", repository.metalink ?? ""]
        let identity = try Identity(stage: "repository", version: 1, of: [repository.id] + places.map { mask($0) })
        let name = repository.id.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) ? $0 : "_" }
        return folder.appending("seen").appending("\(String(name).prefix(64))-\(identity.short).json")
    }
}

/// The age of a repomd.xml, as it says itself.
struct MetadataVersion: Codable, Hashable, Sendable, CustomStringConvertible {
    /// Free text; createrepo writes seconds since 1970 unless told otherwise.
    var revision: String?
    /// The time of the newest file that it lists, in seconds since 1970.
    var timestamp: UInt64?

    /// Compares revisions when both are numbers and differ, and times otherwise.
    func isOlder(than other: MetadataVersion) -> Bool {
        if let own = revision.flatMap({ UInt64($0) }), let others = other.revision.flatMap({ UInt64($0) }), own != others {
            return own < others
        }
        guard let timestamp, let others = other.timestamp else { return false }
        return timestamp < others
    }

    var description: String {
        var parts: [String] = []
        if let revision { parts.append("revision \(revision)") }
        if let timestamp {
            parts.append("of \(Date(timeIntervalSince1970: Double(timestamp)).formatted(.iso8601))")
        }
        return parts.isEmpty ? "of unknown age" : parts.joined(separator: " ")
    }
}
