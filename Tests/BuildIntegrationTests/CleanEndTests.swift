import Foundation
import Subprocess
import SystemPackage
import Testing

/// Builds that are killed leave no mount, no loop device and no process, and the next build works.
@Suite("Clean ends", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct CleanEndTests {
    /// The line after which the build is killed: in the middle of each stage.
    static let moments: [(stage: String, signal: Subprocess.Signal)] = [
        ("fetch", .kill), ("install", .kill), ("install", .interrupt), ("install", .terminate), ("compose", .kill), ("compose", .interrupt),
        ("disk", .kill), ("disk", .terminate), ("image", .kill), ("image", .interrupt),
    ]

    @Test("at every stage, by SIGKILL, SIGINT and SIGTERM")
    func killed() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: "boot:\n  loader: none\noutputs: [qcow2, vmdk]\n")
            // A scriptlet that takes long enough to be hit, and a last stage that does not end before it is.
            let programs = folder + "/paths"
            _ = try await shell(
                """
                cd '\(tree)/test/machines/one'
                rm generator-scriptlets; mkdir generator-scriptlets
                printf 'sleep 1\\n' > generator-scriptlets/10-slow
                cd '\(folder)'; cp -a '\(Sandbox.checkout)/paths' .
                qemu=$(sed -n 's/^qemu-img \\([^ ]*\\) .*/\\1/p' paths/debian)
                printf '#!/bin/bash\\nsleep 5\\nexec %s "$@"\\n' "$qemu" > qemu-img
                chmod +x qemu-img; sed -i "s,^qemu-img [^ ]*,qemu-img $PWD/qemu-img," paths/*
                """)
            for (stage, signal) in Self.moments {
                let cache = folder + "/cache"
                _ = try await run([
                    "rm", "-rf", "--one-file-system", cache + "/test", cache + "/stages", stage == "fetch" ? cache + "/packages" : "/nonexistent",
                ])
                let status = try await build(["-p", programs, "-c", tree, "-s", cache, "test"], killedIn: stage, by: signal)
                #expect(!status.isSuccess, "\(stage) \(signal): the build was not interrupted")
                if signal != .kill { #expect(status == .exited(130), "\(stage) \(signal): \(status)") }
                try await Sandbox.expectNoTraces(of: folder, "\(stage) \(signal)")
                #expect(!FileManager.default.fileExists(atPath: cache + "/test/one/artefacts"), "\(stage) \(signal): half an artefact")
                let next = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
                #expect(next.status == 0, "after \(stage) \(signal): \(next.output)\(next.errors)")
                #expect(try await shell("ls '\(cache)/stages'").contains("partial") == false)
            }
            #expect(try await Sandbox.traces(of: folder) == [])
        }
    }

    private func build(_ words: [String], killedIn stage: String, by signal: Subprocess.Signal) async throws -> TerminationStatus {
        var options = PlatformOptions()
        options.createSession = true
        let result = try await Subprocess.run(
            .path(FilePath(Sandbox.program)), arguments: Arguments(["build", "--json"] + words), environment: testEnvironment(),
            platformOptions: options, input: .none, output: .sequence, error: .discarded
        ) { execution in
            var text = ""
            var sent = false
            for try await chunk in execution.standardOutput {
                text += chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                if !sent, text.contains("\"event\":\"stageStarted\",\"machine\":\"test/one\",\"stage\":\"\(stage)\"") {
                    sent = true
                    try await Task.sleep(for: .milliseconds(stage == "install" ? 700 : 60))
                    try execution.send(signal: signal)
                }
            }
        }
        return result.terminationStatus
    }
}
