import Foundation
import Testing

/// What each way of cleaning removes, and what it leaves.
@Suite("Clean", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct CleanTests {
    private func listed(_ output: String) -> [String] {
        output.split(separator: "\n").map(String.init).filter { !$0.contains(" of ") && !$0.contains("cleaned") }.sorted()
    }

    @Test(
        "--dry-run lists what the real run removes, artefacts stay whole, and the next build is right",
        arguments: [[], ["--unreferenced"], ["--older-than", "0s"], ["--older-than", "30d"], ["--size", "1B"], ["--size", "100GiB"]])
    func extents(_ options: [String]) async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder, ["one", "two"])
            for state in ["first", "second"] {
                for machine in ["one", "two"] { try machines.setState(state, of: machine) }
                let build = try await run(machines.words("build"))
                try #require(build.status == 0, "\(build.output)\(build.errors)")
            }
            let before = (try await machines.checksums(of: "one"), try await machines.checksums(of: "two"))
            // Those of results; a run's pins come and go.
            let list =
                "cd '\(machines.cache)'; find . -not -path './stages/pins/*' -not -path './stages/locks/*' -printf '%p %T@\\n' | grep -v '^./stages ' | sort"
            let untouched = try await shell(list)
            func clean(_ more: String...) async throws -> Run {
                try await run([Sandbox.program, "clean", "-c", machines.tree, "-s", machines.cache] + options + more)
            }
            let dry = try await clean("--dry-run")
            #expect(dry.status == 0, "\(dry.output)\(dry.errors)")
            #expect(try await shell(list) == untouched)
            let real = try await clean()
            #expect(real.status == 0, "\(real.output)\(real.errors)")
            #expect(listed(dry.output) == listed(real.output))
            let isKept = options.contains("30d") || options.contains("100GiB")
            #expect(listed(real.output).isEmpty == isKept, "\(real.output)")
            for machine in ["one", "two"] {
                #expect(try await machines.checksums(of: machine) == (machine == "one" ? before.0 : before.1), "\(machine)")
            }
            // With nothing to change, and with a change that needs what was removed.
            for state in ["second", "first"] {
                for machine in ["one", "two"] { try machines.setState(state, of: machine) }
                let next = try await run(machines.words("build"))
                #expect(next.status == 0, "\(next.output)\(next.errors)")
                let clean = try await machines.cleanBuild(of: "one")
                #expect(try await machines.checksums(of: "one") == clean)
            }
        }
    }

    @Test("cacheLimit of the settings: a build removes what earlier ones left, and keeps the artefacts")
    func limit() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let home = folder + "/home"
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            try "cacheLimit='1KiB'\n".write(toFile: home + "/.discographer", atomically: true, encoding: .utf8)
            for state in ["first", "second", "first"] {
                try machines.setState(state)
                let build = try await run(machines.words("build"), environment: ["HOME": home])
                #expect(build.status == 0, "\(build.output)\(build.errors)")
                let clean = try await machines.cleanBuild()
                #expect(try await machines.checksums() == clean)
                // Each build has one composed root, and removes those of the others.
                let composed = try await shell("cd '\(machines.cache)/stages'; grep -l '\"stage\" : \"compose\"' */result.json | wc -l")
                #expect(composed == "1\n", "\(state)")
            }
        }
    }

    @Test(
        "values that mean nothing are refused before anything is removed",
        arguments: [
            ["--older-than", "-1d"], ["--older-than", "30"], ["--older-than", "d"], ["--older-than", "99999999999999999999d"],
            ["--older-than", "9223372036854775807w"], ["--older-than", "1.5d"], ["--size", "-1GiB"], ["--size", "GiB"], ["--size", "5 parsecs"],
            ["--size", "99999999999999999999GiB"], ["--unreferenced", "--all"], ["--unreferenced", "g/one"],
        ])
    func badValues(_ options: [String]) async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            // `--option=value`: a value with a hyphen is another option otherwise.
            let words =
                options.count == 2 && !options[1].hasPrefix("--") && options[0] != "--unreferenced" ? [options.joined(separator: "=")] : options
            let clean = try await run([Sandbox.program, "clean", "-c", machines.tree, "-s", machines.cache] + words)
            #expect(clean.status == 2, "\(clean.output)\(clean.errors)")
            #expect(clean.errors.contains(options[0]), "\(clean.errors)")
        }
    }

    @Test(
        "a selection that means nothing is refused, and nothing of the group is removed",
        arguments: [
            ["--machine=x/y", "g"], ["--machine=g/one", "g"], ["--machine", "", "g"], ["--machine=..", "g"], ["--machine=one", "--machine=x/", "g"],
            [".."],
            ["g/.."], ["--cache-path", "", "g"], ["--config-path", "", "g"],
        ])
    func badSelection(_ words: [String]) async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let build = try await run(machines.words("build"))
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            let list = "cd '\(machines.cache)'; find stages g -maxdepth 2 | grep -v -e /pins -e /locks | sort"
            let before = try await shell(list)
            for command in ["clean", "plan", "build"] {
                let all = command == "clean" ? ["--all"] : []
                let refused = try await run([Sandbox.program, command, "-c", machines.tree, "-s", machines.cache] + all + words)
                #expect(refused.status == 2, "\(command): \(refused.output)\(refused.errors)")
                #expect(refused.errors.contains("expected"), "\(command): \(refused.errors)")
            }
            #expect(try await shell(list) == before)
        }
    }
}
