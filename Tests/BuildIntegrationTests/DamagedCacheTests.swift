import Foundation
import Testing

/// What a power cut, a full disk or a wrong hand leaves: builds mend what they can, and name what they cannot.
@Suite("Damage", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct DamagedCacheTests {
    /// A machine of one empty package, built once.
    private func withBuiltMachine(_ body: (_ arguments: [String], _ cache: String) async throws -> Void) async throws {
        try await Sandbox.withFolder { folder in
            try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a")])
            let tree = try SmallRepository.tree(
                in: folder, machines: ["one": "a\n"], repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
            // Small, so that the disks can be compared in no time.
            try "disks:\n  - size: 64MiB\n".write(toFile: tree + "/g/machines/one/machine.yaml", atomically: true, encoding: .utf8)
            let arguments = ["-c", tree, "-s", folder + "/cache", "g"]
            let run = try await Sandbox.discographer(["build"] + arguments)
            try #require(run.status == 0, "\(run.output)\(run.errors)")
            try await body(arguments, folder + "/cache")
        }
    }

    @Test("files of the cache that lost their content do not keep the next build from the same result")
    func emptyFiles() async throws {
        try await withBuiltMachine { arguments, cache in
            let before = try await shell("sha256sum < '\(cache)/g/one/artefacts/one.raw'")
            for files in ["repositories/*", "repositories/seen/*", "packages/*/*/*", "g/one/minimal-appliance/*/outcome.json"] {
                _ = try await shell(
                    """
                    cd '\(cache)'
                    for file in \(files); do [ ! -f "$file" ] || truncate -s 0 "$file"; done
                    rm -r g/one/artefacts
                    """)
                let run = try await Sandbox.discographer(["build"] + arguments)
                #expect(run.status == 0, "\(files): \(run.output)\(run.errors)")
                #expect(try await shell("sha256sum < '\(cache)/g/one/artefacts/one.raw'") == before, "\(files)")
            }
        }
    }

    /// An installation beside a root that had just been removed took 12 s instead of 5.
    @Test("where ext4 can be told so, a stage's result lies apart from those that are removed")
    func liesApart() async throws {
        try await withBuiltMachine { arguments, cache in
            let folder = cache + "/g/one/minimal-appliance"
            // Both have the same number.
            guard try await shell("stat --file-system --format=%T '\(folder)'") == "ext2/ext3\n" else { return }
            #expect(try await shell("lsattr -d '\(folder)' | cut -d ' ' -f 1").contains("T"))
            #expect(try await shell("ls '\(folder)' | grep -c '^installed-[0-9a-f]*$'") == "1\n")
        }
    }

    private static let wrongHands: [(String, String)] = [
        ("rm g/one/lock; mkdir g/one/lock", "/g/one/lock: Is a directory"),
        ("rm -r g; touch g", "/g: Not a directory"),
        ("rm -r g/one/yum; ln -s /nonexistent g/one/yum", "/g/one/yum: No such file or directory"),
    ]

    @Test("a file in the place of a folder is an error that names it", arguments: wrongHands)
    func names(_ change: String, _ message: String) async throws {
        try await withBuiltMachine { arguments, cache in
            _ = try await shell("cd '\(cache)'; \(change)")
            let run = try await Sandbox.discographer(["build"] + arguments)
            #expect(run.status == 1)
            #expect((run.output + run.errors).contains(cache + message), "\(run.output)\(run.errors)")
        }
    }

    @Test("output that is lost on a full disk is an error; a reader that has enough is none")
    func lostOutput() async throws {
        try await withBuiltMachine { arguments, _ in
            let words = arguments.map { "'\($0)'" }.joined(separator: " ")
            for command in ["resolve", "resolve --json", "build"] {
                let full = try await run(["bash", "-c", "exec '\(Sandbox.program)' \(command) \(words) > /dev/full"])
                #expect(full.status == 1)
                #expect(full.errors.contains("standard output cannot be written: No space left on device"), "\(full.errors)")
                let enough = try await run(["bash", "-c", "set -o pipefail; '\(Sandbox.program)' \(command) \(words) | head -c 1"])
                #expect(enough.status == 0, "\(enough.errors)")
                let closed = try await run(["bash", "-c", "exec '\(Sandbox.program)' \(command) \(words) >&- 2>&-"])
                #expect(closed.status == 0)
            }
        }
    }

    @Test("clean with a mistyped cache path removes nothing that no build made")
    func otherFolders() async throws {
        try await withBuiltMachine { arguments, cache in
            let other = cache + "-other"
            _ = try await shell(
                """
                mkdir -p '\(other)'/lib/dpkg/info '\(other)'/run/lock '\(other)'/packages/mine '\(other)'/repositories/mine
                touch '\(other)'/lib/dpkg/lock '\(other)'/lib/dpkg/status
                cp -a '\(other)' '\(other)-before'
                """)
            let clean = try await Sandbox.discographer(["clean", "--all", "--packages", "-c", arguments[1], "-s", other])
            #expect(clean.status == 1 && clean.errors.contains("\(other)/packages: error: this is no store of a cache"), "\(clean.errors)")
            #expect(try await shell("diff -r '\(other)' '\(other)-before'") == "")
            let own = try await Sandbox.discographer(["clean", "--all", "--packages"] + arguments)
            #expect(own.status == 0, "\(own.errors)")
            #expect(try await shell("cd '\(cache)'; find . -type f") == "./g/one/lock\n")
        }
    }

    @Test("a failing scriptlet that is tolerated is a warning with the reason, in the output and in the log")
    func toleratedScriptlet() async throws {
        try await withBuiltMachine { arguments, cache in
            let machine = arguments[1] + "/g/machines/one"
            _ = try await shell(
                """
                cd '\(machine)'; mkdir rpms
                printf 'Name: bad\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: none\\nBuildArch: noarch\\n%%description\\nx\\n%%files\\n%%post -p <lua>\\nerror("sorry")\\n' > bad.spec
                rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD" bad.spec 2>&1
                mv noarch/*.rpm rpms/; rm -r top
                """)
            let failed = try await Sandbox.discographer(["build"] + arguments)
            #expect(failed.status == 1 && failed.output.contains("bad-1-1.noarch %post: "), "\(failed.output)")
            _ = try await shell(
                "printf 'toleratedScriptlets:\\n- package: bad\\n  scriptlet: \"%%post\"\\n  reason: it is fixed in 2\\n' >> '\(machine)/machine.yaml'"
            )
            let tolerated = try await Sandbox.discographer(["build"] + arguments)
            let words = "warning: bad-1-1.noarch %post failed, and is tolerated: it is fixed in 2"
            #expect(tolerated.status == 0 && tolerated.output.contains(words), "\(tolerated.output)\(tolerated.errors)")
            #expect(try String(contentsOfFile: cache + "/g/one/yum/log/build.log", encoding: .utf8).contains(words))
        }
    }

    @Test("groups that are small as a file and huge in memory are refused")
    func hugeGroups() async throws {
        try await Sandbox.withFolder { folder in
            let repository = folder + "/repository"
            try await SmallRepository.make(at: repository, [SmallPackage("a")])
            _ = try await shell(
                """
                cd '\(repository)'
                (echo '<comps>'; head -c 300000000 /dev/zero | tr '\\0' ' '; echo '</comps>') | gzip -1 > comps.xml.gz
                modifyrepo_c --mdtype=group_gz --no-compress comps.xml.gz repodata > /dev/null
                """)
            let tree = try SmallRepository.tree(
                in: folder, machines: ["one": "@x\n"], repositories: ["r": "baseurl=file://\(repository)\ngpgcheck=0"])
            let run = try await Sandbox.discographer(["resolve", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(run.status == 1 && run.errors.contains("group_gz of r is more than 256 MiB when it is unpacked"), "\(run.errors)")
        }
    }

    @Test("--accept-rollback of a repository that no machine has is a wrong command line")
    func unknownRollback() async throws {
        try await withBuiltMachine { arguments, _ in
            let run = try await Sandbox.discographer(["resolve", "--accept-rollback", "nosuch"] + arguments)
            #expect(run.status == 2 && run.errors.contains("no machine has the repository 'nosuch' of --accept-rollback"), "\(run.errors)")
            #expect(try await Sandbox.discographer(["resolve", "--accept-rollback", "r"] + arguments).status == 0)
        }
    }

    @Test("ten machines are built with few descriptors, some after the others", arguments: [64, 200])
    func fewDescriptors(_ limit: Int) async throws {
        try await Sandbox.withFolder { folder in
            try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a")])
            let machines = Dictionary(uniqueKeysWithValues: (0..<10).map { ("m\($0)", "a\n") })
            let tree = try SmallRepository.tree(
                in: folder, machines: machines, repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
            let build = try await run([
                "prlimit", "--nofile=\(limit):\(limit)", Sandbox.program, "build", "--jobs", "10", "-c", tree, "-s", folder + "/cache", "g",
            ])
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            for machine in machines.keys { #expect(build.output.contains("g/\(machine)  built"), "\(build.output)") }
        }
    }
}
