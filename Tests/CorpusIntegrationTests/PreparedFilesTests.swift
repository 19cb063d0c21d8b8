import ConfigurationTree
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// Files that another process makes before their package's turn. The first package's scriptlet runs long enough for that.
@Suite("Prepared files", .enabled(if: CorpusBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct PreparedFilesTests {
    static let packages =
        ["tools", "prepared"]
        + ["plain", "linked", "taken", "configured", "shared-1", "shared-2", "shared-3"].map { "prepared-\($0)" }

    /// What is left out, and how many packages' files are made before their turn then: not those of a package that is installed in part, nor those
    /// whose places are taken.
    static let variants: [(change: @Sendable (inout InstallJob) -> Void, count: Int)] = [
        ({ _ in }, 5), ({ $0.excludedPaths = ["/plain/b", "/shared-3"] }, 1), ({ $0.transactionFlags = [.nodocs] }, 4),
        ({ $0.excludedPaths = ["/linked/tool", "/plain/zero"] }, 3),
    ]

    private static func prepare(_ root: FilePath, seconds: Int) async throws {
        _ = try await CorpusBench.shell(
            """
            mkdir -p "$1/etc/prepared"; cd "$1"; echo "$2" > wait
            for name in kept renamed; do echo old > etc/prepared/$name; touch -d @1500000000 etc/prepared/$name; done
            """, root.string, "\(seconds)")
    }

    /// Everything, times and the bytes of the package database too.
    static func fingerprint(_ root: FilePath) async throws -> Set<Substring> {
        let lines = try await CorpusBench.shell(
            """
            cd "$1"
            {
                find . -printf '%p|%y|%m|%U:%G|%n|%l|%T@\\n' | sort
                find . -type f -print0 | sort -z | xargs -0r sha256sum
                find . -links +1 -type f -printf '%i %p\\n' | sort -k2 | awk '{ if (!($1 in first)) first[$1] = $2; print $2, first[$1] }'
                getfattr -R -h -d -m - . 2>/dev/null
            } | LC_ALL=C cat -v
            """, root.string)
        return Set(lines.split(separator: "\n"))
    }

    @Test("are the same as librpm's, to the byte and the second", arguments: PreparedFilesTests.variants.indices)
    func same(_ index: Int) async throws {
        let (change, count) = Self.variants[index]
        try await CorpusBench.with { folder in
            let (plain, theirs) = (folder.appending("plain"), folder.appending("theirs"))
            try await Self.prepare(plain, seconds: 0)
            let unprepared = try await CorpusBench.install(Self.packages, into: plain) { job in
                change(&job)
                job.preparesFiles = false
            }
            #expect(unprepared.failure == nil)
            #expect(!unprepared.log.contains("before their turn"))
            let expected = try await Self.fingerprint(plain)
            // A busy host needs longer.
            var log = ""
            for seconds in [1, 8, 30] where !log.contains("the files of \(count) of 9 packages were made before their turn") {
                let root = folder.appending("prepared-\(seconds)")
                try await Self.prepare(root, seconds: seconds)
                let result = try await CorpusBench.install(Self.packages, into: root, change: change)
                #expect(result.failure == nil)
                let actual = try await Self.fingerprint(root)
                #expect(actual.subtracting(expected).sorted() == [], "only with files that were made before their turn")
                #expect(expected.subtracting(actual).sorted() == [], "only with librpm's own")
                log = result.log
            }
            #expect(log.contains("the files of \(count) of 9 packages were made before their turn"), "\(log)")
            guard index == 0 else { return }
            try await Self.prepare(theirs, seconds: 0)
            var files: [FilePath] = []
            for name in Self.packages { files.append(try await CorpusBench.file(name)) }
            let judge = try await CorpusBench.installWithRPM(files, into: theirs)
            #expect(judge.isInstalled, "\(judge.words)")
            let (we, they) = (try await CorpusBench.list(plain), try await CorpusBench.list(theirs))
            #expect(we.subtracting(they).sorted() == [], "only in ours")
            #expect(they.subtracting(we).sorted() == [], "only in rpm's")
        }
    }

    @Test("do not follow a link that librpm does not follow: one of an ordinary user")
    func users() async throws {
        try await CorpusBench.with { folder in
            for (seconds, prepares) in [(0, false), (2, true)] {
                let root = folder.appending("root-\(seconds)")
                try await Self.prepare(root, seconds: seconds)
                let result = try await CorpusBench.install(["tools", "prepared", "prepared-users"], into: root) { $0.preparesFiles = prepares }
                #expect(result.failure?.kind == .transaction)
                #expect(result.failure?.message.contains("corpus-prepared-users") == true, "\(result.failure?.message ?? "")")
                #expect(!exists(root.pushing("elsewhere/file")))
            }
        }
    }

    @Test("are lost with the mount in a folder that is mounted over, as librpm's")
    func covered() async throws {
        try await CorpusBench.with { folder in
            for (seconds, prepares) in [(0, false), (2, true)] {
                let root = folder.appending("root-\(seconds)")
                try await Self.prepare(root, seconds: seconds)
                let result = try await CorpusBench.install(["tools", "prepared", "prepared-covered"], into: root) { $0.preparesFiles = prepares }
                #expect(result.failure == nil)
                #expect(try await CorpusBench.shell("readlink \"$1/into-dev\"; ls -A \"$1/dev\"", root.string) == "/dev\n")
            }
        }
    }
}
