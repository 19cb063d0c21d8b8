import Foundation
import Testing

/// Metadata and packages that somebody changed: refused by name, and nothing of them reaches a root.
@Suite("Trust", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct TrustTests {
    private static let makeKeys = """
        export GNUPGHOME="$PWD/gnupg"; mkdir -m 700 gnupg
        for name in ours theirs; do
            gpg --quiet --batch --passphrase '' --quick-gen-key "$name@example.org" rsa2048 sign never 2>/dev/null
            gpg --armor --export "$name@example.org" > "$name.asc"
        done
        """

    /// Builds the machine that takes its packages from `<folder>/repository`.
    private func build(_ folder: String, _ options: String, key: String? = nil, arguments: [String] = []) async throws -> Run {
        let tree = folder + "/tree"
        if !FileManager.default.fileExists(atPath: tree) { _ = try await Sandbox.makeTree(in: folder, repositoryFile: "") }
        var file = Sandbox.repositoryFile(["file://\(folder)/repository"], options)
        if let key { file = file.replacing("gpgkey=", with: "gpgkey=file://\(folder)/\(key).asc ") }
        try file.write(toFile: tree + "/test/machines/one/yum/repositories/demo.repo", atomically: true, encoding: .utf8)
        return try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"] + arguments)
    }

    private func expectRefused(_ build: Run, _ folder: String, _ words: String...) throws {
        #expect(build.status == 1, "\(build.output)\(build.errors)")
        for word in words { #expect(build.output.contains(try Regex(word)), "\(word) in \(build.output)") }
        let stages = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/cache/test/one/minimal-appliance")) ?? []
        #expect(!stages.contains { $0.hasPrefix("install") }, "\(stages)")
        #expect(!FileManager.default.fileExists(atPath: folder + "/cache/test/one/artefacts"))
    }

    @Test("signed metadata: good, changed, by a stranger, without signature")
    func signedMetadata() async throws {
        try await Sandbox.withFolder { folder in
            _ = try await Sandbox.copyRepository(to: folder)
            let sign =
                "export GNUPGHOME='\(folder)/gnupg'; cd '\(folder)/repository/repodata'; gpg --quiet --batch --yes --armor --detach-sign --local-user"
            _ = try await shell("cd '\(folder)'; \(Self.makeKeys); \(sign) ours@example.org repomd.xml")
            // Resolution is where metadata is judged.
            let good = try await build(folder, "repo_gpgcheck=1", key: "ours")
            #expect(good.status == 0, "\(good.output)\(good.errors)")
            _ = try await shell("rm -rf '\(folder)/cache/test' '\(folder)/cache/stages'")
            try expectRefused(
                try await build(folder, "repo_gpgcheck=1", key: "theirs"), folder, "repomd.xml of file:.* is refused",
                "expected one of those that gpgkey names")

            _ = try await shell("\(sign) theirs@example.org repomd.xml")
            try expectRefused(
                try await build(folder, "repo_gpgcheck=1", key: "ours"), folder, "repomd.xml of file:.* is refused",
                "expected one of those that gpgkey names"
            )

            _ = try await shell("\(sign) ours@example.org repomd.xml; sed -i 's/<revision>/<revision> /' repomd.xml")
            try expectRefused(try await build(folder, "repo_gpgcheck=1", key: "ours"), folder, "is refused", "changed after it was signed")

            _ = try await shell("rm '\(folder)/repository/repodata/repomd.xml.asc'")
            try expectRefused(
                try await build(folder, "repo_gpgcheck=1\nskip_if_unavailable=1", key: "ours"), folder, "is refused", "there is none")
        }
    }

    @Test("an older repomd.xml than the one seen before, until it is accepted")
    func rollback() async throws {
        try await Sandbox.withFolder { folder in
            _ = try await Sandbox.copyRepository(to: folder)
            let createrepo = "createrepo_c --quiet '\(folder)/repository' --revision"
            _ = try await shell("\(createrepo) 200")
            let resolve = ["resolve", "-c", folder + "/tree", "-s", folder + "/cache", "test"]
            _ = try await Sandbox.makeTree(in: folder, repositoryFile: Sandbox.repositoryFile(["file://\(folder)/repository"]))
            let first = try await Sandbox.discographer(resolve)
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            _ = try await shell("\(createrepo) 100")
            try expectRefused(
                try await build(folder, ""), folder, "repomd.xml of file:.* is refused", "revision 100", "revision 200", "--accept-rollback demo")
            let accepted = try await Sandbox.discographer(resolve + ["--accept-rollback", "demo"])
            #expect(accepted.status == 0, "\(accepted.output)\(accepted.errors)")
            let after = try await Sandbox.discographer(resolve)
            #expect(after.status == 0, "\(after.output)\(after.errors)")
        }
    }

    @Test("a changed primary.xml.gz, and one that is not gzip, are refused")
    func tamperedPrimary() async throws {
        try await Sandbox.withFolder { folder in
            let repository = try await Sandbox.copyRepository(to: folder)
            let primary = "\"$(find '\(repository)/repodata' -name '*primary.xml.gz')\""
            _ = try await shell("printf X | dd of=\(primary) bs=1 seek=100 conv=notrunc status=none")
            try expectRefused(try await build(folder, ""), folder, "primary of demo", "wrong content: the checksum is", "file:.*primary.xml.gz")
            // What repomd.xml vouches for, and is no metadata all the same.
            _ = try await shell(
                """
                file=\(primary); name=${file##*/}; old=${name%%-*}
                head -c "$(stat -c %s "$file")" /dev/urandom > '\(folder)/noise'
                cp '\(folder)/noise' "$file"
                sed -i "s/>$old</>$(sha256sum "$file" | cut -d' ' -f1)</" '\(repository)/repodata/repomd.xml'
                """)
            try expectRefused(try await build(folder, ""), folder, "primary metadata of demo cannot be read")
        }
    }

    @Test("a changed package: as it lies, and with metadata that vouches for it")
    func tamperedPackage() async throws {
        try await Sandbox.withFolder { folder in
            let repository = try await Sandbox.copyRepository(to: folder)
            let rpm = "\"$(find '\(repository)' -name 'bash-5*.rpm')\""
            _ = try await shell("printf X | dd of=\(rpm) bs=1 seek=\"$(($(stat -c %s \(rpm)) / 2))\" conv=notrunc status=none")
            try expectRefused(try await build(folder, ""), folder, "bash-5\\S* cannot be fetched", "wrong content: the checksum is")
            _ = try await shell("createrepo_c --quiet '\(repository)'")
            try expectRefused(try await build(folder, ""), folder, "bash-5\\S*.*(digest|damaged|BAD)")
        }
    }

    @Test("a package that a stranger signed")
    func strangersPackage() async throws {
        try await Sandbox.withFolder { folder in
            let repository = try await Sandbox.copyRepository(to: folder)
            _ = try await shell(
                """
                cd '\(folder)'; \(Self.makeKeys)
                rpmsign --define '_gpg_name theirs@example.org' --define '__gpg /usr/bin/gpg' --define "_gpg_path $GNUPGHOME" --resign "$(find '\(repository)' -name 'bash-5*.rpm')" >/dev/null
                createrepo_c --quiet '\(repository)'
                """)
            try expectRefused(try await build(folder, ""), folder, "bash-5\\S*: signed with a key that this machine does not trust")
        }
    }

    @Test("a key that is none goes by its URL")
    func badKey() async throws {
        try await Sandbox.withFolder { folder in
            _ = try await Sandbox.copyRepository(to: folder)
            try "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nbm9uc2Vuc2U=\n-----END PGP PUBLIC KEY BLOCK-----\n"
                .write(toFile: folder + "/bad.asc", atomically: true, encoding: .utf8)
            let words = "key of demo: file://\(folder)/bad.asc is not an OpenPGP public key"
            for options in ["gpgcheck=1", "repo_gpgcheck=1"] {
                if options == "repo_gpgcheck=1" { _ = try await shell("echo none > '\(folder)/repository/repodata/repomd.xml.asc'") }
                let refused = try await build(folder, options, key: "bad")
                try expectRefused(refused, folder)
                #expect(refused.output.contains(words), "\(refused.output)")
            }
        }
    }

    @Test("signatures of metadata are checked for ordinary users too")
    func ordinaryUser() async throws {
        try await Sandbox.withFolder { folder in
            _ = try await Sandbox.makeTree(
                in: folder,
                repositoryFile: "[demo]\nbaseurl=file://\(folder)/repository\ngpgkey=file://\(folder)/ours.asc\nrepo_gpgcheck=1\n")
            _ = try await Sandbox.copyRepository(to: folder)
            // The program too: the checkout may be root's alone.
            _ = try await shell(
                """
                cd '\(folder)'; \(Self.makeKeys)
                gpg --quiet --batch --yes --armor --detach-sign --local-user ours@example.org repository/repodata/repomd.xml
                mkdir bin cache; cp '\(Sandbox.program)' '\(Sandbox.program)-worker' bin/
                cp -a '\(Sandbox.checkout)/functions' '\(Sandbox.checkout)/paths' .
                chmod -R a+rX .; chmod 1777 cache
                """)
            let resolve = [
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", folder + "/bin/discographer", "resolve", "-c", folder + "/tree", "-s",
                folder + "/cache", "-f", folder + "/functions", "-p", folder + "/paths", "test",
            ]
            let good = try await run(resolve)
            #expect(good.status == 0, "\(good.output)\(good.errors)")
            _ = try await shell("sed -i 's/<revision>/<revision> /' '\(folder)/repository/repodata/repomd.xml'")
            let changed = try await run(resolve)
            #expect(changed.status == 1 && changed.errors.contains("changed after it was signed"), "\(changed.output)\(changed.errors)")
        }
    }

    @Test("packages that lie elsewhere than their metadata (xml:base)")
    func packagesElsewhere() async throws {
        try await Sandbox.withFolder { folder in
            let repository = try await Sandbox.copyRepository(to: folder)
            _ = try await shell(
                """
                mkdir '\(folder)/elsewhere'
                createrepo_c --quiet --baseurl 'file://\(folder)/elsewhere' '\(repository)'
                mv '\(repository)'/*.rpm '\(folder)/elsewhere'
                """)
            let build = try await build(folder, "")
            #expect(build.status == 0, "\(build.output)\(build.errors)")
        }
    }
}
