/// How a repository's files are transferred: options of dnf.conf(5), with its defaults unless noted.
public struct TransferOptions: Hashable, Sendable {
    /// Seconds without a usable connection, or below `minimumRate`, after which a mirror is given up.
    public var timeout = 30
    /// How often a file is requested again after every mirror failed for a reason that may pass; 0: without limit.
    ///
    /// dnf's default is 10; a build should fail while its user still watches it.
    public var retries = 3
    /// Bytes per second.
    public var minimumRate = 1000
    /// Bytes per second of the network connection, of which a `throttle` of up to 1 is a fraction; 0: unknown.
    public var bandwidth = 0
    /// The limit of each transfer in bytes per second or, up to 1, as a fraction of `bandwidth`; 0: no limit.
    public var throttle = 0.0
    /// Files that are fetched at once; dnf's default is 3.
    public var parallelTransfers = 6
    /// How many of them may come from one mirror when there are several mirrors.
    public var transfersPerMirror = 3
    public var addressFamily = AddressFamily.any
    public var userAgent = "discographer"
    /// `nil`: as `http_proxy` and similar variables of the environment say; empty: no proxy.
    public var proxy: String?
    public var proxyUser: String?
    public var proxyPassword: Secret?
    public var proxyAuthentication = ProxyAuthentication.any
    public var user: String?
    public var password: Secret?
    public var tls = TLSOptions()
    public var proxyTLS = TLSOptions()
    /// Values that no message may show: passwords, and the values of `${env:NAME}` and `${file:PATH}`.
    public var secrets: Set<Secret> = []

    public enum AddressFamily: Hashable, Sendable { case any, v4, v6 }

    /// The raw values are those of proxy_auth_method.
    public enum ProxyAuthentication: String, Hashable, Sendable, CaseIterable {
        case any, none, basic, digest, negotiate, ntlm, ntlmWinbind = "ntlm_wb", digestExplorer = "digest_ie"
    }

    public init() {}

    /// Bytes per second that a transfer may use; `nil`: no limit.
    public var maximumRate: Int? {
        guard throttle > 0 else { return nil }
        let rate = throttle <= 1 ? throttle * Double(bandwidth) : throttle
        return rate >= 1 ? Int(rate) : nil
    }
}

/// Requirements on a TLS connection. Paths are those of the build host.
public struct TLSOptions: Hashable, Sendable {
    public var verifies = true
    /// Whether the server has to prove that its certificate is not revoked (OCSP stapling).
    public var verifiesStatus = false
    /// A file of authorities that replaces the host's own.
    public var certificateAuthority: String?
    public var clientCertificate: String?
    public var clientKey: String?

    public init() {}
}
