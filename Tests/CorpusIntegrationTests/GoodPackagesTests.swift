import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// Compared with plain rpm's result for the same packages.
@Suite("Good packages", .enabled(if: CorpusBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct GoodPackagesTests {
    static let content = ["tools", "content", "accounts", "shared", "link", "through-link"]
    static let scriptlets = ["tools"] + ["sh", "bash", "lua", "trigger", "filetrigger", "target", "other"].map { "scriptlets-\($0)" }

    private static func compare(
        _ names: [String], prepare: String = "true", bare: Bool = false, _ look: (FilePath) async throws -> Void
    ) async throws {
        try await CorpusBench.with { folder in
            let (ours, theirs) = (folder.appending("ours"), folder.appending("theirs"))
            for root in [ours, theirs] {
                try createDirectories(root)
                _ = try await CorpusBench.shell("cd \"$1\"; \(prepare)", root.string)
            }
            var files: [FilePath] = []
            for name in names { files.append(try await CorpusBench.file(name)) }
            let result = try await CorpusBench.install(files, into: ours)
            #expect(result.failure == nil)
            let judge = try await CorpusBench.installWithRPM(files, into: theirs, bare: bare)
            #expect(judge.isInstalled, "\(judge.words)")
            let (we, they) = (try await CorpusBench.list(ours), try await CorpusBench.list(theirs))
            #expect(we.subtracting(they).sorted() == [], "only in ours")
            #expect(they.subtracting(we).sorted() == [], "only in rpm's")
            try await look(ours)
        }
    }

    @Test("every kind of file is installed as by rpm")
    func files() async throws {
        try await Self.compare(Self.content, prepare: "mkdir linked; echo old > linked/old") { root in
            let facts = try await CorpusBench.shell(
                """
                cd "$1/content"
                stat -c '%n %a %u:%g %h' hard-1 setuid both owned block setgid
                stat -c '%n %t:%T' block character
                getcap caps; getfattr --only-values -n user.corpus plain; echo
                ls | awk 'length > 100' | wc -c
                readlink ../linked; cat ../linked/b; cat ../linked.rpmmoved/old
                """, root.string)
            #expect(
                facts == """
                    hard-1 644 0:0 3
                    setuid 4755 0:0 1
                    both 6711 4711:4712 1
                    owned 640 4711:4712 1
                    block 660 0:4712 1
                    setgid 2775 0:4712 2
                    block 7:c8
                    character 1:3
                    caps cap_net_raw=ep
                    value
                    494
                    real
                    b
                    old

                    """)
        }
    }

    @Test("every kind of scriptlet runs when rpm runs it, in sh, bash and Lua; those of removals and checks never run")
    func scriptlets() async throws {
        try await Self.compare(Self.scriptlets) { root in
            let log = try readText(root.appending("log"))
            for line in [
                "pretrans lua true", "pre sh 1", "post sh 1", "posttrans sh 1", "pre bash bash", "post lua 1",
                "triggerprein 1 0", "triggerin 1 1", "triggerin lua 1 1", "filetriggerin /usr/share/corpus/target",
                "transfiletriggerin /usr/share/corpus/other", "transfiletriggerin lua /usr/share/corpus/other",
            ] {
                #expect(log.contains(line + "\n"), "\(line)\nin\n\(log)")
            }
            #expect(!log.contains("preun") && !log.contains("postun"))
        }
    }

    @Test("output is attributed to its scriptlet, including Lua's")
    func output() async throws {
        try await CorpusBench.with { folder in
            let result = try await CorpusBench.install(Self.scriptlets, into: folder.appending("root"))
            #expect(
                result.events.contains(
                    .output(source: "corpus-scriptlets-sh-1-1.noarch %post", text: "on standard output\non standard error\n")))
            #expect(result.events.contains(.output(source: "corpus-scriptlets-lua-1-1.noarch %pretrans", text: "Lua prints\n")))
            #expect(result.warnings == [])
        }
    }

    @Test("files in /tmp, /dev, /proc and /sys, which are mounted over, are installed as by rpm")
    func places() async throws {
        try await Self.compare(["places"], bare: true) { root in
            let facts = try await CorpusBench.shell(
                "cd \"$1\"; cat dev/inner/deep tmp/folder/file; stat -c %Y tmp dev/regular", root.string)
            #expect(facts == "deep\nin tmp\n1500000000\n1500000000\n")
        }
    }

    /// rpm itself, given the place, must find all packages unchanged.
    @Test(
        "the package database is where the packages' macros put it",
        arguments: [("image", "/usr/lib/sysimage/rpm"), ("place", "/var/packages"), ("accounts", "/var/lib/rpm")])
    func database(_ package: String, _ place: String) async throws {
        let name = package == "accounts" ? package : "database-\(package)"
        try await CorpusBench.with { folder in
            let root = folder.appending("root")
            let result = try await CorpusBench.install(["tools", name], into: root)
            #expect(result.failure == nil)
            let answers = try await CorpusBench.shell(
                """
                find "$1" -name rpmdb.sqlite -printf '/%P\\n'
                rpm --root "$1" --dbpath "$2" -qa --qf '%{NAME}\\n' | sort
                rpm --root "$1" --dbpath "$2" -Va --nodeps || true
                rpmdb --root "$1" --dbpath "$2" --verifydb && echo verified
                """, root.string, place)
            let changed = package == "accounts" ? "S.5....T.    /etc/group\nS.5....T.    /etc/passwd\n" : ""
            #expect(answers == "\(place)/rpmdb.sqlite\ncorpus-\(name)\ncorpus-tools\n\(changed)verified\n")
        }
    }

    @Test("files of scriptlets in /tmp are removed; those of packages and underlays stay, and scriptlets see them")
    func temporary() async throws {
        try await CorpusBench.with { folder in
            let root = folder.appending("root")
            _ = try await CorpusBench.shell("mkdir -p \"$1/tmp\"; echo laid > \"$1/tmp/underlay\"", root.string)
            let result = try await CorpusBench.install(["tools", "places", "places-user"], into: root)
            #expect(result.failure == nil)
            #expect(result.output == "in tmp\nlaid\n")
            let left = try await CorpusBench.shell("cd \"$1/tmp\"; find . -mindepth 1 | sort", root.string)
            #expect(left == "./folder\n./folder/file\n./kept\n./underlay\n")
            #expect(try await CorpusBench.shell("ls \"$1/srv\"", root.string) == "beyond\n")
        }
    }

    /// Once with the folders in memory and once as on a build host with little memory.
    @Test("temporary folders without files of packages have owner and mode of their package", arguments: [true, false])
    func temporaryFolders(inMemory: Bool) async throws {
        try await CorpusBench.with { folder in
            let root = folder.appending("root")
            let result = try await CorpusBench.install(["tools", "places-temporary"], into: root) { job in
                job.temporaryBytes = inMemory ? 1 << 20 : nil
            }
            #expect(result.failure == nil)
            let kinds = result.output.split(separator: "\n")
            #expect(kinds.map { $0.prefix { $0 != " " } } == ["/tmp", "/var/tmp"])
            #expect(kinds.allSatisfy { $0.hasSuffix(" tmpfs") == inMemory })
            let left = try await CorpusBench.shell(
                """
                cd "$1"; find tmp var/tmp -printf '%p %m %U:%G %Ts\n'
                rpm --root "$1" --dbpath /var/lib/rpm -Va --nodeps
                rpm --root "$1" --dbpath /var/lib/rpm -qa --state | grep tmp | sort
                """, root.string)
            #expect(
                left == """
                    tmp 1777 0:0 1500000000
                    var/tmp 1777 0:0 1500000000
                    normal        /tmp
                    normal        /var/tmp

                    """)
        }
    }

    @Test("files below a link to a folder are installed as by rpm")
    func links() async throws {
        try await CorpusBench.with { folder in
            _ = try await CorpusBench.shell(
                """
                mkdir -p "$1"/{seen,elsewhere/deep}; ln -s ../elsewhere "$1/seen/relative"; ln -s "$1/elsewhere" "$1/seen/absolute"
                ln -s seen "$1/alias"; ln -s seen/relative/deep "$1/through"
                for place in seen elsewhere/deep; do cp "$2" "$3" "$1/$place"; done
                """, folder.string, try await CorpusBench.file("tools").string, try await CorpusBench.file("places").string)
            let names = (try await CorpusBench.file("tools").lastComponent, try await CorpusBench.file("places").lastComponent)
            let (tools, places) = (try #require(names.0), try #require(names.1))
            var roots = 0
            for (first, second) in [
                ("seen", "seen/relative/deep"), ("seen", "seen/absolute/deep"), ("alias", "alias/absolute/deep"), ("through", "seen"),
                ("alias/relative/deep", "seen/absolute/deep"),
            ] {
                roots += 1
                let files = [folder.pushing(FilePath(first)).appending(tools), folder.pushing(FilePath(second)).appending(places)]
                let result = try await CorpusBench.install(files, into: folder.appending("root-\(roots)"))
                #expect(result.failure == nil, "\(first), \(second)")
                #expect(result.outcome?.packageCount == 2)
            }
        }
    }

    @Test("a FIFO, on which rpm 4.18 hangs, is installed")
    func fifo() async throws {
        try await CorpusBench.with { folder in
            let result = try await CorpusBench.install(["fifo"], into: folder.appending("root"))
            #expect(result.failure == nil)
            #expect(try await CorpusBench.shell("stat -c '%F %a %U' \"$1/root/content/fifo\"", folder.string) == "fifo 620 root\n")
        }
    }

    @Test("of two colours of a program the machine's own is kept, whatever the order")
    func colours() async throws {
        for names in [
            ["corpus-colours-1-1.i686.rpm", "corpus-colours-1-1.x86_64.rpm"], ["corpus-colours-1-1.x86_64.rpm", "corpus-colours-1-1.i686.rpm"],
        ] {
            try await Self.compare(names) { root in
                let kind = try await CorpusBench.shell("file -b \"$1/usr/bin/coloured\"", root.string)
                #expect(kind.contains("64-bit"), "\(kind)")
            }
        }
    }

    @Test("a file of more than 4 GiB is installed", .enabled(if: CorpusBench.asksAll, "DISCOGRAPHER_TEST_ALL=1"))
    func large() async throws {
        try await CorpusBench.with { folder in
            try await CorpusBench.program(CorpusBench.corpus.appending("make-packages")).run([
                "--large", folder.appending("packages").string, CorpusBench.canary.string,
            ])
            let file = folder.pushing("packages/corpus-large-1-1.noarch.rpm")
            let result = try await CorpusBench.install([file], into: folder.appending("root"))
            #expect(result.failure == nil)
            let facts = try await CorpusBench.shell("cd \"$1/root/content\"; stat -c %s large; tail -c 7 large; rm large", folder.string)
            #expect(facts == "4508876807\nthe end")
        }
    }
}
