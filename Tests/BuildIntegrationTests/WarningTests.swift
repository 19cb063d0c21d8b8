import Foundation
import Testing

/// Warnings reach people and programs, again in cached runs, and are errors on request.
@Suite("Warnings", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct WarningTests {
    private struct Event: Decodable {
        var event: String
        var text, package, path, tolerated: String?
    }

    /// Packages of one spec, which is given without its preamble, and a tree with the machine `g/m` that asks for some of them.
    private static func fixture(in folder: String, _ spec: String, packages: String) async throws -> String {
        let repository = folder + "/repository"
        try FileManager.default.createDirectory(atPath: repository, withIntermediateDirectories: true)
        let preamble = """
            %global _binaries_in_noarch_packages_terminate_build 0
            %global __os_install_post %{nil}
            Name: tests
            Version: 1
            Release: 1
            Summary: test
            License: none
            BuildArch: noarch
            AutoReqProv: no
            %description
            %package -n setup
            Summary: test
            %description -n setup
            %files -n setup
            /etc/passwd
            /etc/group
            %install
            mkdir -p %{buildroot}/etc
            echo 'root:x:0:0::/root:/bin/sh' > %{buildroot}/etc/passwd
            echo 'root:x:0:' > %{buildroot}/etc/group

            """
        try (preamble + spec).write(toFile: folder + "/tests.spec", atomically: true, encoding: .utf8)
        _ = try await shell(
            """
            rpmbuild -bb --quiet --define '_topdir \(folder)/top' --define '_rpmdir \(repository)' \
                --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' '\(folder)/tests.spec' 2>&1
            createrepo_c --quiet '\(repository)'
            """)
        let tree = try SmallRepository.tree(
            in: folder, machines: ["m": "setup\n" + packages], repositories: ["r": "baseurl=file://\(repository)\ngpgcheck=0"])
        try "boot: {loader: none}\noutputs: [raw]\ndisks: [{size: 64MiB}]\n".write(
            toFile: tree + "/g/machine-group.yaml", atomically: true, encoding: .utf8)
        return tree
    }

    private static let owners = """
        mkdir -p %{buildroot}/srv/brew %{buildroot}/dev %{buildroot}/usr/bin
        touch %{buildroot}/srv/brew/a %{buildroot}/srv/brew/b %{buildroot}/dev/odd %{buildroot}/usr/bin/privileged
        echo new > %{buildroot}/etc/kept.conf
        echo new > %{buildroot}/etc/replaced.conf
        %package -n brew
        Summary: test
        Requires(pre): setup
        %description -n brew
        %files -n brew
        %attr(0750, brewer, brewers) /srv/brew
        %attr(4755, brewer, root) /usr/bin/privileged
        %attr(4755, maltster, root) /dev/odd
        %package -n settings
        Summary: test
        %description -n settings
        %pretrans -n settings -p <lua>
        posix.mkdir("/etc")
        for _, name in ipairs({"kept", "replaced"}) do
            local file = io.open("/etc/" .. name .. ".conf", "w")
            file:write("old")
            file:close()
        end
        %files -n settings
        %config(noreplace) /etc/kept.conf
        %config /etc/replaced.conf

        """

    private static let expected: [(text: String, package: String, path: String)] = [
        ("brew-1-1.noarch: user brewer does not exist - using root (/srv/brew and 3 more)", "brew-1-1.noarch", "/srv/brew"),
        ("brew-1-1.noarch: group brewers does not exist - using root (/srv/brew and 2 more)", "brew-1-1.noarch", "/srv/brew"),
        ("brew-1-1.noarch: user maltster does not exist - using root (/dev/odd)", "brew-1-1.noarch", "/dev/odd"),
        ("settings-1-1.noarch: /etc/kept.conf created as /etc/kept.conf.rpmnew", "settings-1-1.noarch", "/etc/kept.conf"),
        ("settings-1-1.noarch: /etc/replaced.conf saved as /etc/replaced.conf.rpmorig", "settings-1-1.noarch", "/etc/replaced.conf"),
    ]

    private static func warnings(_ run: Run) throws -> [Event] {
        try run.output.split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }.filter { $0.event == "warning" }
    }

    @Test("of rpm name package and path, on the terminal, in events, the log and results, and again in a cached run")
    func reach() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder, Self.owners, packages: "brew\nsettings\n")
            let words = ["-c", tree, "-s", folder + "/cache", "g"]
            let machine = folder + "/cache/g/m"
            for round in 0..<3 {
                // The third one is not published yet, but all of its results are there.
                if round == 2 { _ = try await shell("rm -r '\(machine)/artefacts' '\(machine)/published.json'") }
                let run = try await Sandbox.discographer(["build", "--json"] + words)
                #expect(run.status == 0, "\(run.output)\(run.errors)")
                let told = try Self.warnings(run)
                for warning in Self.expected {
                    let event = told.filter { $0.text == warning.text }
                    #expect(event.count == 1, "round \(round): \(warning.text) in \(told)")
                    #expect(event.first?.package == warning.package)
                    #expect(event.first?.path == warning.path)
                }
                #expect(told.count == Self.expected.count, "\(told)")
                let log = try String(contentsOfFile: machine + "/yum/log/build.log", encoding: .utf8)
                let manifest = try await shell("jq -r '.warnings[]' '\(machine)/artefacts/manifest.json'")
                for warning in Self.expected {
                    #expect(log.contains("warning: \(warning.text)\n"), "round \(round)")
                    #expect(manifest.contains("\(warning.text)\n"))
                }
            }
            let plain = try await Sandbox.discographer(["build"] + words)
            for warning in Self.expected { #expect(plain.output.contains("g/m  warning: \(warning.text)\n")) }
            // As rpm does: root's file does not get the bit.
            let modes = try await shell("stat -c %a '\(machine)'/minimal-appliance/installed-packages/root/{usr/bin/privileged,dev/odd}")
            #expect(modes == "755\n755\n")
        }
    }

    @Test("are errors with --strict, cached or not, unless they are tolerated; nothing is published and nothing is made anew")
    func strict() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder, Self.owners, packages: "brew\n")
            let words = ["-c", tree, "-s", folder + "/cache", "g"]
            let artefacts = folder + "/cache/g/m/artefacts"
            let first = try await Sandbox.discographer(["build", "--strict"] + words)
            #expect(first.status == 1)
            #expect(first.output.contains("g/m: install failed: 3 warnings count as errors (--strict)"), "\(first.output)")
            #expect(!FileManager.default.fileExists(atPath: artefacts))
            #expect(!first.output.contains("compose"))
            #expect(try await Sandbox.discographer(["build"] + words).status == 0)
            let before = try await shell("stat -c '%i %Y' '\(artefacts)'/*")
            let again = try await Sandbox.discographer(["build", "--strict"] + words)
            #expect(again.status == 1)
            #expect(try await shell("stat -c '%i %Y' '\(artefacts)'/*") == before)
            try """
            toleratedWarnings:
            - {warning: "user * does not exist", package: brew, reason: the directory has it}
            - {warning: "group brewers", reason: "*this* too"}

            """.write(toFile: tree + "/g/machines/m/machine.yaml", atomically: true, encoding: .utf8)
            let tolerated = try await Sandbox.discographer(["build", "--strict"] + words)
            #expect(tolerated.status == 0, "\(tolerated.output)\(tolerated.errors)")
            #expect(!tolerated.output.contains("warning"), "\(tolerated.output)")
            #expect(tolerated.output.contains("install   cached"))
            let events = try Self.warnings(try await Sandbox.discographer(["build", "--strict", "--json"] + words))
            #expect(events.map(\.tolerated) == ["the directory has it", "the directory has it", "*this* too"], "\(events)")
        }
    }

    @Test("about the tree are errors of check, plan and build with --strict")
    func strictTree() async throws {
        try await Sandbox.withFolder { folder in
            try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a"), SmallPackage("setup")])
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "a\n"], repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
            _ = try await shell("cd '\(tree)/g/machines/m'; rm yum; cp -r ../../../templates/yum yum; echo nonsense=1 >> yum/yum.conf.template")
            for command in ["check", "plan", "build"] {
                let words = [command, "-c", tree, "-s", folder + "/cache", "g"]
                #expect(try await Sandbox.discographer(words).status == 0)
                let strict = try await Sandbox.discographer(words + ["--strict"])
                #expect(strict.status == 2)
                #expect(strict.errors.contains("yum.conf.template:2: warning: unknown option 'nonsense' is ignored"), "\(strict.errors)")
                #expect(strict.errors.contains("1 warning counts as an error (--strict)"))
            }
            try "toleratedWarnings:\n- {warning: \"unknown option 'nonsense'\", reason: test}\n".write(
                toFile: tree + "/g/machines/m/machine.yaml", atomically: true, encoding: .utf8)
            let tolerated = try await Sandbox.discographer(["check", "--strict", "-c", tree, "g"])
            #expect(tolerated.status == 0, "\(tolerated.errors)")
            #expect(tolerated.errors == "")
        }
    }

    @Test("of resolution are errors with --strict, of the one machine that they are about")
    func strictResolution() async throws {
        try await Sandbox.withFolder { folder in
            try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a"), SmallPackage("setup")])
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "a\n", "lacks": "a\nnowhere\n"],
                repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"], configuration: "strict=0\n")
            for command in ["plan", "build"] {
                let strict = try await Sandbox.discographer([command, "--strict", "-c", tree, "-s", folder + "/cache", "g"])
                #expect(strict.status == 1)
                let all = strict.output + strict.errors
                #expect(all.contains("g/lacks: resolve failed: 1 warning counts as an error (--strict)"), "\(all)")
                #expect(!all.contains("g/m: "), "\(all)")
            }
            #expect(FileManager.default.fileExists(atPath: folder + "/cache/g/m/artefacts/manifest.json"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache/g/lacks/artefacts"))
        }
    }

    @Test("of a machine do not fill the terminal; the log has all")
    func limit() async throws {
        try await Sandbox.withFolder { folder in
            let files = (1...30).map { "%attr(-, user\($0), root) /opt/\($0)\n" }.joined()
            let tree = try await Self.fixture(
                in: folder,
                "mkdir -p %{buildroot}/opt; for i in $(seq 30); do touch %{buildroot}/opt/$i; done\n%package -n many\nSummary: test\n"
                    + "%description -n many\n%files -n many\n" + files, packages: "many\n")
            for round in 0..<2 {
                let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
                #expect(run.status == 0, "\(run.output)\(run.errors)")
                let lines = run.output.split(separator: "\n").filter { $0.hasPrefix("g/m  warning: ") }
                #expect(lines.count == 21, "round \(round): \(run.output)")
                let log = folder + "/cache/g/m/yum/log/build.log"
                #expect(lines.last == "g/m  warning: and 10 more in \(log)")
                let all = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("warning: ") }
                #expect(all.count == 30)
            }
        }
    }

    @Test("a scriptlet whose interpreter cannot be started says which one and why, whatever kind it is")
    func interpreters() async throws {
        let kinds = ["pre", "post", "posttrans", "triggerin", "transfiletriggerin"]
        let packages = kinds.map { kind in
            // Those of triggers cannot have arguments (rpmbuild).
            let rest = ["triggerin": " -- setup", "transfiletriggerin": " -- /etc"][kind]
            let program = rest == nil ? "\"/opt/no-\(kind) -e -f\"" : "/opt/no-\(kind)"
            return """
                %package -n \(kind)
                Summary: test
                Requires(pre): setup provider
                %description -n \(kind)
                %\(kind) -n \(kind) -p \(program)\(rest ?? "")
                echo told
                %files -n \(kind)

                """
        }
        let provider = "%package -n provider\nSummary: test\n%description -n provider\n%files -n provider\n"
            .replacing("Summary: test\n", with: "Summary: test\nProvides: " + kinds.map { "/opt/no-\($0)" }.joined(separator: " ") + "\n")
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder, packages.joined() + provider, packages: "")
            for kind in kinds {
                try "setup\n\(kind)\n".write(toFile: tree + "/g/machines/m/packages", atomically: true, encoding: .utf8)
                let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
                #expect(run.status == 1)
                let sentence = "/opt/no-\(kind), the interpreter of \(kind)-1-1.noarch's %\(kind), is not in the root"
                #expect(run.output.contains(sentence), "\(run.output)")
                #expect(try String(contentsOfFile: folder + "/cache/g/m/yum/log/build.log", encoding: .utf8).contains(sentence))
            }
        }
    }
}
