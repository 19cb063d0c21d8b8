import Foundation
import Testing

@Suite("The command line", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct CommandLineTests {
    @Test("check reports twelve planted mistakes with their lines, exits 2, and builds nothing")
    func twelveMistakes() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder)
            _ = try await shell(
                """
                cd '\(tree)/test/machines'
                cp -a one two; cp -a one Three
                printf 'bash\\ntwo words\\nbash\\r\\n' > one/packages
                rm one/devices
                printf '/dev/a p 640 1 2\\n/dev/b b 660 5000 1\\n/dev/c c 660 1 1\\n/dev/c c 660 1 1\\n' > one/devices
                rm one/init; ln -s /nowhere/init one/init
                printf 'hardware:\\n  cpu: 2\\n  memory: lots\\n' > one/machine.yaml
                rm two/packages
                rm two/yum; ln -s yum two/yum
                printf 'a\\0b\\n' > two/machine.yaml
                """)
            let check = try await Sandbox.discographer(["check", "-c", tree, "-s", folder + "/cache"])
            #expect(check.status == 2)
            let expected = [
                "test/machines/one/packages:2: error: more than one word",
                "test/machines/one/packages:3: error: a line ends with CR LF",
                "test/machines/one/devices:1: error: a FIFO does not have major and minor numbers",
                "test/machines/one/devices:2: error: invalid major number '5000'",
                "test/machines/one/devices:4: error: /dev/c is there twice",
                "test/machines/one/init: error: a broken symbolic link",
                "test/machines/one/machine.yaml:2: error: unknown key 'cpu'",
                "test/machines/one/machine.yaml:3: error: invalid amount of memory 'lots'",
                "test/machines/two/packages: error: missing",
                "test/machines/two/yum: error: a loop of symbolic links",
                "test/machines/two/machine.yaml:1: error: a NUL byte",
                "test/machines/Three: error: 'Three' is not a host name",
            ]
            for line in expected { #expect(check.errors.contains(tree + "/" + line), "\(line)\nin\n\(check.errors)") }
            let build = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache"])
            #expect(build.status == 2)
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache"), "something was built")
        }
    }

    @Test("every output that help names is one that a build takes")
    func outputs() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder)
            let help = try await Sandbox.discographer(["build", "--help"]).output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            let outputs = try #require(help.firstMatch(of: /--output .*?\(values: ([a-z0-9, ]+)\)/)).1.split(separator: ", ")
            #expect(outputs.contains("qcow2"))
            for output in outputs {
                // A lock that is not there ends the build after everything was looked at, and before anything is built.
                let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "--locked", "--output", String(output)])
                #expect(run.status == 1 && (run.output + run.errors).contains("there is no lock"), "\(output): \(run.output)\(run.errors)")
            }
            #expect(try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "--output", "tar"]).status == 2)
        }
    }

    @Test("doctor says which package brings libcurl, which is loaded for the network alone")
    func doctorWithoutLibcurl() async throws {
        let found = try await shell("ldconfig -p | sed -n 's/.*libcurl[.]so[.]4 .*=> //p' | head -1")
        let library = found.trimmingCharacters(in: .whitespacesAndNewlines)
        try #require(!library.isEmpty)
        #expect(try await Sandbox.discographer(["doctor"]).status == 0)
        // In a name space of its own the library is an empty file.
        let hidden = "mount --bind /dev/null \"$(readlink -f '\(library)')\" && exec \"$0\" doctor"
        let run = try await run(["unshare", "--mount", "bash", "-c", hidden, Sandbox.program])
        #expect(run.status == 1, "\(run.output)\(run.errors)")
        #expect(run.errors.contains("libcurl.so.4"))
        let package = try await shell("dpkg-query -S '\(library)' 2>/dev/null || dpkg-query -S '/usr\(library)'").prefix { $0 != ":" }
        #expect(run.errors.contains("apt-get install --yes \(package)\n"), "\(run.errors)")
    }

    private static let endings: [([String], Int32)] = [
        (["--no-such-option"], 2), (["build", "--jobs", "0", "x"], 2), (["run", "--until", "(", "x/y"], 2), (["--help"], 0),
        (["build", "--help"], 0),
        (["build", "no-such-group"], 2), (["check", "-c", "/nonexistent"], 2),
    ]

    @Test("a wrong command line exits 2, help exits 0", arguments: endings)
    func exitStatus(_ arguments: [String], _ status: Int32) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder)
            let extra = arguments.contains("-c") || arguments.contains("--help") ? [] : ["-c", tree]
            let run = try await Sandbox.discographer(arguments + (arguments == ["--no-such-option"] ? [] : extra))
            #expect(run.status == status, "\(run.output)\(run.errors)")
            #expect(!(run.output + run.errors).isEmpty)
        }
    }

    @Test("a cache or tables of programs that are not folders are a wrong command line, and so is a name that clean does not know")
    func notFolders() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder)
            _ = try await shell("touch '\(folder)/file'; mkdir -p '\(folder)/cache/other/machine'; touch '\(folder)/cache/other/machine/lock'")
            for command in ["build", "plan", "resolve", "lock", "clean"] {
                for (place, words) in [("/file", "/file: error: the cache is not a folder"), ("/file/cache", "\(folder)/file is not a folder")] {
                    let run = try await Sandbox.discographer([command, "-c", tree, "-s", folder + place])
                    #expect(run.status == 2 && run.errors.contains(words), "\(command) \(place): \(run.output)\(run.errors)")
                }
                let run = try await Sandbox.discographer([command, "-c", tree, "-s", folder + "/cache", "-p", "/nope"])
                #expect(run.status == 2 && run.errors.contains("/nope: error: no tool table"), "\(command): \(run.output)\(run.errors)")
            }
            func clean(_ name: String) async throws -> Run {
                try await Sandbox.discographer(["clean", "--dry-run", "-c", tree, "-s", folder + "/cache", name])
            }
            for name in ["nowhere", "test/nowhere", "other/nowhere"] {
                let run = try await clean(name)
                #expect(run.status == 2)
                #expect(run.errors.contains("neither the cache nor the tree has '\(name)'; the cache has other/machine"), "\(run.errors)")
            }
            for name in ["test", "test/one", "other", "other/machine"] { #expect(try await clean(name).status == 0, "\(name)") }
        }
    }

    @Test("a mistake in the settings has file and line, and a name that means nothing is a warning")
    func settings() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder)
            func check(_ settings: String) async throws -> Run {
                try settings.write(toFile: folder + "/.discographer", atomically: true, encoding: .utf8)
                return try await run([Sandbox.program, "check", "-c", tree], environment: ["HOME": folder])
            }
            let wrong = try await check("# limits\nmemoryLimit=8GiB\njobs=many\n")
            #expect(wrong.status == 2)
            #expect(wrong.errors.contains("\(folder)/.discographer:3: error: jobs is 'many'; expected a whole number above 0"), "\(wrong.errors)")
            let unknown = try await check("base=/var/cache\ncachePath=$base/images\ncachepath=/x\n")
            #expect(unknown.status == 0)
            #expect(unknown.errors.contains("\(folder)/.discographer:3: warning: unknown setting 'cachepath' is ignored"), "\(unknown.errors)")
            #expect(!unknown.errors.contains("'base'"))
        }
    }

    @Test("a package that no repository has is an error with its line, and the other machines are built")
    func unknownPackage() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            _ = try await shell(
                """
                cd '\(tree)/test/machines'
                cp -a one two
                printf 'bahs\\n' > two/packages
                """)
            let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(run.status == 1)
            #expect(run.output.contains("\(tree)/test/machines/two/packages:1: error: no repository has 'bahs'"), "\(run.output)")
            #expect(FileManager.default.fileExists(atPath: folder + "/cache/test/one/artefacts/one.raw"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache/test/two/artefacts"))
        }
    }

    @Test("a failing generator scriptlet is named with its line, and there is no artefact")
    func failingScriptlet() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            _ = try await shell(
                """
                cd '\(tree)/test/machines/one'
                rm generator-scriptlets; mkdir generator-scriptlets
                printf '# first\\necho "$machineName" > /dev/null\\nls /no/such/thing\\n' > generator-scriptlets/10-bad
                """)
            let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(run.status == 1)
            #expect(run.output.contains("/10-bad:3: error: \"ls /no/such/thing\" failed with status 2"), "\(run.output)")
            #expect(run.output.contains(folder + "/cache/test/one/yum/log/build.log"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache/test/one/artefacts"))
        }
    }

    @Test("an unsigned package is refused by name, and nothing of it is installed")
    func unsignedPackage() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            _ = try await shell(
                """
                cd '\(folder)'
                mkdir copy; cp -a '\(Sandbox.repository)'/x86_64/*.rpm copy/
                rpm=$(basename copy/bash-5*.rpm); cp copy/$rpm plain.rpm; rm copy/$rpm; mv plain.rpm copy/$rpm
                rpmsign --delsign copy/$rpm >/dev/null
                rm -rf copy/repodata; createrepo_c --quiet copy
                cp -L '\(tree)/test/machines/one/yum' yum -r; rm '\(tree)/test/machines/one/yum'; mv yum '\(tree)/test/machines/one/yum'
                printf '[demo]\\nname=demo\\nbaseurl=file://\(folder)/copy\\ngpgkey=file://\(Sandbox.repository)/RPM-GPG-KEY-discographer-demo\\n' \\
                    > '\(tree)/test/machines/one/yum/repositories/demo.repo'
                """)
            let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(run.status == 1)
            #expect(run.output.contains(try Regex("bash-5.*(signature|signed)")), "\(run.output)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache/test/one/artefacts"))
        }
    }

    @Test("the caller's umask and ACLs of the cache do not change an image")
    func umask() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            // u::rwx u:9:rwx g::rwx m::rwx o::r-x
            _ = try await shell(
                """
                mkdir '\(folder)/0777'
                python3 -c 'import os, sys; os.setxattr(sys.argv[1], "system.posix_acl_default", bytes.fromhex(sys.argv[2]))' '\(folder)/0777' \
                    "02000000 01000700ffffffff 0200070009000000 04000700ffffffff 10000700ffffffff 20000500ffffffff"
                """)
            for umask in ["0022", "0777"] {
                _ = try await shell("umask \(umask); '\(Sandbox.program)' build -c '\(tree)' -s '\(folder)/\(umask)' test 2>&1")
            }
            _ = try await shell("cmp '\(folder)/0022/test/one/artefacts/one.raw' '\(folder)/0777/test/one/artefacts/one.raw'")
        }
    }
}
