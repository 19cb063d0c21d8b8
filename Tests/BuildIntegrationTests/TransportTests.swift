import Foundation
import Subprocess
import SystemPackage
import Testing

/// Repositories behind bad mirrors, passwords and slow lines.
@Suite("Transport", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct TransportTests {
    private static let impatient = "timeout=3\nretries=2"

    @Test("with three bad mirrors before a good one the build ends with the right bytes, all of them told")
    func badMirrors() async throws {
        try await Sandbox.withFolder { folder in
            let server = try RepositoryServer(serving: Sandbox.repository + "/x86_64")
            let mirrors = ["truncated", "wrong", "closed", "good"].map(server.mirror)
            let tree = try await Sandbox.makeTree(in: folder, repositoryFile: Sandbox.repositoryFile(mirrors, Self.impatient))
            let build = try await Sandbox.discographer(["build", "--json", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            // What was told of the bytes ends with their number.
            let size = try await shell("find '\(folder)/cache/packages' -name '*.rpm' -printf '%s\\n' | awk '{s += $1} END {printf \"%d\", s}'")
            let last = build.output.split(separator: "\n").last { $0.contains("\"event\":\"transfer\"") }
            #expect(last?.contains("\"bytes\":\(size),") == true && last?.contains("\"totalBytes\":\(size),") == true, "\(last ?? "") for \(size)")
            // Both the store's files and the machine's links to them are the repository's bytes.
            let compared = try await shell(
                """
                for place in '\(folder)/cache/packages' '\(folder)/cache/test/one/yum/packages'; do
                    find "$place" -name '*.rpm' | while read -r file; do
                        cmp "$file" '\(Sandbox.repository)/x86_64/'"${file##*/}" && echo same
                    done
                    find "$place" -name '*.partial*'
                done
                """)
            let lines = compared.split(separator: "\n")
            #expect(lines.count > 50 && lines.allSatisfy { $0 == "same" }, "\(compared)")
        }
    }

    private static let sets = [
        ["404", "stall", "gzip"], ["500", "loop", "short"], ["503", "endless", "silent"], ["dies:100", "long", "to:closed"],
    ]

    @Test("what is resolved through bad mirrors is what is resolved without", arguments: sets)
    func badMirrorsOfMetadata(kinds: [String]) async throws {
        try await Sandbox.withFolder { folder in
            let server = try RepositoryServer(serving: Sandbox.repository + "/x86_64")
            let file = Sandbox.repositoryFile((kinds + ["good"]).map(server.mirror), Self.impatient)
            let tree = try await Sandbox.makeTree(in: folder, repositoryFile: file)
            let through = try await Sandbox.discographer(["resolve", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(through.status == 0, "\(through.output)\(through.errors)")
            try Sandbox.repositoryFile(["file://\(Sandbox.repository)/x86_64"])
                .write(toFile: tree + "/test/machines/one/yum/repositories/demo.repo", atomically: true, encoding: .utf8)
            let direct = try await Sandbox.discographer(["resolve", "-c", tree, "-s", folder + "/direct", "test"])
            #expect(through.output == direct.output)
            #expect(through.output.contains(/bash-5\./))
        }
    }

    @Test("without a good mirror the error names each mirror and its reason, and nothing is built")
    func onlyBadMirrors() async throws {
        try await Sandbox.withFolder { folder in
            let server = try RepositoryServer(serving: Sandbox.repository + "/x86_64")
            let tree = try await Sandbox.makeTree(
                in: folder, repositoryFile: Sandbox.repositoryFile(["404", "loop", "closed"].map(server.mirror), Self.impatient))
            let build = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(build.status == 1)
            for (kind, reason) in [("404", "404"), ("loop", "redirects"), ("closed", "Empty reply")] {
                let line = build.output.split(separator: "\n").first { $0.contains(server.mirror(kind)) }
                #expect(line?.contains(reason) == true, "\(kind): \(build.output)")
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/cache/test/one/artefacts"))
        }
    }

    @Test("interrupted while a download stalls: status 130, and nothing half in the cache")
    func interrupted() async throws {
        try await Sandbox.withFolder { folder in
            let server = try RepositoryServer(serving: Sandbox.repository + "/x86_64")
            // Far longer than this test may take: only the interruption can end it.
            let tree = try await Sandbox.makeTree(
                in: folder, repositoryFile: Sandbox.repositoryFile([server.mirror("stall")], "timeout=3600"))
            let cache = folder + "/cache"
            let result = try await Subprocess.run(
                .path(FilePath(Sandbox.program)), arguments: ["build", "-c", tree, "-s", cache, "test"], environment: testEnvironment(), input: .none,
                output: .sequence, error: .discarded
            ) { execution in
                var left = 2000
                while left > 0, try await server.requests().isEmpty {
                    try await Task.sleep(for: .milliseconds(50))
                    left -= 1
                }
                try execution.send(signal: .interrupt)
                for try await _ in execution.standardOutput {}
            }
            #expect(result.terminationStatus == .exited(130))
            let left = try await shell("cd '\(cache)'; find . -type f ! -name '*.partial' ! -path './test/*' ! -name stores.lock")
            #expect(left == "", "\(left)")
        }
    }

    @Test("without the network: a list of what is missing, or the same build from the cache")
    func offline() async throws {
        try await Sandbox.withFolder { folder in
            var server: RepositoryServer? = try RepositoryServer(serving: Sandbox.repository + "/x86_64")
            let tree = try await Sandbox.makeTree(
                in: folder, repositoryFile: Sandbox.repositoryFile([server?.mirror("good") ?? ""], Self.impatient))
            let build = ["build", "-c", tree, "-s", folder + "/cache", "test"]
            let nothing = try await Sandbox.discographer(build + ["--offline"])
            #expect(nothing.status == 1)
            #expect(nothing.output.contains("repomd.xml of demo: it is not in the cache, and --offline"), "\(nothing.output)")
            #expect(try await server?.requests().isEmpty == true)

            let whole = try await Sandbox.discographer(build)
            #expect(whole.status == 0, "\(whole.output)\(whole.errors)")
            server = nil
            _ = try await shell(
                "rm -rf '\(folder)/cache/test' '\(folder)/cache/stages'; rm \"$(find '\(folder)/cache/packages' -name 'bash-5*.rpm')\" \"$(find '\(folder)/cache/packages' -name 'dash-*.rpm')\""
            )
            let incomplete = try await Sandbox.discographer(build + ["--offline"])
            #expect(incomplete.status == 1)
            for name in ["bash-5", "dash-"] {
                #expect(incomplete.output.contains(try Regex("\(name)\\S*: it is not in the cache")), "\(incomplete.output)")
            }
            _ = try await shell("cd '\(tree)/test'; sed -i '/^bash$/d; /^dash$/d' packages; printf 'setup\\n' > packages")
            let again = try await Sandbox.discographer(build + ["--offline"])
            #expect(again.status == 0, "\(again.output)\(again.errors)")
        }
    }

    @Test("passwords of repository and proxy are used, and are nowhere to be seen")
    func secrets() async throws {
        try await Sandbox.withFolder { folder in
            let server = try RepositoryServer(serving: Sandbox.repository + "/x86_64")
            let proxy = try RepositoryServer(serving: folder, ["--proxy", "me:pr0xy-w0rd"])
            let file = Sandbox.repositoryFile(
                [server.mirror("login:you:r3po-w0rd/404") + "${env:TOKEN}/", server.mirror("login:you:r3po-w0rd")],
                """
                username=you
                password=${env:REPOSITORY_PASSWORD}
                proxy=http://127.0.0.1:\(proxy.port)
                proxy_username=me
                proxy_password=${file:password}
                """)
            // The server knows its password by its URL; what is looked for must not be found there.
            let masked = file.replacing("login:you:r3po-w0rd", with: "${env:LOGIN}")
            let tree = try await Sandbox.makeTree(in: folder, repositoryFile: masked)
            try "pr0xy-w0rd\n".write(
                toFile: tree + "/test/machines/one/yum/repositories/password", atomically: true, encoding: .utf8)
            let secrets = ["REPOSITORY_PASSWORD": "r3po-w0rd", "TOKEN": "t0k3n-w0rd", "LOGIN": "login:you:r3po-w0rd"]
            let build = try await run(
                [Sandbox.program, "build", "--json", "-v", "-c", tree, "-s", folder + "/cache", "test"], environment: secrets)
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            #expect(try await proxy.requests().count > 10)
            let wrong = try await run(
                [Sandbox.program, "build", "-c", tree, "-s", folder + "/wrong", "test"],
                environment: secrets.merging(["REPOSITORY_PASSWORD": "wr0ng-w0rd"]) { $1 })
            #expect(wrong.status == 1 && wrong.output.contains("401"), "\(wrong.output)")
            for secret in ["r3po-w0rd", "t0k3n-w0rd", "pr0xy-w0rd", "wr0ng-w0rd"] {
                for text in [build.output, build.errors, wrong.output, wrong.errors] {
                    #expect(!text.contains(secret), "\(secret) in \(text)")
                }
                // Disk images are gigabytes of nothing; what is in them was in the root.
                let found = try await run(["grep", "-rlaF", "--exclude=*.raw", secret, folder + "/cache", folder + "/wrong"])
                #expect(found.status == 1, "\(secret) in \(found.output)")
            }
        }
    }
}
