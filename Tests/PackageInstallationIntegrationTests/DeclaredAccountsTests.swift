import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageInstallation

/// Accounts that packages declare, compared with what systemd-sysusers makes of the same lines.
@Suite("Accounts that packages declare", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct DeclaredAccountsTests {
    /// A root and the lines of a package.
    struct Case: CustomTestStringConvertible {
        var name: String
        var lines: [String]
        var source: FilePath?
        /// Shell commands that change the root before.
        var root = ""

        var testDescription: String { name }

        init(_ name: String, _ lines: String..., source: FilePath? = nil, root: String = "") {
            self.name = name
            self.lines = lines
            self.source = source
            self.root = root
        }
    }

    /// Follows sysusers.d(5), paragraph by paragraph.
    static let cases: [Case] = [
        Case("a user with a number", #"u httpd 404 "HTTP User""#),
        Case("a user without a number", #"u postgres - "Postgresql Database" /var/lib/pgsql /libexec/postgresdb"#),
        Case("many without numbers", "u a", "u b", "g c", "u d", "g e -", "u f -"),
        Case("a group", "g input - -"),
        Case("a group with a number", "g input 104"),
        Case("an implicit user and group", "m _authd input"),
        Case("members of groups that exist", "u web", "m web daemon", "m web users", "m mail users"),
        Case("one membership twice", "m web users", "m web users", "m mail users"),
        Case("a group for two users", "u one", "u two", "g both", "m two both", "m one both"),
        Case("root", #"u root 0 "Superuser" /root /bin/zsh"#, root: ": >$1/etc/passwd; : >$1/etc/group; rm $1/etc/*shadow"),
        Case("root's shell, where bash is", "u root 0 - /root", root: ": >$1/etc/passwd; mkdir $1/bin; : >$1/bin/bash"),
        Case("root's shell without bash", "u toor 0", root: ": >$1/etc/passwd; : >$1/etc/group; rm $1/etc/*shadow"),
        Case("a range", "r - 500-510", "u a", "u b", "g c"),
        Case("a range of one", "r - 700", "u a", "u b"),
        Case("two ranges", "r - 500-501", "u a", "u b", "u c", "r - 400-450", "r - 502"),
        Case("no number left", "r - 500-501", "u a", "u b", "u c", "g d", "u e 7"),
        Case("a user and its group by number", "g web 80", "u web 81:80"),
        Case("a group by name", "g web 80", "u web 81:web", "u other -:web"),
        Case("a group that exists, by number", "u web 81:100", "u other -:100"),
        Case("a group that exists, by name", "u web 81:users"),
        Case("a group that does not exist, by number", "u web 81:555", "u next"),
        Case("a group that does not exist, by name", "u web 81:nowhere", "u next"),
        Case("the group of another user", "u first 300", "u second 301:first"),
        Case("a group of the user's name with another number", "u mail 300:100"),
        Case(
            "the owner of a file", "u _authd /usr/bin/authd", "g tty /dev/tty9",
            root: "mkdir -p $1/usr/bin $1/dev; : >$1/usr/bin/authd; chown 321:654 $1/usr/bin/authd; : >$1/dev/tty9; chgrp 5 $1/dev/tty9"),
        Case("root as the owner of a file", "u _authd /usr/bin/authd", root: "mkdir -p $1/usr/bin; : >$1/usr/bin/authd"),
        Case("an owner outside of the range", "u _authd /file", root: ": >$1/file; chown 5000:5001 $1/file"),
        Case("a missing file", "u _authd /missing", "g other /missing/too"),
        Case("a user's number that is taken", "u web 8", "u next"),
        Case("a group's number that is taken", "g web 100", "g next 2"),
        Case("a number of a group of another name", "u web 100"),
        Case("a user that exists", "u mail 55 \"other\" /home /bin/bash", "u next"),
        Case("a user that exists without its group", "u nogroup 77", root: "echo 'nogroup:x:77:100::/:/bin/sh' >>$1/etc/passwd"),
        Case("a group that exists without its user", "u users"),
        Case("two lines for one account", "u a 5 \"one\"", "u a 6 \"two\"", "g b 7", "g b 8", "u a 5 \"one\""),
        Case(
            "quotes and specifiers", #"u a - 'He said "%%"' "/srv/with space" /bin/%%"#, #"u b - "on %o %w %M|" /srv/%o"#,
            root: #"printf 'ID=guest\nVERSION_ID="9 beta"\n' >$1/etc/os-release"#),
        Case("the machine-id", "u a - %m", root: "echo 0123456789abcdef0123456789abcdef >$1/etc/machine-id"),
        Case("temporary folders and the architecture", "u a - %a %T/a", "u b - - %V"),
        Case("comments and blanks", "# no", "  u   a\t-\t", "", "   # either", "\tg b"),
        Case(
            "entries of NIS", "u a", "g b", "m a users",
            root:
                "echo '+::::::' >>$1/etc/passwd; echo 'late:x:44:44::/:/x' >>$1/etc/passwd; echo '+:::' >>$1/etc/group; echo '+::::::::' >>$1/etc/shadow"
        ),
        Case(
            "lines that are not entries", "u a", "m a users",
            root: "printf '# comment\\n\\nbroken\\nlast:x:45:45::/:/x' >>$1/etc/passwd; printf '#x\\nhalf:x\\n' >>$1/etc/group"),
        Case("bytes that are not UTF-8", "u a", root: "printf 'latin:x:46:46:J\\366rg:/:/x\\n' >>$1/etc/passwd"),
        Case("other modes and owners", "u a", root: "chmod 640 $1/etc/*shadow; chgrp 42 $1/etc/*shadow; chmod 600 $1/etc/passwd"),
        Case("no files at all", "u a", "g b 5", "m a b", root: "rm $1/etc/*"),
        Case("an entry of shadow that is older than the account", "u old 33", root: "echo 'old:secret:1:2:3:4:5:6:' >>$1/etc/shadow"),
        Case("links to the files", "u a", root: "mkdir $1/usr; mv $1/etc/passwd $1/usr/passwd; ln -s ../usr/passwd $1/etc/passwd"),
        Case(
            "accounts of other files", "u a", source: "/usr/lib/sysusers.d/m.conf",
            root:
                "mkdir -p $1/usr/lib/sysusers.d; echo 'u before' >$1/usr/lib/sysusers.d/b.conf; echo 'u after' >$1/usr/lib/sysusers.d/z.conf; echo 'r - 200-300' >$1/usr/lib/sysusers.d/r.conf; echo 'u bad.name' >$1/usr/lib/sysusers.d/x.conf"
        ),
        Case(
            "an override of the administrator", "u a 50", source: "/usr/lib/sysusers.d/a.conf",
            root: "mkdir -p $1/etc/sysusers.d; echo 'u a 60 other' >$1/etc/sysusers.d/a.conf"),
        Case(
            "an account that the administrator masks", "u a 50", source: "/usr/lib/sysusers.d/a.conf",
            root: "mkdir -p $1/etc/sysusers.d; ln -s /dev/null $1/etc/sysusers.d/a.conf"),
        Case(
            "a file that is replaced", "u a 50", source: "/usr/lib/sysusers.d/a.conf",
            root: "mkdir -p $1/usr/lib/sysusers.d; echo 'u a 60 other' >$1/usr/lib/sysusers.d/a.conf"),
        Case(
            "a file of higher rank", "u a 50", source: "/etc/sysusers.d/a.conf",
            root: "mkdir -p $1/usr/lib/sysusers.d; echo 'u a 60 other' >$1/usr/lib/sysusers.d/a.conf"),
    ]

    /// What every root of the cases has.
    private static let files = #"""
        mkdir -p $1/etc
        printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:2:2::/sbin:/sbin/nologin\nmail:x:8:12:mail:/var/mail:/sbin/nologin\n' >$1/etc/passwd
        printf 'root:x:0:\ndaemon:x:2:\nmail:x:12:mail\nusers:x:100:zoe,adam\n' >$1/etc/group
        printf 'root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nmail:*:19000:0:99999:7:::\n' >$1/etc/shadow
        printf 'root:::\ndaemon:::\nmail:::mail\nusers:::zoe,adam\n' >$1/etc/gshadow
        chmod 0 $1/etc/*shadow

        """#

    /// All account files of a root: mode, owner and content.
    private static func state(of root: FilePath) async throws -> String {
        try await shell(
            #"cd $1/etc; for file in passwd group shadow gshadow passwd- group- shadow- gshadow-; do [ -e $file ] || continue; stat -c '== %n %a %u:%g %F' $file; base64 -w0 <$file; echo; iconv -f l1 -t utf-8 $file; done"#,
            root.string)
    }

    private static func shell(_ script: String, _ arguments: String...) async throws -> String {
        try await InstallBench.program("/bin/bash").run(["-euc", script, "bash"] + arguments)
    }

    private static func judge(_ lines: [String], source: FilePath?, in root: FilePath) async throws {
        let options = ["--root=\(root)"] + (source.map { ["--replace=\($0)"] } ?? [])
        _ = try await InstallBench.program("/bin/bash").run(
            [
                "-euc", #"export SOURCE_DATE_EPOCH=$1; printf '%s\n' "$2" | systemd-sysusers "${@:3}" -"#, "bash", "\(InstallBench.epoch)",
                lines.joined(separator: "\n"),
            ] + options)
    }

    private static func make(_ lines: [String], source: FilePath?, in root: FilePath) throws -> [String] {
        var configuration = SysusersConfiguration(root: root, hostName: "localhost")
        try configuration.add(lines, source: source)
        configuration.addImplicit()
        let rules = SysusersRules(systemd: 252)
        let files = AccountFiles(root: root, day: InstallBench.epoch / 86400, rules: rules)
        let allocation = AccountAllocation(configuration, known: try files.known(), root: root, rules: rules)
        try files.add(
            allocation.users, allocation.groups, members: Dictionary(uniqueKeysWithValues: configuration.members.elements.map { ($0.key, $0.value) }))
        return configuration.warnings + allocation.warnings
    }

    @Test("are those of systemd-sysusers, byte for byte", arguments: cases)
    func likeSystemd(_ accounts: Case) async throws {
        try await InstallBench.with { bench in
            let (ours, theirs) = (bench.folder.appending("ours"), bench.folder.appending("theirs"))
            for root in [ours, theirs] { _ = try await Self.shell(Self.files + accounts.root, root.string) }
            try await Self.judge(accounts.lines, source: accounts.source, in: theirs)
            let warnings = try Self.make(accounts.lines, source: accounts.source, in: ours)
            let (made, expected) = (try await Self.state(of: ours), try await Self.state(of: theirs))
            #expect(made == expected, "\(warnings)")
            // The packages' own scriptlets come later.
            for root in [ours, theirs] { try await Self.judge(accounts.lines, source: accounts.source, in: root) }
            #expect(try await Self.state(of: ours) == Self.state(of: theirs))
        }
    }

    /// The same numbers each time (SplitMix64).
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    private static func randomLine(_ numbers: inout Numbers) -> String {
        func any(_ words: String) -> String { words.split(separator: " ").randomElement(using: &numbers).map(String.init) ?? "" }
        let names = "a b c web mail users root _x nobody"
        return switch any("u u u u g g g m m r x") {
        case "u":
            "u \(any(names)) \(any("- - - 2 8 12 100 500 999 998 0 -:a -:web 500:100 501:users 502:web 503:999 504:c -:998 /file /other /missing"))"
                + any("| |-|\"text\"|\"text\"|-").replacingOccurrences(of: "|", with: " ")
                + any("| |-|/home|/srv//x/").replacingOccurrences(of: "|", with: " ")
        case "g": "g \(any(names)) \(any("- - - 2 8 12 100 500 999 998 0 503 /file /other /missing"))"
        case "m": "m \(any(names)) \(any(names))"
        case "r": "r - \(any("500-510 900-999 7 998 100-101"))"
        default: any("u|a|b| u|a|65535 g|a|x u|a.b q|a #|u|z m|a u").replacingOccurrences(of: "|", with: " ")
        }
    }

    @Test("are those of systemd-sysusers for random lines too, refusals included")
    func random() async throws {
        let changes = [
            "", "", "chown 321:654 $1/file", "chown 5:0 $1/other", "rm $1/etc/*shadow", "echo '+::::::' >>$1/etc/passwd",
            "sed -i 's/users.*//' $1/etc/group",
            "echo 'web:x:999:100::/:/x' >>$1/etc/passwd", "echo 'web:x:998:mail' >>$1/etc/group", "echo 'a:::' >>$1/etc/gshadow",
        ]
        var numbers = Numbers(state: 1)
        for round in 0..<150 {
            var lines: [String] = []
            for _ in 0..<Int.random(in: 1...7, using: &numbers) { lines.append(Self.randomLine(&numbers)) }
            let change = changes.randomElement(using: &numbers) ?? ""
            let source: FilePath? = Bool.random(using: &numbers) ? "/usr/lib/sysusers.d/m.conf" : nil
            let more = Self.randomLine(&numbers)
            try await InstallBench.with { bench in
                let (ours, theirs) = (bench.folder.appending("ours"), bench.folder.appending("theirs"))
                for root in [ours, theirs] {
                    let text =
                        Self.files + ": >$1/file; : >$1/other; mkdir -p $1/usr/lib/sysusers.d; echo '\(more)' >$1/usr/lib/sysusers.d/b.conf\n"
                        + change
                    _ = try await Self.shell(text, root.string)
                }
                var isTaken = true
                do { try await Self.judge(lines, source: source, in: theirs) } catch HostSystemError.toolFailed { isTaken = false }
                var refusal: (any Error)?
                do { _ = try Self.make(lines, source: source, in: ours) } catch { refusal = error }
                #expect(isTaken == (refusal == nil), "round \(round): \(lines) after \(more): \(refusal.map { "\($0)" } ?? "taken")")
                #expect(
                    try await Self.state(of: ours) == Self.state(of: theirs),
                    "round \(round): \(lines) after \(more), \(change), \(source?.string ?? "")")
            }
        }
    }
}
