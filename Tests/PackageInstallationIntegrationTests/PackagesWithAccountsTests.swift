import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// Whole installations of packages that declare accounts: passwd and the like are those of systemd-sysusers, and the files are the accounts'.
@Suite("Packages with accounts", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct PackagesWithAccountsTests {
    /// A file and a folder of each kind of ownership.
    private static func files(of name: String, _ owner: String, _ group: String) -> [String] {
        [
            "%dir %attr(0750, \(owner), \(group)) /srv/\(name)/folder", "%attr(0640, \(owner), \(group)) /srv/\(name)/folder/file",
            "%attr(0640, root, \(group)) /srv/\(name)/shared", "/srv/\(name)/plain",
        ]
    }

    private static func package(_ name: String, _ configuration: String..., owner: String? = nil, group: String? = nil) -> AccountPackage {
        AccountPackage(name: name, configuration: configuration, files: owner.map { files(of: name, $0, group ?? $0) } ?? [])
    }

    private static func declaring(_ name: String, _ lines: String..., owner: String? = nil, group: String? = nil) -> AccountPackage {
        AccountPackage(name: name, lines: lines, files: owner.map { files(of: name, $0, group ?? $0) } ?? [])
    }

    /// In the order of installation, which their requirements make.
    private static let packages: [AccountPackage] = {
        var packages = [
            AccountPackage.base,
            package("brew", #"u brewd 471 "Brewing daemon" /var/lib/brewd -"#, owner: "brewd"),
            package("dns", #"u dnsmasq - "Dnsmasq DHCP and DNS server" /var/lib/dnsmasq"#, owner: "dnsmasq"),
            declaring("klang", "g klang -", "u klangd - \"Klang server\" /var/lib/klangd /sbin/nologin", owner: "klangd", group: "klang"),
            package("klong", "g klong -", "m klangd klong", owner: "klangd", group: "klong"),
            declaring("web", "g web 80", "u web 80:web", owner: "web"),
            package("member", "m web users", "m mail web"),
            declaring("implicit", "m ghost ghosts", owner: "ghost", group: "ghosts"),
            package("owned", "u owned /srv/brew/folder", owner: "owned"),
            package("comments", "# Not a line", "", "u quiet -", owner: "quiet"),
            package("taken", "u taken 471", owner: "taken"),
            package("group", "g input 104", owner: "root", group: "input"),
            package("other-group", "u logger 105:input", owner: "logger", group: "input"),
            package("users-group", "u janitor -:users", owner: "janitor", group: "users"),
            package("shell", "u shelly 500 - /home/shelly /bin/bash", owner: "shelly"),
            package("quoted", #"u quoted - 'single quotes' /srv/quoted"#, owner: "quoted"),
            package("two", "u first -", "u second -", "g third -", owner: "second", group: "third"),
            declaring("two-lines", "u fourth -", "u fifth -", owner: "fourth", group: "fifth"),
            package("again", #"u brewd 471 "Brewing daemon" /var/lib/brewd -"#, owner: "brewd"),
            package("conflict", #"u brewd 600 "Another" /"#, owner: "brewd"),
            package("range", "r - 300-310", "u ranged -", owner: "ranged"),
            package("after-range", "u next -", owner: "next"),
            package("mail", "u mail -", owner: "mail"),
            package("nobody", "g nobody 65534", "u nobody 65534:65534 \"Kernel Overflow User\"", owner: "nobody"),
            declaring("high", "u high 70000", owner: "high"),
            package("root-group", "u admin 0:0", owner: "admin", group: "root"),
            package("minus", "u dashed - - - -", owner: "dashed"),
            package("underscore", "u _name-1 -", owner: "_name-1"),
            package("longest", "u abcdefghijklmnopqrstuvwxyzabcde -", owner: "abcdefghijklmnopqrstuvwxyzabcde"),
            package("percent", #"u percent - "100%%" /srv/%%"#, owner: "percent"),
            package("last", "u last -", "m last input", "m last web", owner: "last", group: "input"),
        ]
        for index in packages.indices.dropFirst() { packages[index].relations.append("Requires: \(packages[index - 1].name)") }
        return packages
    }()

    /// So that the guest has the rules of the judge.
    private static func systemd() async throws -> AccountPackage {
        let version = try await shell("systemd-sysusers --version | sed -n '1s/systemd \\([0-9]*\\).*/\\1/p'").trimmingCharacters(
            in: .whitespacesAndNewlines)
        return AccountPackage(name: "systemd", version: version)
    }

    private static func shell(_ script: String, _ arguments: String...) async throws -> String {
        try await InstallBench.program("/bin/bash").run(["-euc", script, "bash"] + arguments)
    }

    private static func state(of root: FilePath) async throws -> String {
        try await shell(
            #"cd $1/etc; for file in passwd group shadow gshadow passwd- group- shadow- gshadow-; do stat -c '== %n %a %u:%g %F' $file; cat $file; done"#,
            root.string)
    }

    @Test("get their accounts before their files, as rpm 4.20 with systemd-sysusers makes them, and the same on each build")
    func likeRPM() async throws {
        try await InstallBench.with { bench in
            let all = Self.packages + [try await Self.systemd()]
            let files = try await AccountPackage.build(all, in: bench.folder.appending("packages"))
            // What rpm 4.20 does: systemd-sysusers for each source, then the package's files.
            let judged = bench.folder.appending("judged")
            for package in all {
                for (lines, options) in [(package.lines, []), (package.configuration, package.source.map { ["--replace=\($0)"] } ?? [])]
                    as [([String], [String])]
                where !lines.isEmpty {
                    _ = try await InstallBench.program("/bin/bash").run(
                        ["-euc", #"export SOURCE_DATE_EPOCH=$1; printf '%s\n' "$2" | systemd-sysusers "${@:3}" -"#, "bash", "\(InstallBench.epoch)"]
                            + [
                                lines.filter { !$0.isEmpty && !$0.hasPrefix("#") && !$0.hasPrefix("r ") }.sorted { Self.order($0) < Self.order($1) }
                                    .joined(separator: "\n")
                            ]
                            + ["--root=\(judged)"] + options)
                }
                _ = try await Self.shell(
                    #"mkdir -p $2; cd $2; rpm2cpio $1 | cpio --quiet -idm --no-preserve-owner"#, "\(bench.folder)/packages/\(package.name).rpm",
                    judged.string)
            }
            for root in ["one", "two"] {
                let outcome = try await bench.run(try bench.job(files, into: root))
                #expect(outcome.failedScriptlets == [])
                #expect(!outcome.warnings.contains { $0.text.contains("does not exist") }, "\(outcome.warnings)")
                #expect(outcome.warnings.contains { $0.text.contains("taken-1-1.noarch") && $0.text.contains("u taken 471") }, "\(outcome.warnings)")
                #expect(outcome.warnings.contains { $0.text.contains("conflict-1-1.noarch") && $0.text.contains("brewd") }, "\(outcome.warnings)")
                let made = bench.folder.appending(root)
                #expect(try await Self.state(of: made) == Self.state(of: judged))
                #expect(try await verify(made) == "")
                let owners = try await owners(in: made)
                #expect(owners["/srv/brew/folder"] == "471:471")
                #expect(owners["/srv/web/shared"] == "0:80")
                #expect(owners["/srv/brew/plain"] == "0:0")
            }
        }
    }

    /// rpmbuild sorts a package's provides by name.
    private static func order(_ line: String) -> String {
        AccountPackage.provides(line)[0]
    }

    /// What `rpm -Va` of the root says.
    private func verify(_ root: FilePath) async throws -> String {
        try await Self.shell("rpm --root $1 --dbpath /var/lib/rpm -Va --nodeps || true", root.string)
    }

    private func owners(in root: FilePath) async throws -> [String: String] {
        let list = try await Self.shell("cd $1; find ./srv -printf '%P\\t%U:%G\\n'", root.string)
        return Dictionary(
            uniqueKeysWithValues: list.split(separator: "\n").map { line in
                let parts = line.split(separator: "\t")
                return ("/srv/\(parts[0])", String(parts[parts.count - 1]))
            })
    }

    private func install(_ packages: [AccountPackage], in bench: InstallBench) async throws -> (root: FilePath, outcome: InstallOutcome) {
        let files = try await AccountPackage.build(packages, in: bench.folder.appending("packages"))
        let outcome = try await bench.run(try bench.job(files, into: "root"))
        return (bench.folder.appending("root"), outcome)
    }

    @Test("find the accounts in their %pre, and those of packages that need them are theirs too")
    func scriptlets() async throws {
        try await InstallBench.with { bench in
            var first = Self.declaring("first", "u first 310", owner: "first")
            first.relations = ["Requires: base"]
            first.sections = [
                """
                %pre -p <lua>
                for line in io.lines("/etc/passwd") do
                    if line:sub(1, 6) == "first:" then return end
                end
                error("the account is missing")
                """
            ]
            // Its file is looked up before the account exists.
            var early = AccountPackage(name: "early", files: ["%attr(0644, late, late) /srv/early/file"])
            early.relations = ["Requires: first"]
            var late = Self.declaring("late", "u late 320", owner: "late")
            late.relations = ["Requires: early"]
            let (root, outcome) = try await install([.base, first, early, late], in: bench)
            let owners = try await owners(in: root)
            #expect(owners["/srv/first/folder/file"] == "310:310")
            #expect(owners["/srv/early/file"] == "0:0")
            #expect(owners["/srv/late/folder"] == "320:320")
            #expect(owners["/srv/late/shared"] == "0:320")
            #expect(outcome.warnings.contains { $0.text.contains("user late does not exist") }, "\(outcome.warnings)")
        }
    }

    @Test("are refused when a line is not one of sysusers.d, with the package and the line")
    func malformed() async throws {
        try await InstallBench.with { bench in
            var bad = Self.declaring("bad", "u bad 4294967295")
            bad.relations = ["Requires: base"]
            let files = try await AccountPackage.build([.base, bad], in: bench.folder.appending("packages"))
            let failure = await #expect(throws: WorkerFailure.self) { try await bench.run(try bench.job(files, into: "root")) }
            #expect(failure?.message.contains("bad-1-1.noarch") == true, "\(failure?.message ?? "")")
            #expect(failure?.message.contains("'u bad 4294967295': '4294967295' is not a user id") == true)
        }
    }

    @Test("that come before passwd itself lose their accounts, as with rpm, and a warning says so")
    func lost() async throws {
        try await InstallBench.with { bench in
            let early = Self.declaring("early", "u early 310")
            var base = AccountPackage.base
            base.relations = ["Requires: early"]
            let (root, outcome) = try await install([early, base], in: bench)
            #expect(try !readText(root.pushing("etc/passwd")).contains("early:"))
            #expect(outcome.warnings.contains { $0.text.contains("early-1-1.noarch: the user 'early'") }, "\(outcome.warnings)")
        }
    }

    @Test("of a guest whose rpm is older than 4.19 make their accounts themselves")
    func olderRPM() async throws {
        try await InstallBench.with { bench in
            var package = Self.declaring("old", "u old 310")
            package.relations = ["Requires: base"]
            let (root, _) = try await install([.base, package, AccountPackage(name: "rpm", version: "4.16.1.3")], in: bench)
            #expect(try !readText(root.pushing("etc/passwd")).contains("old:"))
        }
    }

    @Test("get them in a guest without /etc, with root's password for systemd-firstboot")
    func withoutFiles() async throws {
        try await InstallBench.with { bench in
            let (root, _) = try await install([Self.declaring("alone", "u! alone - - /", "u root 0 - /root", owner: "alone")], in: bench)
            #expect(try readText(root.pushing("etc/passwd")) == "alone:x:999:999::/:/usr/sbin/nologin\nroot:x:0:0::/root:/bin/sh\n")
            let day = InstallBench.epoch / 86400
            #expect(try readText(root.pushing("etc/shadow")) == "alone:!*:\(day):::::1:\nroot:!unprovisioned:\(day)::::::\n")
            #expect(try await owners(in: root)["/srv/alone/folder"] == "999:999")
        }
    }
}
