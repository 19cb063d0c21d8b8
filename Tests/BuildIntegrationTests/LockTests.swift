import Foundation
import Testing

/// packages.lock and what builds from it while the repositories move on. Judges: rpm and diff for what is in a root, dnf for what a
/// repository has.
@Suite("packages.lock", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct LockTests {
    @Test("build --locked makes the same bytes after the repository has moved on, and says what is gone before it builds")
    func movedOn() async throws {
        try await Sandbox.withFolder { folder in
            let repository = folder + "/copy"
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            // A repository of what the machine needs alone is indexed quickly.
            let wanted = try await Sandbox.discographer(["resolve", "--json", "-c", tree, "-s", folder + "/cache", "test"])
            let machine = try JSONSerialization.jsonObject(with: Data(wanted.output.utf8)) as? [String: Any]
            let files = try #require(machine?["packages"] as? [[String: Any]]).compactMap { $0["location"] as? String }
            _ = try await shell(
                """
                mkdir '\(repository)'; cd '\(Sandbox.repository)/x86_64'; cp \(files.map { "'\($0)'" }.joined(separator: " ")) '\(repository)'
                createrepo_c --quiet '\(repository)'
                cd '\(tree)/test/machines/one'
                cp -rL yum copy; rm yum; mv copy yum
                printf '[demo]\\nbaseurl=file://\(repository)\\ngpgcheck=1\\ngpgkey=file://\(Sandbox.repository)/RPM-GPG-KEY-discographer-demo\\n' \\
                    > yum/repositories/demo.repo
                """)
            // Without a lock packages stay where they are, and as they are; one is a link to somewhere else.
            _ = try await shell("cd '\(repository)'; mkdir ../pool; mv login-*.rpm ../pool; ln -s ../pool/login-*.rpm .")
            let state = "cd '\(repository)'; stat -c '%n %h %z %a %u' -- * | sort"
            let before = try await shell(state)
            let unlocked = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/unlocked", "test"])
            #expect(unlocked.status == 0, "\(unlocked.output)\(unlocked.errors)")
            #expect(try await shell(state) == before)
            #expect(try await shell("cd '\(folder)/unlocked'; find . -name '*.rpm' -type f; find -L test/one/yum/packages -type l") == "")
            #expect(
                try await shell("realpath '\(folder)'/unlocked/test/one/yum/packages/* | sort")
                    == shell("realpath '\(repository)'/*.rpm | sort"))
            // Kept no longer, though nothing is installed.
            let template = "'\(tree)/test/machines/one/yum/yum.conf.template'"
            _ = try await shell("cp \(template) '\(folder)/template'; sed -i '/^keepcache/d; s/^\\[main\\]$/&\\nkeepcache=0/' \(template)")
            let cached = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/unlocked", "test"])
            #expect(cached.status == 0 && cached.output.contains(/install +cached/), "\(cached.output)\(cached.errors)")
            #expect(try await shell("ls '\(folder)/unlocked/test/one/yum/packages'") == "")
            _ = try await shell("cp '\(folder)/template' \(template)")
            _ = try await shell("cd '\(repository)'; name=$(ls login-*.rpm); rm $name; mkfifo $name")
            let waiting = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/waiting", "test"])
            #expect(waiting.status == 1)
            #expect(waiting.output.contains(try Regex("login-[^ ]+\\.rpm is not a regular file")), "\(waiting.output)")
            _ = try await shell("cd '\(repository)'; rm login-*.rpm; mv ../pool/login-*.rpm .")

            let lock = try await Sandbox.discographer(["lock", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(lock.status == 0, "\(lock.errors)")
            let lockFile = tree + "/test/machines/one/packages.lock"
            let text = try String(contentsOfFile: lockFile, encoding: .utf8)
            let first = try await build(tree, folder + "/cache")

            // passwd has a successor, login is in the metadata no more, coreutils is gone from metadata and folder.
            _ = try await shell("mkdir '\(folder)/kept'; mv '\(repository)'/coreutils-*.rpm '\(folder)/kept/'")
            try await SmallRepository.make(at: repository, [SmallPackage("passwd", "99")])
            _ = try await shell("createrepo_c --quiet --excludes 'login-*' '\(repository)'")
            let available = try await shell(
                "dnf -q --noplugins --disablerepo='*' --repofrompath='moved,file://\(repository)' --enablerepo=moved repoquery --latest-limit=1 --qf '%{name} %{version}' passwd login coreutils 2>/dev/null"
            )
            #expect(available.contains("passwd 99") && !available.contains("login") && !available.contains("coreutils"))

            // From the store, and into a fresh cache that has coreutils alone, by its checksum.
            #expect(try await build(tree, folder + "/cache") == first)
            _ = try await shell(
                "mkdir -p '\(folder)/second'; cd '\(folder)/cache'; find packages -name 'coreutils-*' | cpio --quiet -pdm '\(folder)/second'"
            )
            #expect(try await build(tree, folder + "/second") == first)
            // Not only rpm's word: the same files, but for what ldconfig notes of inodes and times.
            _ = try await shell(
                "diff -r --no-dereference --exclude=aux-cache '\(folder)'/{cache,second}/test/one/minimal-appliance/installed-packages/root")
            #expect(try String(contentsOfFile: lockFile, encoding: .utf8) == text)

            // Nothing of a lock that cannot be had is built. What is only somewhere else is had.
            _ = try await shell(
                "cd '\(repository)'; rpm=$(ls dash-0*.rpm); rpmsign --delsign $rpm > /dev/null 2>&1")
            _ = try await shell("cd '\(repository)'; mkdir other; mv login-* other/; createrepo_c --quiet .")
            let run = try await Sandbox.discographer(["build", "--locked", "-c", tree, "-s", folder + "/third", "test"])
            #expect(run.status == 1)
            #expect(run.output.contains("2 locked packages cannot be fetched as locked"), "\(run.output)")
            #expect(run.output.contains(try Regex("coreutils-[^ ]+ \\(demo, .*gone")), "\(run.output)")
            #expect(run.output.contains(try Regex("dash-0[^ ]+ \\(demo, .*other content: the lock has [0-9]+ bytes")), "\(run.output)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/third/test/one/artefacts"))
            #expect(try await shell("ls '\(folder)/third/test/one/minimal-appliance'") == "")
        }
    }

    /// What rpm finds in the root: each package with the digest of its header, and so of its files.
    private func build(_ tree: String, _ cache: String) async throws -> String {
        let run = try await Sandbox.discographer(["build", "--locked", "-c", tree, "-s", cache, "test"])
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        return try await shell(
            "rpm --root '\(cache)'/test/one/minimal-appliance/installed-packages/root --dbpath /var/lib/rpm -qa --qf '%{NEVRA} %{SHA256HEADER}\\n' | sort"
        )
    }

    private static let packages = [
        SmallPackage("setup"), SmallPackage("a", "1", "Requires: lib >= 1"), SmallPackage("b", "1", "Requires: lib"),
        SmallPackage("c"), SmallPackage("lib", "1.9"), SmallPackage("other"),
    ]

    private func makeTree(_ folder: String) async throws -> String {
        try await SmallRepository.make(at: folder + "/base", Self.packages)
        return try SmallRepository.tree(
            in: folder, machines: ["one": "a\n", "two": "a\nb\n", "three": "b\nc\n"], group: "setup\n",
            repositories: ["base": "baseurl=file://\(folder)/base"], configuration: "install_weak_deps=0\n")
    }

    @Test("is stable, and resolve --diff shows what a reviewer has to know: what machines share once")
    func differences() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder)
            func run(_ arguments: String...) async throws -> Run {
                try await Sandbox.discographer(arguments + ["-c", tree, "-s", folder + "/cache", "g"])
            }
            let unlocked = try await run("resolve", "--diff")
            #expect(unlocked.status == 1 && unlocked.errors.contains("g/one: there is no packages.lock"))
            #expect(try await run("lock").status == 0)
            let locks = try await shell("sha256sum '\(tree)'/g/machines/*/packages.lock; stat -c %Y.%y '\(tree)'/g/machines/*/packages.lock")
            let again = try await run("lock")
            #expect(again.output.contains("g/one: as locked, 3 packages"), "\(again.output)")
            #expect(
                try await shell(
                    "sha256sum '\(tree)'/g/machines/*/packages.lock; stat -c %Y.%y '\(tree)'/g/machines/*/packages.lock") == locks)
            #expect(try await run("resolve", "--diff", "--exit-code").status == 0)

            // lib gets a version that sorts before the old one as a text, c other bytes, b a new requirement; a does not change.
            _ = try await shell("rm '\(folder)'/base/lib-* '\(folder)'/base/c-*")
            try await SmallRepository.make(
                at: folder + "/base",
                [
                    SmallPackage("lib", "1.10"), SmallPackage("c", "1", "Provides: more"),
                    SmallPackage("b", "1", release: "2", "Requires: lib", "Requires: other"),
                ])
            let diff = try await run("resolve", "--diff")
            #expect(diff.status == 0, "\(diff.errors)")
            #expect(try await run("resolve", "--diff", "--exit-code").status == 1)
            for line in [
                "all 3 machines of g: 1 upgraded\n  CHANGE    PACKAGE  LOCKED        NOW            REPOSITORY\n  upgraded  lib      1.9-1.noarch  1.10-1.noarch  base\n",
                "g/three, g/two: 1 added, 1 upgraded\n", "upgraded  b        1-1.noarch  1-2.noarch  base",
                "added     other    -           1-1.noarch  base", "g/three: 1 rebuilt\n", "rebuilt  c        1-1.noarch  other bytes",
                "g/one: 1 upgraded;",
            ] { #expect(diff.output.contains(line), "\(line)\nin\n\(diff.output)") }

            let json = try await run("resolve", "--diff", "--json").output.split(separator: "\n").map {
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
            }
            let group = try #require(json.first { $0["group"] as? String == "g" })
            #expect((group["common"] as? [[String: Any]])?.map { $0["name"] as? String } == ["lib"])
            #expect((group["rest"] as? [[String: Any]])?.map { $0["machines"] as? [String] } == [["three", "two"], ["three"]])
            #expect(json.filter { $0["machine"] != nil }.count == 3)
            #expect(json.allSatisfy { ($0["inputs"] as? [[String: Any]] ?? []).isEmpty })

            // What was edited is said with its place, beside what comes of it.
            _ = try await shell("echo other >> '\(tree)'/g/machines/one/packages")
            let edited = try await run("resolve", "--diff").output
            #expect(edited.contains("/packages:"), "\(edited)")
            #expect(edited.contains(": 'other' was not there when packages.lock was made\n"), "\(edited)")
        }
    }

    @Test("no longer fits when packages, rpms/ or the yum configuration change; lock --check and build --locked say why")
    func mismatches() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder)
            func run(_ arguments: String...) async throws -> Run {
                try await Sandbox.discographer(arguments + ["-c", tree, "-s", folder + "/cache", "g"])
            }
            #expect(try await run("lock").status == 0)
            #expect(try await run("lock", "--check").status == 0)
            // Comments, order and how files are transferred bear on nothing.
            _ = try await shell(
                """
                cd '\(tree)'
                printf '# both\\nb\\n\\na\\n' > g/machines/two/packages
                printf 'retries=3\\ntimeout=20\\n' >> templates/yum/yum.conf.template
                """)
            #expect(try await run("lock", "--check").status == 0)
            // The other repository is no judge: nothing is asked of it.
            _ = try await shell(
                """
                cd '\(tree)'; rm -rf '\(folder)/base/repodata'
                printf 'b\\nc\\nother\\n-vim\\n' > g/machines/three/packages
                mkdir g/machines/one/rpms; cp '\(folder)'/base/other-1*.rpm g/machines/one/rpms/
                printf 'best=1\\n' >> templates/yum/yum.conf.template
                printf 'priority=7\\n' >> templates/yum/repositories/base.repo
                """)
            for arguments in [["lock", "--check"], ["build", "--locked"]] {
                let check = try await Sandbox.discographer(arguments + ["-c", tree, "-s", folder + "/cache", "g"])
                #expect(check.status == 1)
                let said = check.output + check.errors
                for text in [
                    "g/machines/three/packages:3: error: 'other' was not there when packages.lock was made",
                    "g/machines/three/packages:4: error: '-vim' was not there",
                    "g/machines/one/rpms/other-1-1.noarch.rpm: error: this local package was not there",
                    "yum/yum.conf.template:5: error: best of [main] is '1'; packages.lock was made without it",
                    "yum/repositories/base.repo:4: error: priority of [base] is '7'", "'discographer lock' writes a new one",
                ] { #expect(said.contains(text), "\(arguments): \(text)\nin\n\(said)") }
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache/g/one/artefacts"))
            // Of one machine alone, again.
            try await SmallRepository.index(folder + "/base")
            let one = try await Sandbox.discographer(["lock", "-c", tree, "-s", folder + "/cache", "g/one"])
            #expect(one.status == 0 && one.output.contains("added   other"), "\(one.output)\(one.errors)")
            #expect(try await Sandbox.discographer(["lock", "--check", "-c", tree, "-s", folder + "/cache", "g/one"]).status == 0)
            #expect(try await Sandbox.discographer(["lock", "--check", "-c", tree, "-s", folder + "/cache", "g/two"]).status == 1)
            // The same packages, but not the same decisions.
            let same = try await Sandbox.discographer(["resolve", "--diff", "--exit-code", "-c", tree, "-s", folder + "/cache", "g/two"])
            #expect(same.status == 1 && same.output.contains("g/two: as locked, 4 packages\n  /"), "\(same.output)\(same.errors)")
            for (script, text) in [
                ("echo >> other-1-1.noarch.rpm", "rpms/other-1-1.noarch.rpm: error: the content differs from the lock"),
                ("rm other-1-1.noarch.rpm", "made with the local package other-1-1.noarch.rpm, which is not in rpms/ any more"),
            ] {
                _ = try await shell("cd '\(tree)/g/machines/one/rpms'; \(script)")
                let check = try await Sandbox.discographer(["lock", "--check", "-c", tree, "-s", folder + "/cache", "g/one"])
                #expect(check.status == 1 && check.errors.contains(text), "\(check.errors)")
            }
        }
    }
}
