import BuildStore
import Foundation
import HostSystem
import SystemPackage

/// What the cache knows of a repository since it was asked last: so that older metadata is recognized, and builds can do
/// without the network.
struct RepositoryMemory: Codable, Hashable, Sendable {
    var repository: String
    /// The SHA-256 of repomd.xml.
    var repomd: String
    var version: MetadataVersion
    /// Seconds since 1970, when a mirror was asked last.
    var asked: Int

    /// - Returns: `nil` when the repository was never asked, or what is known of it cannot be read.
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

    /// A repository is known by its id and its places: one that moves is another one. Secrets are no part of it.
    private static func file(of repository: Repository, in folder: FilePath) throws -> FilePath {
        let mask = SecretMask(repository.transfer.secrets)
        let places = repository.baseURLs + [repository.mirrorList ?? "", repository.metalink ?? ""]
        let identity = try Identity(stage: "repository", version: 1, of: [repository.id] + places.map { mask($0) })
        let name = repository.id.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) ? $0 : "_" }
        return folder.appending("seen").appending("\(String(name).prefix(64))-\(identity.short).json")
    }
}

/// What repomd.xml says of its age.
struct MetadataVersion: Codable, Hashable, Sendable, CustomStringConvertible {
    /// Free text; createrepo writes seconds since 1970 unless told otherwise.
    var revision: String?
    /// The youngest of the files that it lists; seconds since 1970.
    var timestamp: UInt64?

    /// By revision where both have a number, else by time.
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
