import ConfigurationTree
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

@Suite("Bad packages", .enabled(if: CorpusBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct BadPackagesTests {
    /// Files, the kind of failure, and words of the message besides the file's name.
    static let refused: [(files: [String], kind: FailureKind, words: [String])] = [
        (["empty.rpm"], "signature", ["empty"]),
        (["text.rpm"], "signature", ["text", "not an RPM package"]),
        (["truncated-lead.rpm"], "signature", ["truncated-lead", "truncated"]),
        (["truncated-header.rpm"], "signature", ["truncated-header", "damaged, or made in a way"]),
        (["truncated-payload.rpm"], "signature", ["truncated-payload", "damaged", "Payload SHA256"]),
        (["wrong-header-digest.rpm"], "signature", ["wrong-header-digest", "BAD"]),
        (["wrong-payload-digest.rpm"], "signature", ["wrong-payload-digest", "damaged", "Payload SHA256"]),
        (
            ["corpus-refused-conflict-1-1.noarch.rpm", "corpus-refused-conflicting-1-1.noarch.rpm"], "transaction",
            ["/usr/share/corpus/conflict", "conflicts"]
        ),
        (["corpus-refused-dependent-1-1.noarch.rpm"], "dependencies", ["no-such-package >= 3", "corpus-refused-dependent"]),
        (["corpus-refused-long-1-1.noarch.rpm"], "transaction", ["corpus-refused-long", "File name too long"]),
    ]

    @Test("are refused as by rpm, with the package and the reason", arguments: BadPackagesTests.refused.indices)
    func refuses(_ index: Int) async throws {
        let (names, kind, words) = Self.refused[index]
        try await CorpusBench.with { folder in
            let before = try await CorpusBench.host()
            var files: [FilePath] = []
            for name in names { files.append(try await CorpusBench.file(name)) }
            let result = try await CorpusBench.install(files, into: folder.appending("ours"))
            #expect(result.failure?.kind == kind)
            for word in words { #expect(result.failure?.message.contains(word) == true, "\(word)\nin\n\(result.failure?.message ?? "")") }
            let judge = try await CorpusBench.installWithRPM(files, into: folder.appending("theirs"))
            #expect(!judge.isInstalled, "\(judge.words)")
            #expect(try await CorpusBench.host() == before)
        }
    }

    /// rpm of this host cannot write it either: Debian builds it without.
    @Test("a database backend that librpm cannot write is refused, with the macro file")
    func databaseForm() async throws {
        try await CorpusBench.with { folder in
            let result = try await CorpusBench.install(["tools", "database-ndb"], into: folder.appending("root"))
            let message = result.failure?.message ?? ""
            #expect(message.hasPrefix("/usr/lib/rpm/vendor/macros of the packages") && message.contains("'ndb'"), "\(message)")
            #expect(!exists(folder.pushing("root/bin")))
        }
    }

    /// File, whether it may be installed, with the trusted key and gpgcheck=1.
    static let signatures: [(file: String, isGood: Bool, words: [String])] = [
        ("corpus-refused-signed.rpm", true, []),
        ("corpus-refused-plain-1-1.noarch.rpm", false, ["corpus-refused-plain", "sign"]),
        ("wrong-key.rpm", false, ["wrong-key", "does not trust"]),
        ("wrong-signature.rpm", false, ["wrong-signature", "BAD"]),
    ]

    @Test("with gpgcheck=1, unsigned packages, other keys and changed packages are refused", arguments: BadPackagesTests.signatures.indices)
    func checksSignatures(_ index: Int) async throws {
        let (name, isGood, words) = Self.signatures[index]
        try await CorpusBench.with { folder in
            let file = try await CorpusBench.file(name)
            let key = try await CorpusBench.packages.value.pushing("keys/trusted.asc")
            let result = try await CorpusBench.install([file], into: folder.appending("ours"), keys: [key], signed: { _ in true })
            #expect((result.failure == nil) == isGood, "\(result.failure?.message ?? "")")
            for word in words { #expect(result.failure?.message.contains(word) == true, "\(result.failure?.message ?? "")") }
            #expect(isGood || !exists(folder.pushing("ours/usr/share/corpus/plain")), "its file is there")
            let judge = try await CorpusBench.installWithRPM([file], into: folder.appending("theirs"), keys: [key], signed: true)
            #expect(judge.isInstalled == isGood, "\(judge.words)")
        }
    }

    /// Packages whose names or symlinks lead out of the root.
    static let escapes: [[String]] = [
        ["traversal.rpm"], ["traversal-inside.rpm"],
        ["corpus-refused-link-1-1.noarch.rpm", "corpus-refused-through-link-1-1.noarch.rpm"],
        ["corpus-refused-through-link-1-1.noarch.rpm", "corpus-refused-link-1-1.noarch.rpm"],
    ]

    @Test("cannot write outside the root by '..' or symlinks", arguments: BadPackagesTests.escapes.indices)
    func staysInside(_ index: Int) async throws {
        try await CorpusBench.with { folder in
            let before = try await CorpusBench.host()
            let root = folder.appending("root")
            var files: [FilePath] = []
            for name in Self.escapes[index] { files.append(try await CorpusBench.file(name)) }
            // The link leads to the same path in the root as on the host.
            try createDirectories(root.pushing(CorpusBench.canary.removingRoot()))
            let result = try await CorpusBench.install(files, into: root)
            #expect(result.failure != nil || result.outcome != nil)
            let strangers = try await CorpusBench.shell(
                "cd \"$1\"; find . -newer \"$2\" -name x -not -path './root/*'; ls -A \"$3\"", folder.string, files[0].string,
                CorpusBench.canary.string)
            #expect(strangers == "")
            #expect(try await CorpusBench.host() == before)
        }
    }

    /// The package, its scriptlet, how it fails, and whether that can be tolerated.
    static let failing: [(package: String, scriptlet: String, how: String, mayBeTolerated: Bool)] = [
        ("pre", "%pre", "exit status 7", false), ("post", "%post", "exit status 7", true),
        ("posttrans", "%posttrans", "exit status 7", true), ("triggerprein", "%triggerprein", "exit status 7", true),
        ("triggerin", "%triggerin", "exit status 7", true), ("filetriggerin", "%filetriggerin", "exit status 7", true),
        ("transfiletriggerin", "%transfiletriggerin", "exit status 7", true), ("signal", "%post", "signal 9", true),
        ("interpreter", "%post", "exit status 127", true), ("pretrans-lua", "%pretrans", "on purpose", false),
        ("pre-lua", "%pre", "on purpose", false), ("post-lua", "%post", "on purpose", true),
        ("posttrans-lua", "%posttrans", "on purpose", true), ("triggerin-lua", "%triggerin", "on purpose", true),
        ("filetriggerin-lua", "%filetriggerin", "on purpose", true), ("exit-lua", "%post", "exit", true),
    ]

    @Test(
        "a failing scriptlet of any kind fails the installation, with package, kind, status and output, unless machine.yaml tolerates it",
        arguments: BadPackagesTests.failing.indices)
    func failingScriptlets(_ index: Int) async throws {
        let (package, scriptlet, how, mayBeTolerated) = Self.failing[index]
        let names = ["tools", "failing-target", "failing-\(package)"]
        try await CorpusBench.with { folder in
            let result = try await CorpusBench.install(names, into: folder.appending("strict"))
            let message = result.failure?.message ?? ""
            #expect(result.failure?.kind == .scriptlet, "\(message)")
            #expect(message.contains("corpus-failing-\(package)-1-1.noarch \(scriptlet): "), "\(message)")
            #expect(message.contains(how), "\(message)")
            if package != "interpreter" { #expect(message.contains("about to fail"), "\(message)") }
            // librpm does not install a package whose %pre or %pretrans fails, so it cannot be tolerated.
            let tolerated = [ToleratedScriptlet(package: "corpus-failing-\(package)", scriptlet: scriptlet, reason: "a test")]
            let tolerant = try await CorpusBench.install(names, into: folder.appending("tolerant"), tolerated: tolerated)
            guard mayBeTolerated else {
                #expect(
                    tolerant.failure?.message.contains("corpus-failing-\(package)-1-1.noarch \(scriptlet)") == true,
                    "\(tolerant.failure?.message ?? "")")
                return
            }
            #expect(tolerant.failure == nil, "\(tolerant.failure?.message ?? "")")
            #expect(tolerant.outcome?.failedScriptlets.count == 1)
            #expect(tolerant.outcome?.failedScriptlets.first?.isTolerated == true)
            #expect(tolerant.outcome?.failedScriptlets.first?.scriptlet == scriptlet)
        }
    }
}
