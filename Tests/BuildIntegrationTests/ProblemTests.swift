import Foundation
import Testing

/// What is said when there is no transaction: in terms of what the machine's owner wrote, and everything at once. That there is
/// none, dnf has to agree.
@Suite("Problems of resolution", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct ProblemTests {
    private static let packages = [
        SmallPackage("setup"), SmallPackage("webapp", "2.0", "Requires: libfoo >= 2", "Requires: webserver"),
        SmallPackage("libfoo", "2.1"), SmallPackage("libfoo", "1.0"),
        SmallPackage("nginx", "1", "Provides: webserver", "Requires: libssl = 3"), SmallPackage("libssl", "3"),
        SmallPackage("libssl", "1"), SmallPackage("oldtool", "1", "Requires: libssl = 1"),
        SmallPackage("broken", "1", "Requires: missing-thing >= 4"), SmallPackage("needbroken", "1", "Requires: broken"),
        SmallPackage("foe", "1", "Conflicts: webapp"),
        SmallPackage("needtwo", "1", "Requires: first", "Requires: second"), SmallPackage("first"), SmallPackage("second"),
        SmallPackage("first", "2"), SmallPackage("needfirst", "1", "Requires: first", "Requires: missing-thing"),
        SmallPackage("needlocked", "1", "Requires: locked >= 2"), SmallPackage("locked", "2"), SmallPackage("locked"),
        SmallPackage("app"), SmallPackage("app", "2", "Requires: no-such-lib"),
    ]

    private static let machines = [
        "forbidden": "# libfoo is not wanted here\nwebapp\n-libfoo\n", "excluded": "hidden-tool\n",
        "versions": "nginx\noldtool\n", "conflict": "webapp\nfoe\n", "chain": "needbroken\n",
        "misspelt": "web-app\nngnix\nnginx-9\n@core\nneedbroken\n", "fine": "webapp\n",
        "both": "needtwo\n-first\n-second\n", "useless": "needfirst\n-first\n",
        "elsewhere": "barred\nunlisted\nstreamed\n", "locked": "needlocked\n", "newest": "app\n",
    ]

    /// What each machine is told, besides 'error:' at the line that asked.
    private static let expected: [String: [String]] = [
        "forbidden": [
            "forbidden/packages:2: error: 'webapp' cannot be installed", "webapp-2.0-1.noarch requires 'libfoo >= 2'",
            "libfoo-2.1-1.noarch (base) provides it, but forbidden/packages:3 forbids it",
            "remove the line '-libfoo' (forbidden/packages:3)", "do not ask for 'webapp' (forbidden/packages:2)",
        ],
        "excluded": [
            "excluded/packages:1: error: 'hidden-tool' cannot be installed: yum.conf.template:3 excludes 'hidden*'",
            "hidden-tool-1-1.noarch (base)", "remove 'hidden*' from exclude (yum.conf.template:3)",
        ],
        "versions": [
            "versions/packages:1: error: 'nginx' and 'oldtool' cannot be installed together",
            "nginx-1-1.noarch requires 'libssl = 3': libssl-3-1.noarch",
            "oldtool-1-1.noarch requires 'libssl = 1': libssl-1-1.noarch",
            "only one of libssl-1-1.noarch and libssl-3-1.noarch", "do not ask for 'oldtool' (versions/packages:2)",
        ],
        "conflict": [
            "conflict/packages:1: error: 'webapp' and 'foe' cannot be installed together",
            "foe-1-1.noarch conflicts with 'webapp': webapp-2.0-1.noarch",
        ],
        // Neither line alone is to blame.
        "both": [
            "allow 'first': remove the line '-first' (both/packages:2), and allow 'second': remove the line '-second' (both/packages:3)"
        ],
        "useless": ["useless/packages:1: error: 'needfirst' cannot be installed", "do not ask for 'needfirst' (useless/packages:1)"],
        "elsewhere": [
            "elsewhere/packages:1: error: 'barred' cannot be installed: extra.repo:4 excludes 'bar*'",
            "elsewhere/packages:2: error: 'unlisted' cannot be installed: extra.repo:5 includes only other packages of 'extra'",
            "elsewhere/packages:3: error: 'streamed' cannot be installed: it belongs to the module stream 'things:1'",
        ],
        "newest": [
            "newest/packages:1: error: 'app' cannot be installed: nothing provides 'no-such-lib'",
            "yum.conf.template:2: best=1 accepts only the newest: app-2-1.noarch", "allow an older version: best=0 (yum.conf.template:2)",
        ],
        "locked": ["locked-2-1.noarch (base) provides it, but versionlock.list allows only another version"],
        "chain": [
            "chain/packages:1: error: 'needbroken' cannot be installed: nothing provides 'missing-thing >= 4'",
            "chain/packages:1 asks for needbroken-1-1.noarch", "needbroken-1-1.noarch requires 'broken': broken-1-1.noarch",
            "broken-1-1.noarch requires 'missing-thing >= 4', which nothing provides",
        ],
        "misspelt": [
            "misspelt/packages:1: error: no repository has 'web-app'; did you mean 'webapp'?",
            "misspelt/packages:2: error: no repository has 'ngnix'; did you mean 'nginx'",
            "misspelt/packages:3: error: no repository has 'nginx-9'; there is nginx-1-1.noarch (base)",
            "misspelt/packages:4: error: no repository has the group '@core'",
            "misspelt/packages:5: error: 'needbroken' cannot be installed: nothing provides 'missing-thing >= 4'",
        ],
    ]

    @Test("name lines, chains, what hides a package, and ways out; dnf finds no transaction either")
    func words() async throws {
        try await Sandbox.withFolder { folder in
            let repository = folder + "/base"
            try await SmallRepository.make(at: repository, Self.packages + [SmallPackage("hidden-tool")])
            try await makeExtraRepository(folder + "/extra")
            let tree = try SmallRepository.tree(
                in: folder, machines: Self.machines, group: "setup\n",
                repositories: [
                    "base": "baseurl=file://\(repository)\ngpgcheck=0",
                    "extra": "baseurl=file://\(folder)/extra\nexcludepkgs=bar*\nincludepkgs=barred streamed",
                ],
                configuration: "best=1\nexclude=nothing hidden*\n")
            _ = try await shell(
                "mkdir '\(tree)/templates/yum/plugins'; echo 'locked-0:1-1.*' > '\(tree)/templates/yum/plugins/versionlock.list'")
            let run = try await Sandbox.discographer(["resolve", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(run.status == 1)
            #expect(run.output.contains("g/fine"))
            let sections = Self.sections(of: run.errors)
            #expect(Set(sections.keys) == Set(Self.expected.keys), "\(run.errors)")
            for (machine, sentences) in Self.expected {
                let said = sections[machine] ?? ""
                for sentence in sentences { #expect(said.contains(sentence), "\(machine): \(sentence)\nin\n\(said)") }
            }
            // A document that dnf leaves out, and whose names are commands for terminals.
            #expect(run.errors.contains(#"modules of extra (repodata/"#) && run.errors.contains(#"'terminal \u{1B}[31m:\n/packages:1: error: none'"#))
            #expect(!(run.output + run.errors).contains("\u{1b}"))
            #expect(!(sections["useless"] ?? "").contains("take out"), "a way out that is none")
            for (machine, packages) in Self.machines where machine != "locked" {
                #expect(try await dnfResolves(packages, folder) == (machine == "fine"), "\(machine)")
            }
            // Each way out is one: without the line there is a transaction.
            for (machine, packages) in [
                "forbidden": "webapp\n", "versions": "nginx\n", "conflict": "foe\n", "both": "needtwo\n",
            ] {
                try packages.write(
                    toFile: "\(tree)/g/machines/\(machine)/packages", atomically: true, encoding: .utf8)
                let again = try await Sandbox.discographer(["resolve", "-c", tree, "-s", folder + "/cache", "g/\(machine)"])
                #expect(again.status == 0, "\(machine): \(again.errors)")
            }
        }
    }

    /// A repository with a module stream that is no default.
    private func makeExtraRepository(_ folder: String) async throws {
        try await SmallRepository.make(
            at: folder, [SmallPackage("barred"), SmallPackage("unlisted"), SmallPackage("streamed")])
        let modules = """
            ---
            document: modulemd
            version: 2
            data:
              name: things
              stream: 1
              version: 1
              context: 00000000
              arch: x86_64
              summary: test
              description: test
              license: {module: [MIT]}
              artifacts: {rpms: ["streamed-0:1-1.noarch"]}
            ...
            ---
            document: modulemd
            version: 2
            data: {name: "terminal \\e[31m", stream: "\\n/packages:1: error: none"}
            ...

            """
        try modules.write(toFile: folder + "/modules.yaml", atomically: true, encoding: .utf8)
        _ = try await shell("modifyrepo_c --mdtype=modules '\(folder)/modules.yaml' '\(folder)/repodata' 2>&1")
    }

    /// Errors by machine.
    private static func sections(of text: String) -> [String: String] {
        var sections: [String: String] = [:]
        var current = ""
        for line in text.split(separator: "\n") where !line.contains(": warning: ") {
            if line.hasPrefix("g/"), let colon = line.firstIndex(of: ":") { current = String(line[..<colon].dropFirst(2)) }
            sections[current, default: ""] += line + "\n"
        }
        return sections
    }

    private func dnfResolves(_ packages: String, _ folder: String) async throws -> Bool {
        let lines = packages.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
        let forbidden = lines.filter { $0.hasPrefix("-") }.map { "--exclude=\($0.dropFirst())" }
        let wanted = lines.filter { !$0.hasPrefix("-") }
        let configuration = """
            [main]
            cachedir=\(folder)/dnf
            reposdir=\(folder)/none
            plugins=0
            strict=1
            best=1
            exclude=hidden*
            [base]
            baseurl=file://\(folder)/base
            [extra]
            baseurl=file://\(folder)/extra
            excludepkgs=bar*
            includepkgs=barred,streamed
            """
        try configuration.write(toFile: folder + "/dnf.conf", atomically: true, encoding: .utf8)
        let verdict = try await run(
            [
                "dnf", "--config=\(folder)/dnf.conf", "--installroot=\(folder)/root", "--releasever=1", "--assumeno",
            ] + forbidden + ["install", "setup"] + wanted)
        let text = verdict.output + verdict.errors
        #expect(text.contains("Operation aborted") != text.contains("Error: "), "\(text)")
        return text.contains("Operation aborted")
    }
}
