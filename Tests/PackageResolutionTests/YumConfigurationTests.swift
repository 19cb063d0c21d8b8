import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

struct YumConfigurationTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func read(_ main: String, _ repositories: String, environment: [String: String] = [:]) throws
        -> (YumConfiguration, [Diagnostic])
    {
        let template = try folder.write(main, to: "yum.conf.template")
        let file = try folder.write(repositories, to: "repositories/all.repo")
        var yum = YumFolder(path: FilePath(folder.url.path), configurationTemplate: FilePath(template.path))
        yum.repositoryFiles = [FilePath(file.path)]
        yum.variables = ["stream": "9-stream"]
        var diagnostics: [Diagnostic] = []
        let configuration = YumConfiguration(
            yum, architecture: "x86_64", variables: ["machine_cachePath": "/cache/g/m"], environment: environment,
            diagnostics: &diagnostics)
        return (configuration, diagnostics)
    }

    @Test func variablesAreExpanded() throws {
        let (configuration, diagnostics) = try read(
            "[main]\nreleasever=9\ncachedir=${machine_cachePath}/yum\n",
            "[a]\nbaseurl=https://host/$stream/$releasever/$basearch\n  https://other/${basearch}\n")
        #expect(diagnostics.isEmpty)
        #expect(
            configuration.repositories.first?.baseURLs == ["https://host/9-stream/9/x86_64", "https://other/x86_64"])
        #expect(configuration.renderedText.contains("cachedir=/cache/g/m/yum"))
    }

    @Test func basearchCanBeSetButArchMustMatchTheMachine() throws {
        let (configuration, diagnostics) = try read(
            "[main]\nbasearch=x86_64_v3\narch=i686\n", "[a]\nbaseurl=https://host/$basearch/\n")
        #expect(configuration.repositories.first?.baseURLs == ["https://host/x86_64_v3/"])
        #expect(diagnostics.map(\.location.line) == [3] && "\(diagnostics)".contains("hardware.architecture"), "\(diagnostics)")
    }

    @Test(
        "a repository whose packages may be changed on their way is a warning, once and with its place",
        arguments: [
            ("baseurl=http://h/1 http://h/2", true), ("baseurl=ftp://h/1", true), ("mirrorlist=HTTP://h/1", true),
            ("baseurl=https://h/1\nmetalink=http://h/2", true), ("baseurl=https://h/1", false), ("baseurl=file:///srv/1", false),
            ("baseurl=http://h/1\ngpgcheck=1\ngpgkey=/key", false), ("baseurl=http://h/1\nrepo_gpgcheck=1\ngpgkey=/key", false),
            ("baseurl=http://h/1\nenabled=0", false),
        ])
    func plainHTTP(options: String, isWarned: Bool) throws {
        let (_, diagnostics) = try read("[main]\n", "[other]\nbaseurl=/srv/other\n[a]\n\(options)\n")
        let warnings = diagnostics.filter { $0.severity == .warning && $0.message.contains("not encrypted") }
        #expect(warnings.map(\.location.line) == (isWarned ? [3] : []), "\(diagnostics)")
        #expect(warnings.allSatisfy { $0.message.contains("'a'") })
    }

    /// dnf accepts such files too.
    @Test(arguments: ["\r\n", "\n"], ["", "\u{FEFF}"])
    func filesWithWindowsLineEndsAreRead(end: String, mark: String) throws {
        let (configuration, diagnostics) = try read(
            mark + "[main]\n# password=of old\npassword=written down\nbest=1\n".replacing("\n", with: end),
            mark + "[a]\nbaseurl=https://host/one\n  https://host/two\n".replacing("\n", with: end))
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.best)
        #expect(configuration.repositories.first?.baseURLs == ["https://host/one", "https://host/two"])
        #expect(!configuration.renderedText.contains("written down") && !configuration.renderedText.contains("of old"))
    }

    /// The expectations are the results of libdnf 0.69's ConfigParser and options for the same text.
    @Test func numbersMayBeOnTheNextLineAndValuesInQuotes() throws {
        let (configuration, diagnostics) = try read(
            """
            [main]
            timeout=
              5m
            retries=
            \t+7
            minrate=
              10k
            throttle=
             50%
            bandwidth="1M"
            best='1'
            """, "[a]\nbaseurl=\"https://host/a\"\npriority=\n 50\ncost=\"7\"\nmetadata_expire=\n 2d\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let repository = try #require(configuration.repositories.first)
        #expect(repository.transfer.timeout == 300 && repository.transfer.retries == 7 && repository.transfer.minimumRate == 10240)
        #expect(repository.transfer.throttle == 0.5 && repository.transfer.bandwidth == 1 << 20 && configuration.best)
        #expect(repository.priority == 50 && repository.cost == 7 && repository.metadataLifetime == 172_800)
        // White space before words is not skipped, and numbers must not be followed by anything.
        for wrong in ["best=\n 1", "metadata_expire=\n never", "timeout=60\n s", "timeout=\n", "retries=\n", "best=\"1"] {
            #expect(try read("[main]\n\(wrong)\n", "[a]\nbaseurl=https://host/\n").1.map(\.severity) == [.error], "\(wrong)")
        }
    }

    /// docs/yum.conf.md promises that these options have an effect, so each must be known.
    @Test func everyDocumentedOptionIsKnown() throws {
        let document = try String(
            contentsOfFile: URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../docs/yum.conf.md",
            encoding: .utf8)
        let table = document.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "|").first }
        let options = table.flatMap { $0.matches(of: /`([a-z_]+)`/) }.map { String($0.output.1) }
        #expect(options.count > 60)
        for option in options {
            let (_, diagnostics) = try read("[main]\n\(option)=1\n", "[a]\nbaseurl=https://host/\n\(option)=1\n")
            let unknown = diagnostics.filter { $0.message.hasPrefix("unknown option") }
            #expect(unknown.count < 2, "\(option) is known neither in [main] nor of repositories")
        }
    }

    @Test func excludesCanBeDisabled() throws {
        let repositories = "[a]\nbaseurl=https://host/\nexcludepkgs=x\nincludepkgs=y\n[b]\nbaseurl=https://host/\nexclude=z\n"
        func excludes(_ disabled: String) throws -> [[String]] {
            let (configuration, diagnostics) = try read("[main]\nexcludepkgs=m\ndisable_excludes=\(disabled)\n", repositories)
            #expect(diagnostics.isEmpty, "\(diagnostics)")
            return [configuration.excludes] + configuration.repositories.map { $0.excludes + $0.includes }
        }
        #expect(try excludes("") == [["m"], ["x", "y"], ["z"]])
        #expect(try excludes("main") == [[], ["x", "y"], ["z"]])
        #expect(try excludes("a, main") == [[], [], ["z"]])
        #expect(try excludes("all") == [[], [], []])
        // dnf5's forms.
        #expect(try excludes("*") == [[], [], []])
        #expect(try excludes("[b-z]") == [["m"], ["x", "y"], []])
    }

    /// Judged by dnf 4.14: includepkgs of [main] belong to `main`, not to the repositories.
    @Test func includesOfMainAreOfMain() throws {
        let repositories = "[a]\nbaseurl=https://host/\nincludepkgs=y\n"
        func includes(_ disabled: String) throws -> [[String]] {
            let (configuration, diagnostics) = try read("[main]\nincludepkgs=m\ndisable_excludes=\(disabled)\n", repositories)
            #expect(diagnostics.isEmpty, "\(diagnostics)")
            return [configuration.includes] + configuration.repositories.map(\.includes)
        }
        #expect(try includes("") == [["m"], ["y"]])
        #expect(try includes("main") == [[], ["y"]])
        #expect(try includes("a") == [["m"], []])
        #expect(try includes("all") == [[], []])
    }

    /// Judged by dnf 4.14 and by libdnf5's OptionStringContainer.
    @Test(arguments: [
        ("excludepkgs=a\nexclude=b", ["a", "b"]), ("exclude=a\nexcludepkgs=", []), ("exclude=a\nexcludepkgs=,b", ["b"]),
        ("exclude=a\nexcludepkgs= , b", ["b"]), ("exclude=a, b,,c\n  d\te", ["a", "b", "c", "d", "e"]), ("exclude=a\nexcludepkgs=\n  b", ["a", "b"]),
        ("exclude='a b'", ["a", "b"]), ("exclude=${nothing:-a, b}", ["a", "b"]),
    ])
    func listsAreAddedToAndEmptied(options: String, expected: [String]) throws {
        let (configuration, diagnostics) = try read("[main]\n\(options)\n", "[a]\nbaseurl=https://host/\n\(options)\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.excludes == expected && configuration.repositories.first?.excludes == expected)
    }

    @Test func installOnlyPackagesAreAddedToTheDefaultOnes() throws {
        let repositories = "[a]\nbaseurl=https://host/\n"
        let usual = try read("[main]\n", repositories).0.installOnlyPackages
        #expect(usual.contains("kernel"))
        #expect(try read("[main]\ninstallonlypkgs=foo\n", repositories).0.installOnlyPackages == usual + ["foo"])
        #expect(try read("[main]\ninstallonlypkgs=,foo\n", repositories).0.installOnlyPackages == ["foo"])
        #expect(try read("[main]\ninstallonlypkgs=\n", repositories).0.installOnlyPackages == [])
        // Others replace what was there.
        #expect(try read("[main]\ngroup_package_types=optional\n", repositories).0.groupPackageTypes == ["optional"])
    }

    /// As in libdnf's ConfigParser.
    @Test func theLastOfTwoOptionsOfOneNameCounts() throws {
        let (configuration, diagnostics) = try read(
            "[main]\nexcludepkgs=a\nexcludepkgs=b\n  c\n", "[a]\nbaseurl=https://one/\npriority=1\nbaseurl=https://two/\n  https://three/\n")
        #expect(configuration.excludes == ["b", "c"])
        #expect(configuration.repositories.first?.baseURLs == ["https://two/", "https://three/"])
        #expect(diagnostics.map(\.description).filter { $0.contains("has no effect here; the same option in line") }.count == 2, "\(diagnostics)")
    }

    /// As in dnf: one section in one file, and the first one of several files. Neither goes without a word.
    @Test func oneIDTwice() throws {
        let (configuration, diagnostics) = try read(
            "[main]\n[a]\nbaseurl=https://template/\n",
            "[b]\nbaseurl=https://host/\nenabled=0\n[c]\nbaseurl=https://c/\n[b]\nexcludepkgs=x\n[c]\nexcludepkgs=y\n[a]\nbaseurl=https://other/\n")
        #expect(configuration.repositories.map(\.id) == ["a", "c"])
        #expect(configuration.repositories.map(\.baseURLs) == [["https://template/"], ["https://c/"]])
        #expect(configuration.repositories.last?.excludes == ["y"])
        #expect(
            diagnostics.map { "\($0.location.line ?? 0) \($0.severity) \($0.message)" } == [
                "6 warning a second section [b]", "8 warning a second section [c]", "10 warning a second repository with the id 'a' is ignored",
            ], "\(diagnostics)")
    }

    @Test func idsHaveVariables() throws {
        let (configuration, diagnostics) = try read(
            "[main]\nreleasever=29\nincludepkgs=z\n",
            "[x-f$releasever]\nbaseurl=https://host/\nexcludepkgs=a\n[${stream:-y}:${releasever_major}]\nbaseurl=https://host/\n")
        #expect(configuration.repositories.map(\.id) == ["x-f29", "9-stream:29"] && diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.writtenOptions.contains { $0.section == "x-f29" && $0.name == "excludepkgs" })
        for id in ["x-$nothing", "x-${nothing}", "x-${env:TOKEN}"] {
            let (_, diagnostics) = try read("[main]\n", "[\(id)]\nbaseurl=https://host/\n", environment: ["TOKEN": "hidden"])
            #expect(diagnostics.map(\.message) == ["the repository '\(id)' has '$' in its id"], "\(diagnostics)")
        }
    }

    /// Judged by dnf 4.14 (libdnf's ConfigRepo).
    @Test func optionsOfMainThatRepositoriesTake() throws {
        let repositories = "[a]\nbaseurl=https://host/\n[b]\nbaseurl=https://host/\nenabled=1\ngpgcheck=0\n"
        let (disabled, _) = try read("[main]\nenabled=0\nenablegroups=0\npkg_gpgcheck=1\n", repositories)
        #expect(disabled.repositories.map(\.id) == ["b"] && disabled.repositories.first?.hasGroups == false)
        for option in ["priority=1", "cost=1", "module_hotfixes=1", "baseurl=https://other/", "gpgkey=/key", "name=x", "metalink=https://x/"] {
            let (configuration, diagnostics) = try read("[main]\n\(option)\n", repositories)
            let (plain, _) = try read("[main]\n", repositories)
            #expect(configuration.repositories == plain.repositories, "\(option)")
            #expect(diagnostics.map(\.message) == ["'\(option.prefix { $0 != "=" })' has no effect in [main]"], "\(diagnostics)")
        }
        let (_, diagnostics) = try read("[main]\n", "[main]\nbest=1\n[a]\nbaseurl=https://host/\n")
        #expect(diagnostics.map(\.message) == ["[main] has no effect in this file"], "\(diagnostics)")
    }

    @Test func prioritiesMayBeNegative() throws {
        let (configuration, diagnostics) = try read(
            "[main]\n", "[a]\nbaseurl=https://host/\npriority=-1\ncost=-2147483648\n[b]\nbaseurl=https://host/\npriority=2147483648\n")
        #expect(configuration.repositories.first?.priority == -1 && configuration.repositories.first?.cost == -2_147_483_648)
        #expect(diagnostics.map(\.location.line) == [7], "\(diagnostics)")
    }

    /// dnf reads files of distributions in which only disabled repositories need a variable.
    @Test func disabledRepositoriesMayLackVariables() throws {
        let (_, diagnostics) = try read(
            "[main]\n", "[a]\nbaseurl=https://host/$releasever/${nothing}\nenabled=${on:-0}\n[b] # comment\nbaseurl=https://host/\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
    }

    @Test func releasesComeFromMainOrFromFiles() throws {
        func url(_ main: String, _ variables: [String: String]) throws -> String? {
            let template = try folder.write("[main]\n\(main)\n[a]\nbaseurl=https://h/$releasever/$releasever_major/$releasever_minor\n", to: "t")
            var yum = YumFolder(path: FilePath(folder.url.path), configurationTemplate: FilePath(template.path))
            yum.variables = variables
            var diagnostics: [Diagnostic] = []
            let configuration = YumConfiguration(yum, architecture: "x86_64", variables: [:], environment: [:], diagnostics: &diagnostics)
            #expect(diagnostics.isEmpty, "\(diagnostics)")
            return configuration.repositories.first?.baseURLs.first
        }
        #expect(try url("releasever=10.1", [:]) == "https://h/10.1/10/1")
        #expect(try url("", ["releasever": "10.1", "releasever_minor": "2"]) == "https://h/10.1/10/2")
        #expect(try url("releasever=9", ["releasever": "10.1", "releasever_minor": "2"]) == "https://h/9/9/")
        #expect(try url("releasever=${next:-11.0}", [:]) == "https://h/11.0/11/0")
    }

    @Test func theModulePlatformIsRead() throws {
        let repositories = "[a]\nbaseurl=https://host/\n"
        #expect(try read("[main]\nmodule_platform_id=platform:el9\n", repositories).0.modulePlatform == "platform:el9")
        #expect(try read("[main]\n", repositories).0.modulePlatform == nil)
    }

    @Test func aTreeWithoutRepositoriesGetsAWarning() throws {
        let (_, diagnostics) = try read("[main]\n", "[a]\nbaseurl=https://host/\nenabled=0\n")
        #expect(diagnostics.map(\.severity) == [.warning] && "\(diagnostics)".contains("no repository is enabled"))
    }

    @Test func repositoryIDsFollowDNFsRules() throws {
        for (id, isGood) in [("a-b_c.d:9", true), ("", false), ("a b", false), ("a/../b", false), ("ä", false)] {
            let (_, diagnostics) = try read("[main]\n", "[\(id)]\nbaseurl=https://host/\n")
            #expect(diagnostics.isEmpty == isGood, "\(id): \(diagnostics)")
        }
    }

    @Test func secretsComeFromTheEnvironmentAndAreNotRendered() throws {
        let (configuration, _) = try read(
            "[main]\nusername=me\npassword=${env:SECRET}\n", "[a]\nbaseurl=https://host/\n",
            environment: ["SECRET": "a:b c"])
        #expect(configuration.repositories.first?.transfer.user == "me")
        #expect(configuration.repositories.first?.transfer.password == Secret("a:b c"))
        #expect(!configuration.renderedText.contains("a:b c"))
    }

    @Test func secretsCanComeFromFiles() throws {
        try folder.write("hidden word\n", to: "secrets/token")
        let (configuration, diagnostics) = try read(
            "[main]\npassword=${file:secrets/token}\n", "[a]\nbaseurl=https://host/\nproxy_password=${file:/no/such}\n")
        #expect(configuration.repositories.first?.transfer.password == Secret("hidden word"))
        #expect(diagnostics.map(\.description).contains { $0.contains("all.repo:3: error: /no/such cannot be read") })
    }

    @Test func secretsAreMaskedInShownTexts() throws {
        let (configuration, diagnostics) = try read(
            "[main]\npassword=written down\nproxy=http://me:hidden@proxy:3128\nretries=${env:TOKEN}\n",
            "[a]\nbaseurl=https://host/${env:TOKEN}/\n  nonsense:${env:TOKEN}\n", environment: ["TOKEN": "t0ken-t0ken"])
        #expect(!diagnostics.isEmpty)
        let seen = [
            configuration.renderedText, "\(diagnostics)", "\(configuration.writtenOptions)",
            String(reflecting: configuration.repositories.first?.transfer.password),
        ]
        for text in seen {
            for secret in ["written down", "hidden", "t0ken"] { #expect(!text.contains(secret), "\(text)") }
        }
        let repository = try #require(configuration.repositories.first)
        let message = SecretMask(repository.transfer.secrets)("https://host/t0ken-t0ken/x and https://u:p@h/ and written%20down")
        #expect(message == "https://host/${env:TOKEN}/x and https://***@h/ and ***")
        #expect(SecretMask()("a://u:p@ss@h/b@c, d@e, f://g h@i, j://://k@l") == "a://***@h/b@c, d@e, f://g h@i, j://://***@l")
    }

    /// A value may begin on a line of its own.
    @Test func passwordsOnContinuationLinesAreMasked() throws {
        let main = """
            [main]
            proxy_password =

              hidden one
            # of no matter
              ${env:TOKEN}
            best=1
            # password=
            #  hidden two
            password=${env:TOKEN}hidden three
            exclude=
              7

            """
        let (configuration, _) = try read(
            main,
            "[a]\nbaseurl=https://host/\n", environment: ["TOKEN": "t0ken"])
        let text = configuration.renderedText
        #expect(!text.contains("hidden") && !text.contains("t0ken"), "\(text)")
        #expect(
            text.contains("proxy_password =\n") && text.contains("  ${env:TOKEN}\n") && text.contains("best=1") && text.contains("  7\n"), "\(text)")
    }

    @Test func transferOptionsAreReadAsLibdnfReadsThem() throws {
        let authority = try folder.write("PEM", to: "ca.pem").path
        let (configuration, diagnostics) = try read(
            "[main]\nretries=7\nminrate=2k\nbandwidth=10M\nthrottle=50%\nmax_parallel_downloads=9\nip_resolve=IPv4\nkeepcache=0\n",
            """
            [a]
            metalink=https://host/metalink?repo=a&arch=x
            mirrorlist=https://host/list
            timeout=2m
            proxy=http://proxy:3128
            proxy_auth_method=digest
            proxy_username=me
            proxy_password=x:y
            sslcacert=\(authority)
            sslverify=no
            proxy_sslverify=0
            metadata_expire=6h
            repo_gpgcheck=1
            gpgkey=/keys/one https://host/two, file:///three
            [b]
            baseurl=/srv/packages
            throttle=1.5M
            metadata_expire=never
            ip_resolve=whatever
            proxy=_none_
            """)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let first = try #require(configuration.repositories.first)
        let second = try #require(configuration.repositories.last)
        #expect(first.metalink == "https://host/metalink?repo=a&arch=x" && first.mirrorList == "https://host/list")
        #expect(first.metadataLifetime == 21600 && first.metadataIsSigned)
        #expect(first.keys == ["file:///keys/one", "https://host/two", "file:///three"])
        let transfer = first.transfer
        #expect(transfer.timeout == 120 && transfer.retries == 7 && transfer.minimumRate == 2048)
        #expect(transfer.maximumRate == 5 << 20 && transfer.parallelTransfers == 9 && transfer.addressFamily == .v4)
        #expect(transfer.proxyUser == "me" && transfer.proxyPassword == Secret("x:y") && transfer.proxyAuthentication == .digest)
        #expect(!transfer.tls.verifies && transfer.tls.certificateAuthority == authority && !transfer.proxyTLS.verifies)
        #expect(second.baseURLs == ["file:///srv/packages"] && second.metadataLifetime == nil)
        #expect(second.transfer.maximumRate == 3 << 19 && second.transfer.addressFamily == .any && second.transfer.proxy == nil)
        #expect(!configuration.keepsPackages)
    }

    @Test func wrongTransferOptionsAreReportedWithTheirLines() throws {
        let (_, diagnostics) = try read(
            "[main]\nretries=many\nbandwidth=10X\nmax_parallel_downloads=0\nip_resolve=5\nproxy_auth_method=magic\nmetadata_expire=soon\n",
            "[a]\nbaseurl=host/path\nsslcacert=/no/such.pem\n[b]\nmetalink=https://host/\nproxy_username=me\n[c]\nbaseurl=https://host/\nthrottle=10\n[d]\nbaseurl=https://host/\nrepo_gpgcheck=1\n"
        )
        let lines = diagnostics.map { "\($0.location.file.lastComponent?.string ?? ""):\($0.location.line ?? 0)" }
        #expect(
            Set(lines)
                == Set((2...7).map { "yum.conf.template:\($0)" } + [2, 3, 4, 7, 10].map { "all.repo:\($0)" }))
        #expect(diagnostics.allSatisfy { $0.severity == .error })
    }

    /// Every option of dnf.conf(5)'s and yum.conf(5)'s sections on repositories and [main] that a real file may have.
    @Test func ignoredOptionsGiveNoWarning() throws {
        let (_, diagnostics) = try read(
            "[main]\nfastestmirror=1\nassumeyes=1\nplugins=1\ncachedir=/var/cache/yum\ninstallonly_limit=3\ndebuglevel=2\nlogfile=/var/log/yum.log\nexactarch=1\ncolor_search_match=bold\nhttp_caching=all\n",
            "[a]\nbaseurl=https://host/\nfailovermethod=priority\ncountme=1\nenabled_metadata=1\ndeltarpm=0\ntype=rpm-md\nui_repoid_vars=releasever basearch\n"
        )
        #expect(diagnostics.isEmpty, "\(diagnostics)")
    }

    @Test func everyMistakeIsReportedWithItsLine() throws {
        let (_, diagnostics) = try read(
            "[main]\nbest=perhaps\nnonsense=1\n",
            "[a]\nbaseurl=https://$releasever/\npriority=high\n[b]\nname=nowhere\n[a]\ncost=1\n")
        #expect(
            Set(
                diagnostics.map {
                    "\($0.location.file.lastComponent?.string ?? ""):\($0.location.line ?? 0) \($0.severity)"
                })
                == [
                    "yum.conf.template:2 error", "yum.conf.template:3 warning", "all.repo:2 error", "all.repo:3 error",
                    "all.repo:4 error", "all.repo:6 warning",
                ])
    }
}
