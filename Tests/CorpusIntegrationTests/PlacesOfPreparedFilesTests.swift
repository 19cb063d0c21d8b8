import ConfigurationTree
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// Files that are made before their package's turn, while scriptlets change their places (`ahead.spec`).
@Suite("Places of prepared files", .enabled(if: CorpusBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct PlacesOfPreparedFilesTests {
    /// A folder with a default ACL.
    private static func prepare(_ root: FilePath, seconds: Int) async throws {
        _ = try await CorpusBench.shell(
            """
            mkdir -p "$1/acl"; echo "$2" > "$1/wait"; touch -d @1500000000 "$1/acl"
            python3 -c 'import os, sys; os.setxattr(sys.argv[1], "system.posix_acl_default", bytes.fromhex("02000000 01000700ffffffff 0200070009000000 04000500ffffffff 10000700ffffffff 20000500ffffffff"))' "$1/acl"
            """, root.string, "\(seconds)")
    }

    private static func packages(_ kind: String) async throws -> [FilePath] {
        let folder = try await CorpusBench.packages.value
        let names = try await CorpusBench.shell("ls \"$1\" | grep \"^corpus-ahead-$2\"", folder.string, kind)
        var files = [try await CorpusBench.file("tools"), try await CorpusBench.file("ahead")]
        files += names.split(separator: "\n").map { folder.appending(String($0)) }
        return files
    }

    /// Installs the packages of a kind with librpm alone, and with files that are made before their turn.
    private static func inBothWays(_ kind: String, _ body: (_ root: FilePath, _ failure: WorkerFailure?) async throws -> Void) async throws {
        let packages = try await packages(kind)
        try await CorpusBench.with { folder in
            for (seconds, prepares) in [(0, false), (2, true)] {
                let root = folder.appending("root-\(seconds)")
                try await prepare(root, seconds: seconds)
                let result = try await CorpusBench.install(packages, into: root, change: { $0.preparesFiles = prepares })
                try await body(root, result.failure)
            }
        }
    }

    /// What is left out, and how many packages' files are made before their turn then. Those of the first package may be, too.
    static let variants: [(change: @Sendable (inout InstallJob) -> Void, count: Int)] = [
        ({ _ in }, 18),
        (
            {
                $0.transactionFlags = [.nodocs]; $0.excludedPaths = ["/many/7"]
            }, 15
        ),
    ]

    @Test("are the same as librpm's", arguments: PlacesOfPreparedFilesTests.variants.indices)
    func same(_ index: Int) async throws {
        let (change, count) = Self.variants[index]
        let packages = try await Self.packages("same-")
        try await CorpusBench.with { folder in
            let (plain, theirs) = (folder.appending("plain"), folder.appending("theirs"))
            try await Self.prepare(plain, seconds: 0)
            let unprepared = try await CorpusBench.install(
                packages, into: plain,
                change: { job in
                    change(&job)
                    job.preparesFiles = false
                })
            #expect(unprepared.failure == nil, "\(unprepared.failure?.message ?? "")")
            let expected = try await PreparedFilesTests.fingerprint(plain)
            // A busy host needs longer.
            var made = 0
            for seconds in [2, 8, 30] where made < count {
                let root = folder.appending("root-\(seconds)")
                try await Self.prepare(root, seconds: seconds)
                let prepared = try await CorpusBench.install(packages, into: root, change: change)
                #expect(prepared.failure == nil, "\(prepared.failure?.message ?? "")")
                let actual = try await PreparedFilesTests.fingerprint(root)
                #expect(actual.subtracting(expected).sorted() == [], "only with files that were made before their turn")
                #expect(expected.subtracting(actual).sorted() == [], "only with librpm's own")
                made = prepared.log.firstMatch(of: /the files of ([0-9]+) of/).flatMap { Int($0.1) } ?? 0
            }
            #expect([count, count + 1].contains(made))
            guard index == 0 else { return }
            try await Self.prepare(theirs, seconds: 0)
            let judge = try await CorpusBench.installWithRPM(packages, into: theirs)
            #expect(judge.isInstalled, "\(judge.words)")
            let (we, they) = (try await CorpusBench.list(plain), try await CorpusBench.list(theirs))
            #expect(we.subtracting(they).sorted() == [], "only in ours")
            #expect(they.subtracting(we).sorted() == [], "only in rpm's")
        }
    }

    @Test("are refused as by librpm", arguments: ["dangling", "folder-wanted", "file-wanted"])
    func refused(_ kind: String) async throws {
        var messages: [String] = []
        try await Self.inBothWays("refused-\(kind)") { _, failure in messages.append(failure?.message ?? "") }
        try #require(messages.count == 2)
        #expect(messages[0].contains("unpacking of archive failed on file /\(kind)/file"))
        #expect(messages[0] == messages[1])
    }

    @Test("are left out when a scriptlet excludes them before the first package")
    func macros() async throws {
        try await Self.inBothWays("macros") { root, failure in
            #expect(failure == nil)
            let names = try await CorpusBench.shell("ls \"$1/macros\"", root.string)
            #expect(names == "file\n")
        }
    }

    @Test("are only in the root, also for a name that leads out of it")
    func outside() async throws {
        var beside: [String] = []
        try await Self.inBothWays("slash") { root, failure in
            #expect(failure == nil)
            #expect(exists(root.appending("escape")))
            beside.append(try await CorpusBench.shell("ls \"$1\"", root.removingLastComponent().string))
        }
        #expect(beside == ["root-0\n", "root-0\nroot-2\n"])
    }
}
