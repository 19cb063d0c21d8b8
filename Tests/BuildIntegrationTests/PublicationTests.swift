import Foundation
import Testing

/// Builds that are killed while they publish: the machine has its old artefacts or its new ones, whole.
@Suite("Publication", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct PublicationTests {
    private static let takesAll = ProcessInfo.processInfo.environment["DISCOGRAPHER_TEST_ALL"] == "1"

    private struct Killer {
        /// Preloaded into the program.
        let library: String

        init(in folder: String) async throws {
            library = folder + "/kill-at-step.so"
            _ = try await shell("cc -shared -fPIC -o '\(library)' '\(Sandbox.checkout)/Tests/Chaos/kill-at-step.c'")
        }

        func build(_ machines: TinyMachines, _ environment: [String: String]) async throws -> Run {
            try await run(machines.words("build"), environment: environment.merging(["LD_PRELOAD": library]) { $1 })
        }

        /// How many calls a build makes that change a file system, from the beginning of its publication.
        func steps(_ machines: TinyMachines, _ environment: [String: String] = [:]) async throws -> Int {
            let file = machines.folder + "/steps"
            let build = try await build(machines, environment.merging(["KILL_STEPS_FILE": file]) { $1 })
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            let steps = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            try #require(steps.contains { $0.contains("renameat2") }, "the exchange is not among the steps: \(steps)")
            return steps.count
        }
    }

    /// All steps, or five of them with the first, the last and some between.
    private func chosen(_ count: Int) -> [Int] {
        Self.takesAll ? Array(1...count) : Set((0..<5).map { 1 + $0 * (count - 1) / 4 }).sorted()
    }

    private func leftovers(_ machines: TinyMachines) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: machines.cache + "/g/one").filter { $0.hasPrefix("artefacts.") }
    }

    @Test("SIGKILL before each step of a publication leaves the old or the new artefacts, whole, and the next build leaves nothing else")
    func killed() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let killer = try await Killer(in: folder)
            let first = try await machines.cleanBuild()
            try machines.setState("second")
            let second = try await machines.cleanBuild()
            try #require(first != second)
            #expect(try await run(machines.words("build")).status == 0)
            // Results of the build itself have more steps than those that are in the store already.
            _ = try await run(["rm", "-rf", machines.cache + "/stages"])
            try machines.setState("first")
            let count = try await killer.steps(machines)
            var (old, new, state) = (first, second, "second")
            for step in chosen(count) {
                _ = try await run(["rm", "-rf", machines.cache + "/stages"])
                try machines.setState(state)
                let build = try await killer.build(machines, ["KILL_AT_STEP": "\(step)"])
                // A build that finds its links made already has a step or two less than the one that was counted.
                let ended = build.status == 0 && step > count - 3
                #expect(build.status == 128 + SIGKILL || ended, "step \(step) of \(count): \(build.output)\(build.errors)")
                let present = try await machines.checksums()
                #expect(present == old || present == new, "step \(step) of \(count): \(present)")
                let next = try await run(machines.words("build"))
                #expect(next.status == 0, "after step \(step) of \(count): \(next.output)\(next.errors)")
                #expect(try await machines.checksums() == new, "after step \(step) of \(count)")
                #expect(try leftovers(machines) == [], "after step \(step) of \(count)")
                (old, new, state) = (new, old, state == "second" ? "first" : "second")
            }
            try await Sandbox.expectNoTraces(of: folder, "in the end")
        }
    }

    @Test("after SIGKILL and a return to the old tree nothing of the new artefacts is left", arguments: [[:], ["KILL_NO_EXCHANGE": "1"]])
    func abandoned(_ environment: [String: String]) async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let killer = try await Killer(in: folder)
            #expect(try await run(machines.words("build")).status == 0)
            let first = try await machines.checksums()
            try machines.setState("second")
            let count = try await killer.steps(machines, environment)
            for step in chosen(count) {
                try machines.setState("first")
                #expect(try await killer.build(machines, environment).status == 0)
                try machines.setState("second")
                _ = try await killer.build(machines, environment.merging(["KILL_AT_STEP": "\(step)"]) { $1 })
                try machines.setState("first")
                let next = try await killer.build(machines, environment)
                #expect(next.status == 0, "after step \(step) of \(count): \(next.output)\(next.errors)")
                #expect(try await machines.checksums() == first, "after step \(step) of \(count)")
                #expect(try leftovers(machines) == [], "after step \(step) of \(count)")
            }
        }
    }
}
