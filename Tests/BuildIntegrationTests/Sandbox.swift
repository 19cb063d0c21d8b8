// What the integration tests share: the program under test, other programs as judges, and the state of the host.
import Foundation
import Subprocess
import SystemPackage
import Testing

/// What a program did.
struct Run {
    var status: Int32
    var output: String
    var errors: String
}

/// What a developer's own environment would change: how the tests' servers are reached, what programs say, and what rpm and discographer
/// are told by files in the home. Theirs is empty, and goes when the tests end.
private let foreign: [String: String?] = {
    atexit { system("/bin/rm -rf --one-file-system /var/tmp/discographer-test-home-\(getpid())") }
    let home = "/var/tmp/discographer-test-home-\(getpid())"
    try? FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    return [
        "http_proxy": nil, "https_proxy": nil, "HTTPS_PROXY": nil, "all_proxy": nil, "ALL_PROXY": nil, "no_proxy": nil, "NO_PROXY": nil,
        "LC_ALL": "C.UTF-8", "LANGUAGE": nil, "TMPDIR": nil, "HOME": home,
    ]
}()

/// What programs of the tests get: this process's environment without what is foreign to tests.
func testEnvironment(_ changes: [String: String] = [:]) -> Environment {
    let updates = foreign.merging(changes) { $1 }.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
    return .inherit.updating(Dictionary(uniqueKeysWithValues: updates))
}

/// Runs a program; nothing but the suite's own time limits it.
func run(_ words: [String], environment: [String: String] = [:]) async throws -> Run {
    let result = try await Subprocess.run(
        .path(FilePath("/usr/bin/env")), arguments: Arguments(words), environment: testEnvironment(environment),
        output: .string(limit: 64 << 20), error: .string(limit: 64 << 20))
    let status: Int32 =
        switch result.terminationStatus {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    return Run(status: status, output: result.standardOutput, errors: result.standardError)
}

/// Runs a shell script that must succeed; its output.
func shell(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
    let result = try await run(["bash", "-euc", script])
    #expect(result.status == 0, "\(script)\n\(result.output)\(result.errors)", sourceLocation: sourceLocation)
    return result.output
}

enum Sandbox {
    static let isAsked = ProcessInfo.processInfo.environment["DISCOGRAPHER_INTEGRATION"] == "1" && geteuid() == 0

    static let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static let repository = ProcessInfo.processInfo.environment["DISCOGRAPHER_DEMO_REPOSITORY"] ?? ""

    /// What `make` names, which is the optimised build; otherwise the one beside the test bundle, where `swift build` puts all products.
    static let program: String = {
        if let named = ProcessInfo.processInfo.environment["DISCOGRAPHER_PROGRAM"] { return named }
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        var folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("discographer").path) {
            folder = folder.deletingLastPathComponent()
        }
        return folder.path == "/" ? checkout + "/.build/debug/discographer" : folder.appendingPathComponent("discographer").path
    }()

    private static let worker = URL(fileURLWithPath: program).resolvingSymlinksInPath().path + "-worker"

    static func discographer(_ arguments: [String]) async throws -> Run { try await run([program] + arguments) }

    /// A fresh folder, removed at the end.
    static func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let folder = "/var/tmp/discographer-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let result: Result<Value, any Error>
        do { result = .success(try await body(folder)) } catch { result = .failure(error) }
        _ = try await run(["rm", "-rf", "--one-file-system", folder])
        return try result.get()
    }

    /// A copy of the template's tree with one machine `test/one`: the demo's base, with other packages and another machine.yaml if these are given.
    static func makeTree(in folder: String, packages: String? = nil, machine: String? = nil) async throws -> String {
        let tree = folder + "/tree"
        _ = try await shell(
            """
            cp -a '\(checkout)/config-template' '\(tree)'
            rm -rf '\(tree)/rocky' '\(tree)/demo/machines/web' '\(tree)/demo/machines/db'
            mv '\(tree)/demo/machines/base' '\(tree)/demo/machines/one'
            mv '\(tree)/demo' '\(tree)/test'
            """)
        if let packages { try packages.write(toFile: tree + "/test/packages", atomically: true, encoding: .utf8) }
        if let machine { try machine.write(toFile: tree + "/test/machines/one/machine.yaml", atomically: true, encoding: .utf8) }
        return tree
    }

    /// Mounts, loop devices and processes of builds: empty after each, however it ended.
    static func traces(of folder: String) async throws -> [String] {
        var traces: [String] = []
        for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(process) != nil {
            let mounts = (try? String(contentsOfFile: "/proc/\(process)/mounts", encoding: .utf8)) ?? ""
            traces += mounts.split(separator: "\n").filter { $0.contains(folder) }.map { "mount in process \(process): \($0)" }
            // Other builds of the host are none of this test's business.
            let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/exe")
            let words = (try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8))?.replacing("\0", with: " ") ?? ""
            if program == worker || words.contains(folder) { traces.append("process \(process): \(words)") }
        }
        // A host's udev looks at loop devices that come, and so may keep one for a moment.
        var loops: [Substring] = []
        for attempt in 0..<50 {
            if attempt > 0 { try await Task.sleep(for: .milliseconds(100)) }
            let list = try await run(["losetup", "--all", "--list", "--noheadings", "--output", "BACK-FILE"]).output
            loops = list.split(separator: "\n").filter { $0.contains(folder) }
            if loops.isEmpty { break }
        }
        return traces + loops.map { "loop device over \($0)" }
    }

    /// After a process was killed: the kernel and the monitors need a moment to end what it had begun, on a busy machine a long one.
    static func expectNoTraces(of folder: String, _ what: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) async throws {
        var traces: [String] = []
        for _ in 0..<300 {
            traces = try await Self.traces(of: folder)
            if traces.isEmpty { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(traces == [], "\(what)", sourceLocation: sourceLocation)
    }

    /// A few packages that make a root in seconds, without a kernel; the machine has no boot loader then.
    static let smallSet = "setup\nfilesystem\nbash\ncoreutils\ndash\nlibc-bin\nlogin\npasswd\n"

    /// machine.yaml of a machine that needs no kernel: one disk, as it is.
    static let noBootLoader = "boot:\n  loader: none\noutputs: [raw]\n"
}
