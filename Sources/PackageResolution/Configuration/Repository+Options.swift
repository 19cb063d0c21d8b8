// The options of a repository's section (dnf.conf(5), yum.conf(5)), and those of them that [main] sets for all repositories.
import ConfigurationTree
import HostSystem
import SystemPackage

extension Repository {
    /// Applies an option of the repository's own section.
    ///
    /// - Returns: `false` when repositories have no such option.
    mutating func apply(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> Bool {
        switch option.name {
        case "name": name = option.value
        case "baseurl": baseURLs = Self.urls(option, &diagnostics)
        case "mirrorlist": mirrorList = Self.urls(option, &diagnostics).first
        case "metalink": metalink = Self.urls(option, &diagnostics).first
        case "gpgkey": keys = Self.urls(option, &diagnostics)
        case "priority": option.readSigned(into: &priority, &diagnostics)
        case "cost": option.readSigned(into: &cost, &diagnostics)
        case "exclude", "excludepkgs": option.append(to: &excludes)
        case "includepkgs": option.append(to: &includes)
        case "module_hotfixes": option.read(into: &moduleHotfixes, &diagnostics)
        default: return applyShared(option, &diagnostics)
        }
        return true
    }

    /// Applies an option that [main] may set for all repositories: the children of options of [main] in libdnf's ConfigRepo.
    ///
    /// - Returns: `false` when there is no such option.
    mutating func applyShared(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> Bool {
        switch option.name {
        // dnf5 has both names.
        case "gpgcheck", "pkg_gpgcheck": option.read(into: &gpgcheck, &diagnostics)
        case "repo_gpgcheck": option.read(into: &metadataIsSigned, &diagnostics)
        case "metadata_expire": option.readSeconds(into: &metadataLifetime, &diagnostics)
        case "skip_if_unavailable": option.read(into: &skipIfUnavailable, &diagnostics)
        case "enablegroups": option.read(into: &hasGroups, &diagnostics)
        default: return transfer.apply(option, &diagnostics) || Self.ignoredOptions.contains(option.name)
        }
        return true
    }

    /// Options of a repository's section that have no effect in [main]. dnf does not know them there either.
    static let ownOptions: Set<String> = ["name", "baseurl", "mirrorlist", "metalink", "gpgkey", "priority", "cost", "module_hotfixes"]

    /// The URLs of an option. As in librepo, an absolute path stands for a `file:` URL.
    private static func urls(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> [String] {
        let items = option.value.listItems
        let written = option.writtenValue.listItems
        return items.enumerated().compactMap { index, value in
            if value.hasPrefix("/") { return "file://" + value }
            let scheme = value.prefix { $0 != ":" }.lowercased()
            if ["http", "https", "ftp", "file"].contains(scheme) { return value }
            // A value may have secrets, and a variable may stand for several items.
            let shown = written.count == items.count ? written[index] : option.writtenValue.printable()
            diagnostics.append(
                Diagnostic(
                    .error, at: option.location, "'\(shown)' in \(option.name) is not a URL",
                    hint: "expected http:, https:, ftp:, file: or an absolute path"))
            return nil
        }
    }

    /// Options without effect on an installroot build, and options that the pipeline decides itself; docs/yum.conf.md says which and why.
    private static let ignoredOptions: Set<String> = [
        "countme", "deltarpm", "deltarpm_percentage", "deltarpm_metadata_percentage", "enabled_metadata",
        "failovermethod", "fastestmirror", "gpgcakey", "http_caching", "keepalive", "mdpolicy",
        "mediaid", "metadata_expire_filter", "mirrorlist_expire", "async", "compare_providers_priority", "type",
        "ui_repoid_vars",
    ]
}

extension TransferOptions {
    /// Applies an option.
    ///
    /// - Returns: `false` when transfers have no such option.
    mutating func apply(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> Bool {
        switch option.name {
        case "timeout":
            var seconds: Int? = timeout
            option.readSeconds(into: &seconds, &diagnostics)
            // 0 and never stand for librepo's default.
            timeout = seconds.map { $0 == 0 ? TransferOptions().timeout : $0 } ?? TransferOptions().timeout
        case "retries": option.read(into: &retries, &diagnostics)
        case "minrate": option.readBytes(into: &minimumRate, &diagnostics)
        case "bandwidth": option.readBytes(into: &bandwidth, &diagnostics)
        case "throttle": option.readRate(into: &throttle, &diagnostics)
        case "max_parallel_downloads": option.read(into: &parallelTransfers, atLeast: 1, &diagnostics)
        case "max_downloads_per_mirror": option.read(into: &transfersPerMirror, atLeast: 1, &diagnostics)
        case "ip_resolve":
            switch option.value.lowercased() {
            case "4", "ipv4": addressFamily = .v4
            case "6", "ipv6": addressFamily = .v6
            case "whatever": addressFamily = .any
            default: option.wrong("address family", "4, 6 or whatever", &diagnostics)
            }
        case "user_agent": userAgent = option.value
        case "username": user = option.value.isEmpty ? nil : option.value
        case "password": password = Secret(option.value)
        case "proxy": proxy = ["", "_none_", "none"].contains(option.value.lowercased()) ? nil : option.value
        case "proxy_username": proxyUser = option.value.isEmpty ? nil : option.value
        case "proxy_password": proxyPassword = Secret(option.value)
        case "proxy_auth_method":
            guard let method = ProxyAuthentication(rawValue: option.value.lowercased()) else {
                let known = ProxyAuthentication.allCases.map(\.rawValue).joined(separator: ", ")
                option.wrong("method", "one of \(known)", &diagnostics)
                break
            }
            proxyAuthentication = method
        case _ where option.name.hasPrefix("proxy_ssl"): return proxyTLS.apply(option, prefix: "proxy_", &diagnostics)
        default: return tls.apply(option, prefix: "", &diagnostics)
        }
        return true
    }

    /// The passwords, from whatever source.
    var passwords: [Secret] { [password, proxyPassword].compactMap(\.self) }
}

extension TLSOptions {
    fileprivate mutating func apply(_ option: INIFile.Option, prefix: String, _ diagnostics: inout [Diagnostic]) -> Bool {
        switch option.name.dropFirst(prefix.count) {
        case "sslverify": option.read(into: &verifies, &diagnostics)
        case "sslverifystatus": option.read(into: &verifiesStatus, &diagnostics)
        case "sslcacert": certificateAuthority = Self.file(option, &diagnostics)
        case "sslclientcert": clientCertificate = Self.file(option, &diagnostics)
        case "sslclientkey": clientKey = Self.file(option, &diagnostics)
        default: return false
        }
        return true
    }

    /// A file of the build host. libcurl would only say that something is wrong with a certificate.
    private static func file(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> String? {
        guard !option.value.isEmpty else { return nil }
        if !exists(FilePath(option.value)) {
            diagnostics.append(
                Diagnostic(
                    .error, at: option.location, "'\(option.writtenValue)' of \(option.name) does not exist",
                    hint: "expected the absolute path of a PEM file"))
        }
        return option.value
    }
}
