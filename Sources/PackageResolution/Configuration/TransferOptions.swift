/// How a repository's files are transferred: the options of dnf.conf(5) that bear on it, under its defaults unless said.
public struct TransferOptions: Hashable, Sendable {
    /// Seconds without a usable connection, or below `minimumRate`, after which a mirror is given up.
    public var timeout = 30
    /// How often a file is asked for again after every mirror failed for a reason that may pass; 0 for as long as it takes.
    ///
    /// dnf's default is 10; a build should fail while someone looks.
    public var retries = 3
    /// Bytes per second.
    public var minimumRate = 1000
    /// Bytes per second of the whole connection, which a `throttle` below 1 is a part of; 0 for unknown.
    public var bandwidth = 0
    /// Bytes per second of each transfer, or up to 1 a part of `bandwidth`; 0 for no limit.
    public var throttle = 0.0
    /// Files that are fetched at once; dnf's default is 3.
    public var parallelTransfers = 6
    /// Of those, from one mirror, where there are several.
    public var transfersPerMirror = 3
    public var addressFamily = AddressFamily.any
    public var userAgent = "discographer"
    /// `nil` leaves it to `http_proxy` and its kin of the environment; empty for none at all.
    public var proxy: String?
    public var proxyUser: String?
    public var proxyPassword: Secret?
    public var proxyAuthentication = ProxyAuthentication.any
    public var user: String?
    public var password: Secret?
    public var tls = TLSOptions()
    public var proxyTLS = TLSOptions()
    /// What no message may show: passwords, and what `${env:NAME}` and `${file:PATH}` stand for.
    public var secrets: Set<Secret> = []

    public enum AddressFamily: Hashable, Sendable { case any, v4, v6 }

    /// The names that proxy_auth_method has for them.
    public enum ProxyAuthentication: String, Hashable, Sendable, CaseIterable {
        case any, none, basic, digest, negotiate, ntlm, ntlmWinbind = "ntlm_wb", digestExplorer = "digest_ie"
    }

    public init() {}

    /// Bytes per second that a transfer may take; `nil` for no limit.
    public var maximumRate: Int? {
        guard throttle > 0 else { return nil }
        let rate = throttle <= 1 ? throttle * Double(bandwidth) : throttle
        return rate >= 1 ? Int(rate) : nil
    }
}

/// What is asked of a TLS connection. Files are of the build host.
public struct TLSOptions: Hashable, Sendable {
    public var verifies = true
    /// Whether the server has to bring a fresh word on its certificate's revocation (OCSP stapling).
    public var verifiesStatus = false
    /// Instead of the host's own authorities.
    public var certificateAuthority: String?
    public var clientCertificate: String?
    public var clientKey: String?

    public init() {}
}
