public import SystemPackage

/// One enabled `[section]` of a .repo file, with everything substituted. It must not be encoded, because it may hold secrets.
public struct Repository: Hashable, Sendable {
    public var id: String
    public var name: String
    public var baseURLs: [String] = []
    /// The URL of a list of mirrors, a line each; metalinks are recognized.
    public var mirrorList: String?
    /// The URL of a metalink: mirrors in order of preference, and the checksums that repomd.xml may have.
    public var metalink: String?
    public var gpgcheck = false
    /// Whether repomd.xml has to be signed with one of `keys`.
    public var metadataIsSigned = false
    /// URLs of files with public keys.
    public var keys: [String] = []
    /// Seconds for which fetched metadata is used without asking again; `nil`: for ever.
    ///
    /// dnf's default is 48 hours; a build asks each time, to follow its repositories.
    public var metadataLifetime: Int? = 0
    /// Lower wins, below 0 too; yum.conf(5) and dnf.conf(5) have 99 as default.
    public var priority = 99
    public var cost = 1000
    public var excludes: [String] = []
    public var includes: [String] = []
    public var skipIfUnavailable = false
    /// Whether its comps groups count (`enablegroups`).
    public var hasGroups = true
    /// Whether its packages are visible even if an active module stream has packages of the same names.
    public var moduleHotfixes = false
    /// The values of `$name` and `${name}` in lines of mirror lists.
    public var variables: [String: String] = [:]
    public var transfer = TransferOptions()

    public init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}

extension Repository {
    /// Whether others may put packages of their own in the place of its packages: neither these nor the metadata with their checksums are signed, and
    /// the connection is not encrypted.
    var mayBeForged: Bool {
        guard !gpgcheck, !metadataIsSigned else { return false }
        return (baseURLs + [mirrorList, metalink].compactMap(\.self)).contains { url in
            ["http:", "ftp:"].contains { url.lowercased().hasPrefix($0) }
        }
    }

    /// The keys that are files of this host.
    public var localKeys: [FilePath] { keys.compactMap(LocalCopy.path(of:)) }
}

extension Sequence<Repository> {
    /// In dnf's order: the solver takes the first of equally good packages, and the last repository decides about groups.
    var inOrderOfChoice: [Repository] {
        enumerated().sorted { ($0.element.priority, $0.element.cost, $0.offset) < ($1.element.priority, $1.element.cost, $1.offset) }
            .map(\.element)
    }
}
