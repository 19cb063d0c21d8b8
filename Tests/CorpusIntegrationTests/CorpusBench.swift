// Shared by tests of the corpus: its packages, made once; the worker under test; plain rpm to compare with; and the state of the host.
import ConfigurationTree
import Foundation
import HostSystem
import PackageInstallation
import Synchronization
import SystemPackage
import Testing

struct CorpusBench: Sendable {
    private static let environment = ProcessInfo.processInfo.environment
    static let isAsked = environment["DISCOGRAPHER_INTEGRATION"] == "1" && geteuid() == 0
    /// Whether the slow suites run too: `make test-all`.
    static let asksAll = isAsked && environment["DISCOGRAPHER_TEST_ALL"] == "1"
    static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    static let material = FilePath(environment["DISCOGRAPHER_MATERIAL"] ?? "\(checkout)/../shared/material")
    static let hardPackages = material.appending("hard-rpms")
    static let corpus = checkout.pushing("Tests/Corpus")
    static let epoch = 1_600_000_000

    /// The folder of this run, with a folder of the host that packages try to reach. Removed when the tests end.
    static let place: FilePath = {
        atexit { system("/bin/rm -rf --one-file-system /var/tmp/discographer-corpus-\(getpid())") }
        return FilePath("/var/tmp/discographer-corpus-\(getpid())")
    }()
    static let canary = place.appending("canary")

    /// The packages, made at the first use.
    static let packages = Task {
        let folder = place.appending("packages")
        try createDirectories(canary)
        try await program(corpus.appending("make-packages")).run([folder.string, canary.string])
        return folder
    }

    static func program(_ path: FilePath) -> Tool { Tool(name: path.lastComponent?.string ?? "", path: path, package: "") }

    static func shell(_ script: String, _ arguments: String...) async throws -> String {
        try await program("/bin/bash").run(["-euc", script, "bash"] + arguments)
    }

    /// Calls `body` with a new folder.
    static func with<Value>(_ body: (FilePath) async throws -> Value) async throws -> Value {
        let folder = place.appending("test-\(UUID().uuidString)")
        try createDirectories(folder)
        let result: Result<Value, any Error>
        do { result = .success(try await body(folder)) } catch { result = .failure(error) }
        try await program("/bin/rm").run(["-rf", "--one-file-system", folder.string])
        return try result.get()
    }

    /// The file of a package of the corpus: `tools` for corpus-tools, or a file's whole name.
    static func file(_ name: String) async throws -> FilePath {
        let folder = try await packages.value
        if name.hasSuffix(".rpm") { return folder.appending(name) }
        let architectures = ["noarch", "x86_64"].map { folder.appending("corpus-\(name)-1-1.\($0).rpm") }
        return try #require(architectures.first(where: exists), "\(name) is not in the corpus")
    }

    /// The worker's messages about an installation.
    struct Installation {
        var outcome: InstallOutcome?
        var failure: WorkerFailure?
        var events: [WorkerEvent]
        var log: String

        var output: String { events.map { if case .output(_, let text) = $0 { text } else { "" } }.joined() }
        var warnings: [String] { events.compactMap { if case .warning(let warning) = $0 { warning.text } else { nil } } }
    }

    /// Installs files into the root with the worker under test.
    static func install(
        _ files: [FilePath], into root: FilePath, keys: [FilePath] = [], signed: (FilePath) -> Bool = { _ in false },
        tolerated: [ToleratedScriptlet] = [], change: (inout InstallJob) -> Void = { _ in }
    ) async throws -> Installation {
        try createDirectories(root)
        let packages = files.map { PackageFile(path: $0, nevra: $0.stem ?? "", isSigned: signed($0)) }
        var job = InstallJob(
            installRoot: root, packages: packages, keys: keys, sourceDateEpoch: epoch,
            toleratedScriptlets: tolerated)
        change(&job)
        let events = Mutex<[WorkerEvent]>([])
        let log = Mutex("")
        do {
            let outcome = try await Worker(program: worker).install(
                job, onEvent: { event in events.withLock { $0.append(event) } }, onLog: { text in log.withLock { $0 += text } })
            return Installation(outcome: outcome, failure: nil, events: events.withLock { $0 }, log: log.withLock { $0 })
        } catch let failure as WorkerFailure {
            return Installation(outcome: nil, failure: failure, events: events.withLock { $0 }, log: log.withLock { $0 })
        }
    }

    static func install(
        _ names: [String], into root: FilePath, tolerated: [ToleratedScriptlet] = [], change: (inout InstallJob) -> Void = { _ in }
    ) async throws -> Installation {
        var files: [FilePath] = []
        for name in names { files.append(try await file(name)) }
        return try await install(files, into: root, tolerated: tolerated, change: change)
    }

    /// Installs with plain rpm; `nil` when it refuses, and its output.
    static func installWithRPM(
        _ files: [FilePath], into root: FilePath, keys: [FilePath] = [], signed: Bool = false, bare: Bool = false
    ) async throws
        -> (isInstalled: Bool, words: String)
    {
        try createDirectories(root)
        let options = (bare ? ["--bare"] : []) + keys.flatMap { ["--key", $0.string] } + (signed ? ["--signed"] : [])
        do {
            let output = try await program("/usr/bin/timeout").run(
                ["60", corpus.appending("install-with-rpm").string, root.string] + options + files.map(\.string))
            return (true, output)
        } catch HostSystemError.toolFailed(_, _, let ending) {
            return (false, ending)
        }
    }

    /// Everything in a root, one line each.
    static func list(_ root: FilePath) async throws -> Set<String> {
        let output = try await program(corpus.appending("list-root")).run([root.string])
        return Set(output.split(separator: "\n").map(String.init))
    }

    /// Everything on the host that a scriptlet could have changed, except what other programs change all the time.
    static func host() async throws -> String {
        let state = try await shell(
            """
            exec 2>/dev/null
            set +e
            # Mounts that reach the host come with the place of the root; others come and go at places of their own.
            awk -v place="$1" '$5 ~ "^/([^/]*|(dev|proc)/.*)$" || index($0, place)' /proc/self/mountinfo | cut -d' ' -f3- | sort
            losetup --list --noheadings --output NAME,BACK-FILE | grep "$1" || true
            for name in kernel/core_pattern kernel/hostname kernel/domainname kernel/sysrq kernel/pid_max vm/swappiness fs/file-max; do
                echo "$name $(cat /proc/sys/$name)"
            done
            stat -c '%n %a %U' /dev/null /dev/tty /etc/passwd /tmp
            sha256sum /etc/passwd /etc/shadow /etc/hosts
            ls -A "$2"
            ls /usr/attack-was-here /etc/evil || true
            # Processes whose root is one that was installed here.
            roots=" $(stat -c %d:%i "$1"/test-*/*/ | tr '\\n' ' ')"
            stat -L -c '%d:%i %n' /proc/[0-9]*/root | while read -r root process; do
                [[ $roots != *" $root "* ]] || echo "$(tr '\\0' ' ' < "${process%root}cmdline")"
            done
            """, place.string, canary.string)
        return state + (abs(clockOffset() - firstClockOffset) < 3600 ? "" : "somebody has set the clock\n")
    }

    /// How far the clock is from the one that cannot be set, in seconds.
    private static func clockOffset() -> Int {
        var boot = timespec()
        clock_gettime(CLOCK_BOOTTIME, &boot)
        return time(nil) - boot.tv_sec
    }

    private static let firstClockOffset = clockOffset()

    /// Beside the test bundle, where `swift build` puts all products.
    static let worker: FilePath = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        var folder = FilePath(bundle).removingLastComponent()
        while !folder.isEmpty, folder != "/", !exists(folder.appending("discographer-worker")) { folder.removeLastComponent() }
        return folder == "/" ? checkout.pushing(".build/debug/discographer-worker") : folder.appending("discographer-worker")
    }()
}
