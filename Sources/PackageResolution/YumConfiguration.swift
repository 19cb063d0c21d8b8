public import ConfigurationTree
import HostSystem
import SystemPackage

/// A machine's `yum/` folder, read: what yum.conf(5) and dnf.conf(5) let an installroot build decide.
public struct YumConfiguration: Hashable, Codable, Sendable {
    public var repositories: [Repository] = []
    public var installsWeakDependencies = true
    public var excludes: [String] = []
    public var best = false
    /// Whether a request for a name may be met by a package that obsoletes it.
    public var obsoletes = true
    /// Whether a package that cannot be had or installed is an error; otherwise it is left out.
    public var strict = true
    /// `multilib_policy=all`: every architecture of a package that fits, not the best alone.
    public var installsAllArchitectures = false
    /// Provides of packages that may be installed in several versions at once.
    public var installOnlyPackages = [
        "kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)", "installonlypkg(vm)",
        "multiversion(kernel)",
    ]
    /// Which kinds of members of a comps group are installed.
    public var groupPackageTypes = ["mandatory", "default", "conditional"]
    /// Packages that no weak dependency may bring.
    public var excludedFromWeak: [String] = []
    /// The entries of versionlock.list; a leading `!` excludes the version, otherwise it is the only one that may be taken.
    public var versionLocks: [String] = []
    /// Whether `yum/plugins` counts.
    public var usesPlugins = true
    /// Such as `nodocs`.
    public var transactionFlags: [String] = []
    public var localPackagesAreChecked = false
    /// The template with its variables substituted, for the machine's cache folder.
    public var renderedText = ""
    /// What bears on the choice of packages, as it is written: the place of each decision, and what a lock was made from.
    public var writtenOptions: [WrittenOption] = []

    /// Reads the folder; everything wrong with it is added to `diagnostics`, all at once.
    ///
    /// - Parameters:
    ///   - variables: what `${name}` stands for, DESIGN section 2.
    ///   - environment: what `${env:NAME}` stands for; values are never printed.
    public init(
        _ folder: YumFolder, architecture: String, variables: [String: String], environment: [String: String],
        diagnostics: inout [Diagnostic]
    ) {
        var substitution = Substitution(braced: variables, environment: environment)
        substitution.plain = ["basearch": architecture, "arch": architecture]
        if architecture.hasPrefix("i") && architecture.hasSuffix("86") { substitution.plain["basearch"] = "i386" }
        for (name, value) in folder.variables { substitution.plain[name] = value }

        let main = Self.read(folder.configurationTemplate, substitution, &diagnostics)
        renderedText = main.text
        writtenOptions = WrittenOption.variables(of: folder) + main.written
        if let release = main.file.sections.first(where: { $0.name == "main" })?.options.last(where: {
            $0.name == "releasever"
        }) {
            substitution.plain["releasever"] = release.value
        }
        var defaults = Repository(id: "", name: "")
        for section in main.file.sections where section.name == "main" {
            for option in section.options { applyMain(option, defaults: &defaults, &diagnostics) }
        }
        for section in main.file.sections where section.name != "main" {
            add(section, defaults: defaults, &diagnostics)
        }
        for file in folder.repositoryFiles {
            let read = Self.read(file, substitution, &diagnostics)
            writtenOptions += read.written
            for section in read.file.sections { add(section, defaults: defaults, &diagnostics) }
        }
        if usesPlugins { versionLocks = VersionLock.entries(of: folder, substitution, &diagnostics) }
        let sections = Set(repositories.map(\.id)).union(["main", WrittenOption.variables])
        writtenOptions.removeAll { !sections.contains($0.section) }
    }

    private static func read(
        _ path: FilePath, _ substitution: Substitution, _ diagnostics: inout [Diagnostic]
    ) -> (file: INIFile, text: String, written: [WrittenOption]) {
        let text: String
        do {
            text = try readText(path)
        } catch {
            diagnostics.append(Diagnostic(.error, at: SourceLocation(file: path), "cannot be read: \(error)"))
            return (INIFile(text: "", file: path, diagnostics: &diagnostics), "", [])
        }
        var file = INIFile(text: text, file: path, diagnostics: &diagnostics)
        let written = WrittenOption.options(of: file)
        for section in file.sections.indices {
            for option in file.sections[section].options.indices {
                let one = file.sections[section].options[option]
                file.sections[section].options[option].value = substitution.expand(
                    one.value, at: one.location, &diagnostics)
            }
        }
        var silent: [Diagnostic] = []
        let rendered = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map {
                $0.hasPrefix("#")
                    ? String($0)
                    : substitution.expand(String($0), at: SourceLocation(file: path), keepSecrets: true, &silent)
            }
            .joined(separator: "\n")
        return (file, rendered, written)
    }

    private mutating func applyMain(
        _ option: INIFile.Option, defaults: inout Repository, _ diagnostics: inout [Diagnostic]
    ) {
        switch option.name {
        case "install_weak_deps": set(&installsWeakDependencies, option, &diagnostics)
        case "best": set(&best, option, &diagnostics)
        case "obsoletes": set(&obsoletes, option, &diagnostics)
        case "strict": set(&strict, option, &diagnostics)
        case "skip_broken":
            var skips = false
            set(&skips, option, &diagnostics)
            if skips { strict = false }
        case "multilib_policy":
            guard ["best", "all"].contains(option.value) else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: option.location, "'\(option.value)' is no multilib_policy",
                        hint: "best or all would be right"))
                return
            }
            installsAllArchitectures = option.value == "all"
        case "installonlypkgs": installOnlyPackages = option.value.listItems
        case "group_package_types":
            groupPackageTypes = option.value.listItems
            for kind in groupPackageTypes where Comps.Member.Kind(rawValue: kind) == nil {
                diagnostics.append(
                    Diagnostic(
                        .error, at: option.location, "'\(kind)' is no kind of packages of a group",
                        hint: "mandatory, default, conditional or optional would be right"))
            }
        case "exclude_from_weak": excludedFromWeak += option.value.listItems
        case "localpkg_gpgcheck": set(&localPackagesAreChecked, option, &diagnostics)
        case "exclude", "excludepkgs": excludes += option.value.listItems
        case "plugins": set(&usesPlugins, option, &diagnostics)
        case "tsflags": transactionFlags += option.value.listItems
        case "releasever": break
        default:
            guard !Self.ignoredMainOptions.contains(option.name) else { return }
            if !Self.apply(option, to: &defaults, &diagnostics) { unknown(option, &diagnostics) }
        }
    }

    private mutating func add(_ section: INIFile.Section, defaults: Repository, _ diagnostics: inout [Diagnostic]) {
        var repository = defaults
        repository.id = section.name
        repository.name = section.name
        var enabled = true
        for option in section.options {
            switch option.name {
            case "enabled": set(&enabled, option, &diagnostics)
            default:
                if !Self.apply(option, to: &repository, &diagnostics) { unknown(option, &diagnostics) }
            }
        }
        guard enabled else { return }
        if repository.baseURLs.isEmpty && repository.mirrorList == nil {
            diagnostics.append(
                Diagnostic(
                    .error, at: section.location, "the repository '\(section.name)' has no place",
                    hint: "baseurl or mirrorlist says where it is"))
        }
        if repository.gpgcheck && repository.keys.isEmpty {
            diagnostics.append(
                Diagnostic(
                    .error, at: section.location, "the repository '\(section.name)' asks gpgcheck but names no gpgkey"))
        }
        if repositories.contains(where: { $0.id == repository.id }) {
            diagnostics.append(
                Diagnostic(
                    .error, at: section.location, "a second repository '\(section.name)'", hint: "ids are unique"))
            return
        }
        repositories.append(repository)
    }

    private static func apply(
        _ option: INIFile.Option, to repository: inout Repository, _ diagnostics: inout [Diagnostic]
    ) -> Bool {
        switch option.name {
        case "name": repository.name = option.value
        case "baseurl": repository.baseURLs = option.value.listItems
        case "mirrorlist": repository.mirrorList = option.value
        case "gpgcheck": set(&repository.gpgcheck, option, &diagnostics)
        case "gpgkey": repository.keys = option.value.listItems
        case "priority": set(&repository.priority, option, &diagnostics)
        case "cost": set(&repository.cost, option, &diagnostics)
        case "exclude", "excludepkgs": repository.excludes += option.value.listItems
        case "includepkgs": repository.includes += option.value.listItems
        case "skip_if_unavailable": set(&repository.skipIfUnavailable, option, &diagnostics)
        case "timeout": set(&repository.transfer.timeout, option, &diagnostics)
        case "retries": set(&repository.transfer.retries, option, &diagnostics)
        case "minrate": set(&repository.transfer.minimumRate, option, &diagnostics)
        case "proxy":
            repository.transfer.proxy = ["", "_none_", "none"].contains(option.value.lowercased()) ? nil : option.value
        case "proxy_username": setUser(&repository.transfer.proxyCredentials, option.value)
        case "proxy_password": setPassword(&repository.transfer.proxyCredentials, option.value)
        case "username": setUser(&repository.transfer.credentials, option.value)
        case "password": setPassword(&repository.transfer.credentials, option.value)
        case "enablegroups": set(&repository.hasGroups, option, &diagnostics)
        case "module_hotfixes": set(&repository.moduleHotfixes, option, &diagnostics)
        case "sslverify": set(&repository.transfer.verifiesTLS, option, &diagnostics)
        case "sslcacert": repository.transfer.certificateAuthority = option.value
        case "sslclientcert": repository.transfer.clientCertificate = option.value
        case "sslclientkey": repository.transfer.clientKey = option.value
        case "repo_gpgcheck":
            var asked = false
            set(&asked, option, &diagnostics)
            if asked {
                diagnostics.append(
                    Diagnostic(
                        .error, at: option.location, "signed metadata (repo_gpgcheck) cannot be checked here",
                        hint: "gpgcheck=1 checks each package's own signature"))
            }
        case "metalink":
            diagnostics.append(
                Diagnostic(
                    .error, at: option.location, "metalink is not read here",
                    hint: "mirrorlist or baseurl would be right"))
        default: return ignoredRepositoryOptions.contains(option.name)
        }
        return true
    }

    private func unknown(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) {
        diagnostics.append(
            Diagnostic(
                .warning, at: option.location, "nobody knows the option '\(option.name)'", hint: "it has no effect"))
    }

    /// Options that have no bearing on an installroot build, or that the pipeline decides itself.
    private static let ignoredMainOptions: Set<String> = [
        "cachedir", "persistdir", "logdir", "logfile", "reposdir", "keepcache", "debuglevel", "errorlevel", "logging",
        "pluginpath",
        "pluginconfpath", "installonly_limit", "distroverpkg", "assumeyes", "color",
        "history_record", "clean_requirements_on_remove",
        "exactarch", "protected_packages", "bugtracker_url", "metadata_expire",
        "check_config_file_age", "syslog_ident",
        "rpmverbosity", "deltarpm", "zchunk", "fastestmirror", "max_parallel_downloads",
        "ip_resolve", "exclude_from_weak_autodetect", "allow_vendor_change", "disable_excludes",
    ]
    private static let ignoredRepositoryOptions: Set<String> = [
        "metadata_expire", "mirrorlist_expire", "countme", "type", "fastestmirror", "deltarpm", "enabled_metadata",
        "http_caching", "ui_repoid_vars",
        "failovermethod", "keepalive", "throttle", "bandwidth", "max_parallel_downloads", "ip_resolve", "keepcache",
    ]
}

private func set(_ value: inout Bool, _ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) {
    switch option.value.lowercased() {
    case "1", "yes", "true", "on": value = true
    case "0", "no", "false", "off": value = false
    default:
        diagnostics.append(
            Diagnostic(
                .error, at: option.location, "'\(option.value)' is no truth value of \(option.name)",
                hint: "1 or 0 would be right"))
    }
}

private func set(_ value: inout Int, _ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) {
    guard let number = Int(option.value), number >= 0 else {
        diagnostics.append(Diagnostic(.error, at: option.location, "'\(option.value)' is no number of \(option.name)"))
        return
    }
    value = number
}

/// `user:password`, as libcurl takes it: a user name has no colon, a password may have some.
private func setUser(_ credentials: inout String?, _ user: String) {
    let password = credentials.flatMap { text in text.firstIndex(of: ":").map { String(text[$0...]) } }
    credentials = user + (password ?? ":")
}

private func setPassword(_ credentials: inout String?, _ password: String) {
    credentials = (credentials?.prefix { $0 != ":" } ?? "") + ":" + password
}

extension String {
    /// yum's lists: separated by white space or commas.
    var listItems: [String] { split { $0.isWhitespace || $0 == "," }.map(String.init) }
}

/// `${name}` and `${env:NAME}` of templates, `$releasever` and its kin of .repo files.
struct Substitution {
    var braced: [String: String]
    var environment: [String: String]
    var plain: [String: String] = [:]

    /// - Parameter keepSecrets: `${env:NAME}` is left as it is, for texts that people see.
    func expand(
        _ text: String, at location: SourceLocation, keepSecrets: Bool = false, _ diagnostics: inout [Diagnostic]
    ) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.hasPrefix("{"), let close = rest.firstIndex(of: "}") {
                let name = String(rest[rest.index(after: rest.startIndex)..<close])
                rest = rest[rest.index(after: close)...]
                if name.hasPrefix("env:") {
                    let variable = String(name.dropFirst(4))
                    if keepSecrets {
                        result += "${\(name)}"
                    } else if let value = environment[variable] {
                        result += value
                    } else {
                        diagnostics.append(
                            Diagnostic(
                                .error, at: location, "the environment has no variable \(variable)",
                                hint: "set it before the build"))
                    }
                } else if let value = braced[name] ?? plain[name] {
                    result += value
                } else {
                    diagnostics.append(Diagnostic(.error, at: location, "unknown variable ${\(name)}"))
                }
            } else {
                let name = String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
                rest = rest.dropFirst(name.count)
                if let value = plain[name] {
                    result += value
                } else {
                    if name == "releasever" {
                        diagnostics.append(
                            Diagnostic(
                                .error, at: location, "$releasever is not known",
                                hint: "set releasever in yum.conf.template or in yum/vars/releasever"))
                    }
                    result += "$" + name
                }
            }
        }
        return result + rest
    }
}
