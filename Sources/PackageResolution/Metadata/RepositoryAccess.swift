public import SystemPackage

/// A file with its detached signature.
public struct SignedFile: Hashable, Sendable {
    public var file: FilePath
    /// Armoured or binary.
    public var signature: FilePath
    /// Public keys; a signature by any of them is valid.
    public var keys: [FilePath]

    public init(file: FilePath, signature: FilePath, keys: [FilePath]) {
        self.file = file
        self.signature = signature
        self.keys = keys
    }
}

/// How one run reaches repositories, and what it trusts.
public struct RepositoryAccess: Sendable {
    /// Whether only the cache and `file:` URLs are read, and the network is not used.
    public var isOffline: Bool
    /// Ids of repositories whose metadata may be older than the version seen before.
    public var acceptedRollbacks: Set<String>
    /// Returns when the signature is valid, and throws the reason when it is not.
    public var verify: @Sendable (SignedFile) async throws -> Void

    /// - Parameter verify: without it, signed metadata is refused.
    public init(
        isOffline: Bool = false, acceptedRollbacks: Set<String> = [],
        verify: @escaping @Sendable (SignedFile) async throws -> Void = { _ in
            throw MetadataError(reasons: ["signatures cannot be checked here"])
        }
    ) {
        self.isOffline = isOffline
        self.acceptedRollbacks = acceptedRollbacks
        self.verify = verify
    }
}

/// Metadata that was fetched but cannot be trusted. Unlike metadata that cannot be fetched, it never counts as unavailable.
public struct MetadataError: Error, CustomStringConvertible {
    public var reasons: [String]

    public init(reasons: [String]) { self.reasons = reasons }

    public var description: String { reasons.joined(separator: "\n") }
}
