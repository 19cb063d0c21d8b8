public import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

/// The settings in a machine's `yum/` folder: the options of yum.conf(5) and dnf.conf(5) that matter to an installroot build.
public struct YumConfiguration: Hashable, Sendable {
    public var repositories: [Repository] = []
    public var installsWeakDependencies = true
    /// `excludepkgs` of `[main]`: hidden in all repositories.
    public var excludes: [String] = []
    /// `includepkgs` of `[main]`: with them, only these packages and those that a repository's own `includepkgs` names are visible.
    public var includes: [String] = []
    /// Glob patterns of the ids of comps groups and environments that do not count.
    public var excludedGroups: [String] = []
    public var excludedEnvironments: [String] = []
    public var best = false
    /// Whether a request for a name may be met by a package that obsoletes it.
    public var obsoletes = true
    /// Whether a package that cannot be found or installed is an error; otherwise it is left out.
    public var strict = true
    /// Whether a package that no repository has is left out even though `strict` is on (`skip_unavailable` of dnf5).
    public var skipsUnavailable = false
    /// `multilib_policy=all`: every architecture of a package that fits, not only the best one.
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
    /// The entries of versionlock.list. A leading `!` excludes the version; without it, only that version is allowed.
    public var versionLocks: [String] = []
    /// `module_platform_id`, such as `platform:el9`; `nil`: streams for any platform are accepted.
    public var modulePlatform: String?
    /// Whether `yum/plugins` is read.
    public var usesPlugins = true
    /// `main`, `all` or repositories whose excludes and includes are ignored.
    public var disabledExcludes: Set<String> = []
    /// `tsflags`, such as `nodocs`.
    public var transactionFlags: [TransactionFlag] = []
    /// `override_install_langs`: rpm's `%_install_langs`; empty for all.
    public var languages: [String] = []
    public var localPackagesAreChecked = false
    /// Whether the packages are kept in the machine's own folder too, as hard links to the cache's.
    public var keepsPackages = true
    /// The template with its variables substituted and without secrets, for the machine's cache folder.
    public var renderedText = ""
    /// Options that decide which packages are chosen, as they are written: messages name their locations, and locks are made from them.
    public var writtenOptions: [WrittenOption] = []

    /// Reads the folder; everything wrong with it is added to `diagnostics`, all at once.
    ///
    /// - Parameters:
    ///   - variables: the values of `${name}` (docs/scriptlets.md).
    ///   - environment: the values of `${env:NAME}`, which are never printed.
    public init(
        _ folder: YumFolder, architecture: String, variables: [String: String], environment: [String: String],
        diagnostics: inout [Diagnostic]
    ) {
        var substitution = Substitution(
            braced: variables, environment: environment, plain: ["basearch": architecture.baseArchitecture, "arch": architecture])
        if let release = folder.variables["releasever"] { substitution.set("releasever", to: release) }
        // A file for a part of the release counts more than the release itself.
        for (name, value) in folder.variables where name != "releasever" { substitution.set(name, to: value) }

        let template = Self.read(folder.configurationTemplate, &diagnostics)
        let main = template.file.sections.first { $0.name == "main" }
        for option in main?.options ?? [] where ["releasever", "basearch"].contains(option.name) {
            let value = substitution.expand(option.value, at: option.location, &diagnostics)
            if !value.isEmpty { substitution.set(option.name, to: value) }
        }
        renderedText = Self.rendered(template.text, of: folder.configurationTemplate, &substitution)
        writtenOptions = WrittenOption.variables(of: folder)
        var defaults = RepositoryDefaults()
        if let main {
            writtenOptions += WrittenOption.options(of: main, id: main.name)
            for option in main.options where !["releasever", "basearch"].contains(option.name) {
                let option = option.expanded(by: &substitution, &diagnostics)
                if option.name == "arch", option.value != architecture {
                    diagnostics.append(
                        Diagnostic(
                            .error, at: option.location, "invalid arch '\(option.writtenValue)'",
                            hint: "expected \(architecture), the hardware.architecture of machine.yaml"))
                }
                applyMain(option, defaults: &defaults, &diagnostics)
            }
        }
        var known: [String: SourceLocation] = [:]
        for section in template.file.sections where section.name != "main" {
            add(section, defaults, known: &known, &substitution, &diagnostics)
        }
        for file in folder.repositoryFiles {
            for section in Self.read(file, &diagnostics).file.sections {
                add(section, defaults, known: &known, &substitution, &diagnostics)
            }
        }
        if repositories.isEmpty && !folder.repositoryFiles.isEmpty {
            diagnostics.append(
                Diagnostic(
                    .warning, at: SourceLocation(file: folder.path.appending("repositories")), "no repository is enabled",
                    hint: "only packages of rpms/ can be installed"))
        }
        applyDisabledExcludes()
        if usesPlugins { versionLocks = VersionLock.entries(of: folder, &substitution, &diagnostics) }
        let secrets = substitution.secrets.union(repositories.flatMap(\.transfer.passwords))
        for index in repositories.indices { repositories[index].transfer.secrets = secrets }
    }

    /// What repositories have where their own section does not say otherwise.
    private struct RepositoryDefaults {
        var repository = Repository(id: "", name: "")
        var isEnabled = true
    }

    /// dnf.conf(5): `main` means the lists of `[main]`, `all` (dnf5: `*`) means all, and any other text those of a repository;
    /// dnf5 has globs.
    private mutating func applyDisabledExcludes() {
        let all = disabledExcludes.contains("all") || disabledExcludes.contains("*")
        if all || disabledExcludes.contains("main") { (excludes, includes, excludedGroups, excludedEnvironments) = ([], [], [], []) }
        for index in repositories.indices {
            guard all || disabledExcludes.contains(where: { fnmatch($0, repositories[index].id, 0) == 0 }) else { continue }
            repositories[index].excludes = []
            repositories[index].includes = []
        }
    }

    private static func read(_ path: FilePath, _ diagnostics: inout [Diagnostic]) -> (file: INIFile, text: String) {
        do {
            let text = try readText(path)
            return (INIFile(text: text, file: path, diagnostics: &diagnostics), text)
        } catch {
            diagnostics.append(Diagnostic(.error, at: SourceLocation(file: path), "cannot be read: \(error)"))
            return (INIFile(text: "", file: path, diagnostics: &diagnostics), "")
        }
    }

    /// The text to show: variables are replaced except secrets, and passwords that are written in the tree are left out.
    private static func rendered(_ text: String, of path: FilePath, _ substitution: inout Substitution) -> String {
        var silent: [Diagnostic] = []
        var isOfPassword = false
        return text.lines.map { line in
            // A comment may have a password too.
            let isComment = line.hasPrefix("#") || line.hasPrefix(";")
            let shown = SecretMask()(
                isComment ? String(line) : substitution.expand(String(line), at: SourceLocation(file: path), keepSecrets: true, &silent))
            if let equals = shown.firstIndex(where: { $0 == "=" || $0 == ":" }), shown[..<equals].trimmed.lowercased().hasSuffix("password") {
                isOfPassword = true
                return isVariable(shown[shown.index(after: equals)...].trimmed) ? shown : shown[...equals] + " ***"
            }
            if shown.trimmed.isEmpty { return shown }
            if isComment || line.first?.isWhitespace == true { return isOfPassword && !isVariable(shown.trimmed) ? "    ***" : shown }
            isOfPassword = false
            return shown
        }.joined(separator: "\n")
    }

    /// Whether there is nothing but `${...}`, or nothing at all.
    private static func isVariable(_ value: String) -> Bool {
        value.isEmpty || value.hasPrefix("${") && value.firstIndex(of: "}") == value.indices.last
    }

    private mutating func applyMain(
        _ option: INIFile.Option, defaults: inout RepositoryDefaults, _ diagnostics: inout [Diagnostic]
    ) {
        switch option.name {
        case "enabled": option.read(into: &defaults.isEnabled, &diagnostics)
        case "install_weak_deps": option.read(into: &installsWeakDependencies, &diagnostics)
        case "best": option.read(into: &best, &diagnostics)
        case "obsoletes": option.read(into: &obsoletes, &diagnostics)
        case "strict": option.read(into: &strict, &diagnostics)
        case "skip_broken":
            var skips = false
            option.read(into: &skips, &diagnostics)
            if skips { strict = false }
        case "skip_unavailable": option.read(into: &skipsUnavailable, &diagnostics)
        case "multilib_policy":
            guard ["best", "all"].contains(option.value) else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: option.location, "invalid multilib_policy '\(option.value)'",
                        hint: "expected best or all"))
                return
            }
            installsAllArchitectures = option.value == "all"
        case "installonlypkgs": option.append(to: &installOnlyPackages)
        case "group_package_types":
            groupPackageTypes = option.value.listItems
            for kind in groupPackageTypes where Comps.Member.Kind(rawValue: kind) == nil {
                diagnostics.append(
                    Diagnostic(
                        .error, at: option.location, "invalid kind '\(kind)' of group_package_types",
                        hint: "expected mandatory, default, conditional or optional"))
            }
        case "exclude_from_weak": option.append(to: &excludedFromWeak)
        case "localpkg_gpgcheck": option.read(into: &localPackagesAreChecked, &diagnostics)
        case "keepcache": option.read(into: &keepsPackages, &diagnostics)
        case "exclude", "excludepkgs": option.append(to: &excludes)
        case "includepkgs": option.append(to: &includes)
        case "excludegroups": option.append(to: &excludedGroups)
        case "excludeenvs": option.append(to: &excludedEnvironments)
        case "disable_excludes": disabledExcludes = Set(option.value.listItems)
        case "module_platform_id": modulePlatform = option.value.isEmpty ? nil : option.value
        case "plugins": option.read(into: &usesPlugins, &diagnostics)
        case "tsflags": setFlags(option, &diagnostics)
        case "override_install_langs":
            languages = option.value.split { $0 == ":" || $0.isWhitespace }.map(String.init)
        case "arch": break
        default:
            guard !Self.ignoredMainOptions.contains(option.name), !option.name.hasPrefix("color_") else { return }
            if Repository.ownOptions.contains(option.name) {
                diagnostics.append(
                    Diagnostic(
                        .warning, at: option.location, "'\(option.name)' has no effect in [main]",
                        hint: "set it in the section of each repository"))
            } else if !defaults.repository.applyShared(option, &diagnostics) {
                unknown(option, &diagnostics)
            }
        }
    }

    private mutating func setFlags(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) {
        for item in option.value.listItems {
            if let flag = TransactionFlag(rawValue: item.lowercased()) {
                if !transactionFlags.contains(flag) { transactionFlags.append(flag) }
            } else if item.lowercased() == "nocrypto" {
                diagnostics.append(
                    Diagnostic(
                        .warning, at: option.location, "tsflags 'nocrypto' has no effect",
                        hint: "packages are always checked"))
            } else {
                let known = TransactionFlag.allCases.map(\.rawValue).joined(separator: ", ")
                diagnostics.append(
                    Diagnostic(
                        .error, at: option.location, "tsflags '\(item)' is not supported", hint: "expected one of \(known)"))
            }
        }
    }

    /// Adds a section's repository if it is enabled.
    ///
    /// - Parameter known: the ids that there are already, of disabled repositories too. As in dnf, the first one counts.
    private mutating func add(
        _ section: INIFile.Section, _ defaults: RepositoryDefaults, known: inout [String: SourceLocation], _ substitution: inout Substitution,
        _ diagnostics: inout [Diagnostic]
    ) {
        guard section.name != "main" else {
            diagnostics.append(
                Diagnostic(
                    .warning, at: section.location, "[main] has no effect in this file", hint: "its options belong into yum.conf.template"))
            return
        }
        // A secret must not be in the name of a folder. A variable that stays is reported as a wrong character.
        var silent: [Diagnostic] = []
        let id = substitution.expand(section.name, at: section.location, keepSecrets: true, &silent)
        if let first = known[id] {
            diagnostics.append(
                Diagnostic(
                    .warning, at: section.location, "a second repository with the id '\(id)' is ignored",
                    hint: "the first one is in \(first); each id must be unique"))
            return
        }
        known[id] = section.location
        var isEnabled = defaults.isEnabled
        if let option = section.options.first(where: { $0.name == "enabled" }) {
            option.expanded(by: &substitution, &diagnostics).read(into: &isEnabled, &diagnostics)
        }
        // A variable that only a disabled repository needs may be missing.
        guard isEnabled, !id.isEmpty else { return }
        let options = section.options.filter { $0.name != "enabled" }.map { $0.expanded(by: &substitution, &diagnostics) }
        var repository = defaults.repository
        repository.id = id
        repository.name = id
        // Machines whose variables differ have the same repository where nothing else needs them.
        if options.contains(where: { ["mirrorlist", "metalink"].contains($0.name) }) { repository.variables = substitution.plain }
        for option in options where !repository.apply(option, &diagnostics) { unknown(option, &diagnostics) }
        func report(_ message: String, hint: String) {
            diagnostics.append(
                Diagnostic(.error, at: section.location, "the repository '\(id)' \(message)", hint: hint))
        }
        // The id becomes the name of folders, so dnf's rule applies (dnf.repo.repo_id_invalid).
        if let bad = id.first(where: { !($0.isASCII && ($0.isLetter || $0.isNumber || "-_.:".contains($0))) }) {
            report("has '\(bad)' in its id", hint: "expected letters, digits, '-', '_', '.' and ':'")
        }
        let places = ["baseurl", "mirrorlist", "metalink"]
        // An invalid URL was reported already.
        if !options.contains(where: { places.contains($0.name) && !$0.value.isEmpty }) {
            report("has no URL", hint: "set baseurl, mirrorlist or metalink")
        }
        for (option, isAsked) in [("gpgcheck", repository.gpgcheck), ("repo_gpgcheck", repository.metadataIsSigned)]
        where isAsked && repository.keys.isEmpty {
            report("has \(option)=1 but no gpgkey", hint: "set gpgkey to the URL of the public key")
        }
        if repository.mayBeForged {
            diagnostics.append(
                Diagnostic(
                    .warning, at: section.location,
                    "the repository '\(section.name)' has gpgcheck=0 and a URL that is not encrypted, so its packages may be changed on their way",
                    hint: "set gpgcheck=1 and gpgkey, or use https:"))
        }
        let transfer = repository.transfer
        if transfer.proxyUser != nil && transfer.proxyPassword == nil {
            report("has proxy_username without proxy_password", hint: "set both or neither")
        }
        if let rate = transfer.maximumRate, rate < transfer.minimumRate {
            report("is throttled to less than minrate", hint: "each transfer would be given up")
        }
        writtenOptions += WrittenOption.options(of: section, id: id)
        repositories.append(repository)
    }

    private func unknown(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) {
        diagnostics.append(
            Diagnostic(
                .warning, at: option.location, "unknown option '\(option.name)' is ignored"))
    }

    /// Options without effect on an installroot build, and options that the pipeline decides itself; docs/yum.conf.md says which and why.
    private static let ignoredMainOptions: Set<String> = [
        "alwaysprompt", "assumeno", "assumeyes", "autocheck_running_kernel", "bugtracker_url", "cachedir", "cacheonly",
        "check_config_file_age", "clean_requirements_on_remove", "color", "comment", "config_file_path",
        "debug_solver", "debuglevel", "defaultyes", "destdir", "diskspacecheck", "distroverpkg", "errorlevel",
        "exactarch", "exactarchlist", "exit_on_lock", "gpgkey_dns_verification", "group_command",
        "groupremove_leaf_only", "history_list_view", "history_record",
        "history_record_packages", "ignorearch", "installonly_limit", "installroot",
        "kernelpkgnames", "loadts_ignorenewrpm", "log_compress", "log_rotate", "log_size", "logdir", "logfile",
        "logfilelevel", "logging", "max_connections", "metadata_timer_sync",
        "optional_metadata_types", "overwrite_groups", "persistdir", "pluginconfpath", "pluginpath",
        "protect_running_kernel", "protected_multilib", "protected_packages", "query_install_excludes", "recent",
        "remove_leaf_only", "repopkgsremove_leaf_only", "reposdir", "reset_nice", "rpmverbosity", "shell_exit_status",
        "showdupesfromrepos", "skip_missing_names_on_install", "syslog_device",
        "syslog_facility", "syslog_ident", "system_cachedir", "tolerant", "transformdb", "upgrade_group_objects_upgrade",
        "upgrade_requirements_on_install", "usr_w_check", "varsdir", "zchunk",
        "exclude_from_weak_autodetect", "allow_vendor_change", "allow_downgrade", "build_cache", "debugdir", "downloadonly", "module_obsoletes",
        "module_stream_switch", "persistence", "plugin_conf_dir", "skip_system_repo_lock", "system_state_dir", "transaction_history_dir",
        "use_host_config", "usr_drift_protected_paths",
    ]
}

extension String {
    /// The `$basearch` of an architecture, as dnf has it.
    var baseArchitecture: String { hasPrefix("i") && hasSuffix("86") ? "i386" : self }
}
