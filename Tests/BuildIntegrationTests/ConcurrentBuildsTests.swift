import Foundation
import Testing

/// Several programs that use one cache at the same time.
@Suite("Programs at once", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct ConcurrentBuildsTests {
    /// Runs all programs at once; each must succeed.
    private func atOnce(_ programs: [[String]], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await withThrowingTaskGroup(of: (words: [String], result: Run).self) { group in
            for words in programs { group.addTask { (words, try await run(words)) } }
            for try await (words, result) in group {
                #expect(result.status == 0, "\(words): \(result.output)\(result.errors)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test("two builds of the same machines, and builds of different machines with the same packages, make what a clean build makes")
    func builds() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder, ["one", "two"])
            let (one, two) = (try await machines.cleanBuild(of: "one"), try await machines.cleanBuild(of: "two"))
            try await atOnce([machines.words("build"), machines.words("build")])
            #expect(try await machines.checksums(of: "one") == one)
            #expect(try await machines.checksums(of: "two") == two)
            _ = try await run(["rm", "-rf", "--one-file-system", machines.cache])
            try await atOnce([machines.words("build", of: ["g/one"]), machines.words("build", of: ["g/two"])])
            #expect(try await machines.checksums(of: "one") == one)
            #expect(try await machines.checksums(of: "two") == two)
            // One of the two installed, for both.
            let installed = try await shell(
                "cd '\(machines.cache)/stages'; grep -l '\"stage\" : \"install\"' */result.json | xargs -n 1 dirname | wc -l")
            #expect(installed == "1\n")
            try await Sandbox.expectNoTraces(of: folder, "two builds")
        }
    }

    @Test("a build beside clean --packages and clean --unreferenced makes what a clean build makes")
    func cleaning() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder, ["one", "two"])
            for state in ["first", "second", "first"] {
                for machine in ["one", "two"] { try machines.setState(state, of: machine) }
                try await atOnce([
                    machines.words("build"), machines.words("clean", "--packages", of: []), machines.words("clean", "--unreferenced", of: []),
                    machines.words("build", of: ["g/two"]),
                ])
                for machine in ["one", "two"] {
                    let clean = try await machines.cleanBuild(of: machine)
                    #expect(try await machines.checksums(of: machine) == clean, "\(state) \(machine)")
                }
            }
            try await Sandbox.expectNoTraces(of: folder, "builds and clean")
        }
    }

    @Test("a build that waits for another one ends at once on SIGTERM")
    func waiting() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let scriptlets = machines.machineFolder("one") + "/generator-scriptlets"
            try FileManager.default.createDirectory(atPath: scriptlets, withIntermediateDirectories: true)
            try "sleep 600\n".write(toFile: scriptlets + "/10-slow", atomically: true, encoding: .utf8)
            let build = machines.words("build").map { "'\($0)'" }.joined(separator: " ")
            let words = try await shell(
                """
                cd '\(folder)'
                until_true() { for i in $(seq 600); do "$@" && return; sleep 0.1; done; echo "never: $*"; }
                \(build) > first 2>&1 & first=$!
                until_true grep -q 'install ' first
                \(build) > second 2>&1 & second=$!
                until_true grep -q 'waiting for it' second
                begin=$(date +%s)
                kill -TERM $second
                status=0; wait $second || status=$?
                echo "second $status"
                (( $(date +%s) - begin < 5 )) || echo 'it took long'
                kill -0 $first && kill -TERM $first
                status=0; wait $first || status=$?
                echo "first $status"
                """)
            #expect(words == "second 130\nfirst 130\n")
            try await Sandbox.expectNoTraces(of: folder, "SIGTERM")
        }
    }

    @Test("the layers of a root that a shell is in stay while clean runs", arguments: [[], ["--older-than", "0s"], ["--size", "1B"]])
    func shellBesideClean(_ options: [String]) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            let cache = folder + "/cache"
            let build = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            try #require(build.status == 0, "\(build.output)\(build.errors)")
            // Other machines' clean does not wait for a shell, and neither do rules.
            let clean = options.isEmpty ? "clean --unreferenced" : "clean " + options.joined(separator: " ")
            let words = try await shell(
                """
                cd '\(folder)'
                until_true() { for i in $(seq 600); do "$@" && return; sleep 0.1; done; echo "never: $*"; }
                mkfifo go
                '\(Sandbox.program)' shell -c '\(tree)' -s '\(cache)' test/one -- sh -c 'echo entered; read -r word; [ -s /etc/passwd ] && read -r line < /etc/passwd && [ -x /bin/sh ] && echo whole' > words 2>&1 < go &
                exec 3> go
                until_true grep -q entered words
                rm -r '\(cache)/test/one/minimal-appliance'
                '\(Sandbox.program)' \(clean) -c '\(tree)' -s '\(cache)' > /dev/null
                sync; echo 2 > /proc/sys/vm/drop_caches
                echo on >&3; exec 3>&-
                wait; tail -1 words
                find '\(cache)/stages' -maxdepth 2 -name root -type d | wc -l
                '\(Sandbox.program)' \(clean) -c '\(tree)' -s '\(cache)' > /dev/null
                find '\(cache)/stages' -maxdepth 2 -name root -type d | wc -l
                """)
            #expect(words == "whole\n1\n0\n")
            try await Sandbox.expectNoTraces(of: folder, "a shell beside clean")
        }
    }
}
