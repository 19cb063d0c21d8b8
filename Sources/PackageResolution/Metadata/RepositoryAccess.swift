public import SystemPackage

/// A file with its detached signature.
public struct SignedFile: Hashable, Sendable {
    public var file: FilePath
    /// Armoured or binary.
    public var signature: FilePath
    /// Armoured public keys; a signature by any of them is good.
    public var keys: [FilePath]

    public init(file: FilePath, signature: FilePath, keys: [FilePath]) {
        self.file = file
        self.signature = signature
        self.keys = keys
    }
}

/// How repositories are reached in one run, and what of them is believed.
public struct RepositoryAccess: Sendable {
    /// Nothing is asked of the network: what the cache does not have, and no `file:` URL, is missing.
    public var isOffline: Bool
    /// Ids of repositories whose metadata may be older than what was seen before.
    public var acceptedRollbacks: Set<String>
    /// Returns when the signature is good, and throws the reason when it is not.
    public var verify: @Sendable (SignedFile) async throws -> Void

    /// - Parameter verify: without it signed metadata is refused.
    public init(
        isOffline: Bool = false, acceptedRollbacks: Set<String> = [],
        verify: @escaping @Sendable (SignedFile) async throws -> Void = { _ in
            throw MetadataError(problems: ["there is nothing here to check signatures with"])
        }
    ) {
        self.isOffline = isOffline
        self.acceptedRollbacks = acceptedRollbacks
        self.verify = verify
    }
}

/// Metadata that is there and is not believed. Unlike what cannot be had, it never counts as unavailable.
public struct MetadataError: Error, CustomStringConvertible {
    public var problems: [String]

    public init(problems: [String]) { self.problems = problems }

    public var description: String { problems.joined(separator: "\n") }
}
