import Foundation
import Testing

/// Names as the kernel allows them, and as nobody expects them.
@Suite("Odd names", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct OddNamesTests {
    private func makeTree(_ folder: String) async throws -> String {
        try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a")])
        let tree = try SmallRepository.tree(
            in: folder, machines: ["one": "a\n"], repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
        try "disks:\n  - size: 64MiB\n".write(toFile: tree + "/g/machines/one/machine.yaml", atomically: true, encoding: .utf8)
        return tree
    }

    @Test("tree, cache, packages' files and layers may have any but those that overlayfs cannot mount")
    func names() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder)
            let odd = folder + "/o \"dd'\n$(id) ü;&,:"
            try FileManager.default.createDirectory(atPath: odd, withIntermediateDirectories: false)
            _ = try await shell(
                """
                cd '\(tree)'/g/machines/one
                mkdir -p rpms root-overlays/10-odd
                mv '\(folder)'/repository/a-1-1.noarch.rpm $'rpms/a\\nb "c".rpm'
                cd root-overlays/10-odd
                touch $'new\\nline' $'\\xff\\xfe' 'sp ace' 'a:b,c'
                """)
            try FileManager.default.moveItem(atPath: tree, toPath: odd + "/tree")
            let build = try await run(
                ["timeout", "120", Sandbox.program, "build", "-c", odd + "/tree", "-s", folder + "/ca \"che", "g"])
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            let names = try await shell("cd '\(folder)/ca \"che'/g/one/minimal-appliance/compose/changes; ls -1 --quoting-style=c")
            for name in [#""new\nline""#, #""\377\376""#, #""sp ace""#, #""a:b,c""#] {
                #expect(names.contains(name), "\(name) in \(names)")
            }
        }
    }

    @Test("a repository and its key in the tree are found by ${machine_configPath}, whatever the tree's path is")
    func pathsInURLs() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder)
            _ = try await shell(
                """
                cd '\(tree)'/g/machines/one; mv '\(folder)/repository' repository
                export GNUPGHOME='\(folder)/gnupg'; mkdir -m 700 "$GNUPGHOME"
                gpg --quiet --batch --passphrase '' --quick-gen-key ours@example.org rsa2048 sign never 2>/dev/null
                gpg --export ours@example.org > key; cd repository/repodata
                gpg --quiet --batch --armor --detach-sign --local-user ours@example.org repomd.xml; gpgconf --kill all
                """)
            for name in ["with space", "com,ma", "per%cent", "per%20cent", "hash#x", "que?ry", "co:lon", "quo'te", "new\nline", "pl+us"] {
                let odd = "\(folder)/\(name)"
                try FileManager.default.createDirectory(atPath: odd, withIntermediateDirectories: false)
                try FileManager.default.copyItem(atPath: tree, toPath: odd + "/tree")
                let machine = odd + "/tree/g/machines/one"
                let options = "gpgcheck=0\nrepo_gpgcheck=1\ngpgkey=file://${machine_configPath}/key"
                for place in ["baseurl=file://${machine_configPath}/repository", "baseurl=${machine_configPath}/repository"] {
                    try "[r]\n\(place)\n\(options)\n".write(toFile: machine + "/yum/repositories/r.repo", atomically: true, encoding: .utf8)
                    let resolve = try await Sandbox.discographer(["resolve", "-c", odd + "/tree", "-s", "\(folder)/cache", "g"])
                    #expect(resolve.status == 0, "\(name): \(resolve.output)\(resolve.errors)")
                }
            }
        }
    }

    @Test(
        "a cache that nothing can be built in is refused before anything is done",
        arguments: [",", ":", "\\", "\n", String(repeating: "x/", count: 150)])
    func caches(_ name: String) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder)
            let build = try await Sandbox.discographer(["build", "-c", tree, "-s", "\(folder)/a\(name)b", "g"])
            #expect(build.status == 2 && build.errors.contains("error: the cache's path has "), "\(build.output)\(build.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["repository", "tree"])
        }
    }

    private static let configurations: [(String, Int32, String)] = [
        ("echo words for people; configPath=TREE", 0, ""),
        ("exit 3", 2, "/.discographer: error: bash ended with status 3"),
        ("kill -9 $$", 2, "/.discographer: error: bash ended with signal 9 (Killed)"),
        ("a ( b", 2, "line 1: syntax error"),
    ]

    @Test("~/.discographer may print; its failure is a wrong configuration", arguments: configurations)
    func settings(_ text: String, _ status: Int32, _ message: String) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder)
            try text.replacing("TREE", with: "'\(tree)'").write(toFile: folder + "/.discographer", atomically: true, encoding: .utf8)
            let check = try await run([Sandbox.program, "check"], environment: ["HOME": folder])
            #expect(check.status == status, "\(check.output)\(check.errors)")
            #expect(message.isEmpty || check.errors.contains(message), "\(check.errors)")
        }
    }
}
