/// One enabled `[section]` of a .repo file, with everything substituted.
public struct Repository: Hashable, Codable, Sendable {
    public var id: String
    public var name: String
    public var baseURLs: [String] = []
    public var mirrorList: String?
    public var gpgcheck = false
    /// URLs of armoured public keys.
    public var keys: [String] = []
    /// Lower wins; yum.conf(5) and dnf.conf(5) have 99 as default.
    public var priority = 99
    public var cost = 1000
    public var excludes: [String] = []
    public var includes: [String] = []
    public var skipIfUnavailable = false
    /// Whether its comps groups count (`enablegroups`).
    public var hasGroups = true
    /// Its packages are seen even where an active module stream has packages of the same names.
    public var moduleHotfixes = false
    public var transfer = TransferOptions()

    public init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}

/// How a repository's files are transferred (dnf.conf(5)).
public struct TransferOptions: Hashable, Codable, Sendable {
    /// Seconds without a usable connection before a mirror is given up.
    public var timeout = 30
    public var retries = 10
    /// Bytes per second below which, for `timeout` seconds, a mirror is given up.
    public var minimumRate = 1000
    public var proxy: String?
    public var proxyCredentials: String?
    public var credentials: String?
    public var verifiesTLS = true
    public var certificateAuthority: String?
    public var clientCertificate: String?
    public var clientKey: String?

    public init() {}
}
