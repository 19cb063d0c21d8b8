import Foundation
import Subprocess
import SystemPackage
import Testing

/// Builds that lose their worker, their parent, their disk or the right to write: nothing stays behind, and the next build works.
@Suite("Faults", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct FaultTests {
    /// Three moments tell little; all of them are for `make test-all`.
    private static let moments = ProcessInfo.processInfo.environment["DISCOGRAPHER_TEST_ALL"] == "1" ? 20 : 3

    /// xorshift64*: the same moments in every run.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 2_685_821_657_736_338_717
        }
    }

    private static func tree(in folder: String) async throws -> String {
        let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
        return tree
    }

    /// The processes of workers, the monitors among them.
    private static func workers() throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(Int32.init).filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/exe")) == Sandbox.program + "-worker"
        }
    }

    @Test("SIGKILL of the worker or of the parent at random moments")
    func killed() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.tree(in: folder)
            let cache = folder + "/cache"
            let begin = ContinuousClock.now
            let first = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            let length = begin.duration(to: .now)
            let image = cache + "/test/one/artefacts/one.raw"
            _ = try await shell("cp --sparse=always '\(image)' '\(folder)/whole.raw'")
            var random = Seeded(state: 20_261_121)
            for moment in 0..<Self.moments {
                _ = try await run(["rm", "-rf", "--one-file-system", cache + "/test", cache + "/stages"])
                let delay = length * Double.random(in: 0..<1, using: &random)
                let killsParent = Bool.random(using: &random)
                let what = "moment \(moment): the \(killsParent ? "parent" : "worker") after \(delay)"
                let build = try await Subprocess.run(
                    .path(FilePath(Sandbox.program)), arguments: ["build", "-c", tree, "-s", cache, "test"], environment: testEnvironment(),
                    input: .none, output: .discarded,
                    error: .discarded
                ) { execution in
                    try await Task.sleep(for: delay)
                    if killsParent {
                        try? execution.send(signal: .kill)
                    } else {
                        for process in try Self.workers() { kill(process, SIGKILL) }
                    }
                }
                try await Sandbox.expectNoTraces(of: folder, what)
                // Between two workers there is none to kill, and artefacts are there a moment before the parent ends: then they are whole.
                if !build.terminationStatus.isSuccess, FileManager.default.fileExists(atPath: cache + "/test/one/artefacts") {
                    let difference = try await run(["cmp", image, folder + "/whole.raw"])
                    #expect(killsParent && difference.status == 0, "\(what): an artefact of a failed build\n\(difference.errors)")
                }
                let next = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
                #expect(next.status == 0, "after \(what): \(next.output)\(next.errors)")
            }
            try await Sandbox.expectNoTraces(of: folder, "in the end")
        }
    }

    @Test("a cache whose disk is full: the error says so, and with room again the next build works")
    func fullDisk() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.tree(in: folder)
            let cache = folder + "/cache"
            _ = try await shell("mkdir '\(cache)'; mount -t tmpfs -o size=48m tmpfs '\(cache)'")
            let failed = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            _ = try await shell("mount -o remount,size=2g '\(cache)'")
            let next = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            _ = try await shell("umount '\(cache)'")
            #expect(failed.status == 1)
            let words = failed.output + failed.errors
            // What the transaction says is known at the start; of the rest librpm or the system says it.
            let reasons = ["does not have room for this build", "more space on the / filesystem", "No space left on device"]
            #expect(reasons.contains(where: words.contains), "\(words)")
            #expect(next.status == 0, "\(next.output)\(next.errors)")
            try await Sandbox.expectNoTraces(of: folder, "a full disk")
        }
    }

    @Test("a cache that cannot be written: an error with its path")
    func readOnly() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.tree(in: folder)
            let cache = folder + "/cache"
            _ = try await shell("mkdir '\(cache)'; mount -t tmpfs -o ro tmpfs '\(cache)'")
            let failed = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            _ = try await shell("umount '\(cache)'")
            #expect(failed.status == 1)
            #expect((failed.output + failed.errors).contains("Read-only file system"), "\(failed.output)\(failed.errors)")
            #expect((failed.output + failed.errors).contains(cache), "\(failed.output)\(failed.errors)")
            try await Sandbox.expectNoTraces(of: folder, "a read-only cache")
        }
    }

    @Test("a cache whose file system goes away in the middle: the build fails or ends, and nothing holds on to it")
    func goneAway() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.tree(in: folder)
            let cache = folder + "/cache"
            _ = try await shell("mkdir '\(cache)'; mount -t tmpfs -o size=2g tmpfs '\(cache)'")
            let build = try await Subprocess.run(
                .path(FilePath(Sandbox.program)), arguments: ["build", "-c", tree, "-s", cache, "test"], environment: testEnvironment(), input: .none,
                output: .discarded,
                error: .discarded
            ) { _ in
                // In the middle of the installation.
                let root = "\(cache)/stages/*.partial/root/usr"
                _ = try await shell("for i in $(seq 600); do ls -d \(root) > /dev/null 2>&1 && break; sleep 0.1; done; umount --lazy '\(cache)'")
            }
            if case .signaled(let signal) = build.terminationStatus { Issue.record("it crashed with signal \(signal)") }
            try await Sandbox.expectNoTraces(of: folder, "a cache that went away")
            let next = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            #expect(next.status == 0, "\(next.output)\(next.errors)")
        }
    }
}
