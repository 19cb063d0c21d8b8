import Foundation
import Subprocess
import SystemPackage
import Testing

/// A host with one processor gives a program one thread for all asynchronous work: what blocks that thread blocks everything.
@Suite("On one processor", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized, .timeLimit(.minutes(5)))
struct OneProcessorTests {
    /// Runs the words after it on such a host: in this mount namespace, sysconf(3) counts one processor too.
    private static let host = """
        mount -t tmpfs cpus /sys/devices/system/cpu
        mkdir /sys/devices/system/cpu/cpu0
        echo 0 | tee /sys/devices/system/cpu/{online,possible,present} >/dev/null
        [ "$(getconf _NPROCESSORS_CONF) $(getconf _NPROCESSORS_ONLN)" = "1 1" ]
        exec taskset -c 0 "$@"
        """

    /// A tree of one machine, and the cache path in a settings file of the home folder.
    private func words(_ folder: String, _ command: String...) throws -> [String] {
        let home = folder + "/home"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try "cachePath='\(folder)/cache'\n".write(toFile: home + "/.discographer", atomically: true, encoding: .utf8)
        return ["HOME=" + home, "unshare", "--mount", "bash", "-euc", Self.host, "host", Sandbox.program] + command
    }

    private func makeTree(in folder: String) async throws -> String {
        try await SmallRepository.make(at: folder + "/repository", [SmallPackage("one")])
        return try SmallRepository.tree(
            in: folder, machines: ["m": "one\n"], repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
    }

    @Test("every command ends, with a settings file to read")
    func ends() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(in: folder)
            for command in [["doctor"], ["check", "-c", tree], ["resolve", "-c", tree, "g/m"], ["build", "-c", tree, "g/m"]] {
                let result = try await run(["timeout", "--signal=KILL", "60", "env"] + words(folder) + command)
                #expect(result.status == 0, "\(command): \(result.output)\(result.errors)")
            }
            #expect(FileManager.default.fileExists(atPath: folder + "/cache/g/m/artefacts/manifest.json"), "the settings file was not read")
        }
    }

    @Test("a signal ends a build while a scriptlet runs", arguments: [Subprocess.Signal.interrupt, .terminate])
    func signals(_ signal: Subprocess.Signal) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(in: folder)
            let scriptlets = tree + "/g/machines/m/generator-scriptlets"
            try FileManager.default.createDirectory(atPath: scriptlets, withIntermediateDirectories: true)
            try "sleep 600\n".write(toFile: scriptlets + "/10-slow", atomically: true, encoding: .utf8)
            var options = PlatformOptions()
            options.createSession = true
            let result = try await Subprocess.run(
                .path("/usr/bin/env"), arguments: Arguments(try words(folder, "build", "--json", "-c", tree, "g/m")),
                environment: testEnvironment(), platformOptions: options, input: .none, output: .sequence, error: .discarded
            ) { execution in
                var text = ""
                var sent: ContinuousClock.Instant?
                for try await chunk in execution.standardOutput {
                    text += chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                    if sent == nil, text.contains("\"event\":\"stageStarted\",\"machine\":\"g/m\",\"stage\":\"compose\"") {
                        try await Task.sleep(for: .seconds(1))
                        sent = .now
                        try execution.send(signal: signal)
                    }
                }
                return sent.map { $0.duration(to: .now) }
            }
            #expect(result.terminationStatus == .exited(130))
            let duration = try #require(result.closureResult, "stage compose did not start")
            #expect(duration < .seconds(10))
            try await Sandbox.expectNoTraces(of: folder, "\(signal)")
        }
    }
}
