import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageInstallation

@Suite("Lines of sysusers.d")
struct SysusersTests {
    private let specifiers = SysusersSpecifiers(root: "/nonexistent", hostName: "localhost")

    private func account(_ line: String) throws -> AccountRequest? {
        if case .account(let account) = try SysusersLine(line, specifiers: specifiers) { account } else { nil }
    }

    @Test("have six fields, with the quoting of systemd")
    func fields() throws {
        #expect(
            try SysusersLine.words(of: #"u  brew 471 "Brewing 'the' \"best\"" /var/lib/b\ c"#) == [
                "u", "brew", "471", #"Brewing 'the' "best""#, "/var/lib/b c",
            ])
        #expect(try SysusersLine.words(of: #"a"b c"'d'"" "" '\''"#) == ["ab cd", "", "'"])
        for line in [#"u "a"#, #"u a\"#] { #expect(throws: SysusersLine.Malformed.self) { try SysusersLine.words(of: line) } }
    }

    @Test("ask for accounts")
    func accounts() throws {
        #expect(
            try account("u! db 26:postgres \"Data base\" /var//lib/./db/ /bin/bash")
                == AccountRequest(
                    kind: .user, name: "db", userNumber: 26, groupName: "postgres", comment: "Data base", home: "/var/lib/db", shell: "/bin/bash",
                    isLocked: true))
        #expect(try account("u a -:7") == AccountRequest(kind: .user, name: "a", groupNumber: 7, needsGroup: true))
        #expect(try account("u a - - - -") == AccountRequest(kind: .user, name: "a"))
        #expect(try account("g a /usr//bin/a") == AccountRequest(kind: .group, name: "a", path: "/usr/bin/a"))
        #expect(try account("u a - 100%%")?.comment == "100%")
    }

    @Test(
        "are refused as systemd refuses them",
        arguments: [
            "x a", "u", "u -", "g -", "u 1a", "u -a", "u a.b", "u abcdefghijklmnopqrstuvwxyzabcdef", "u a 65535", "u a 4294967295", "u a 007",
            "u a +7", "u a 7:", "u a :7",
            "u a 1:b.c", "g a 1:2", "u a - a:b", "u a - - home", "u a - - /a/../b", "u a - - - shell", "g a - comment", "g a - - /", "m a", "m a -",
            "m a b c", "m - b", "r - -",
            "r a 1-2", "r - 5-1", "r - 5-", "r - 1-2 x", "u a - - - - more", "u a %z", "u a %v", "u a %o", "g! a", "u!! a",
        ])
    func refusals(_ line: String) throws {
        #expect(throws: SysusersLine.Malformed.self) { try SysusersLine(line, specifiers: specifiers) }
    }

    @Test("of packages are decoded with and without rpm's padding")
    func decoding() {
        // The example of rpm-sysusers(7).
        #expect(
            AccountDeclarations.decode("dSBkbnNtYXNxIC0gIkRuc21hc3EgREhDUCBhbmQgRE5TIHNlcnZlciIgL3Zhci9saWIvZG5zbWFzcQAA")
                == #"u dnsmasq - "Dnsmasq DHCP and DNS server" /var/lib/dnsmasq"#)
        #expect(AccountDeclarations.decode("ZyBhIC0") == "g a -")
        #expect(AccountDeclarations.decode("1.0-1") == nil)
        #expect(AccountDeclarations.decode("ZyBhI") == nil)
    }

    @Test("add ranges to one pool, which is used from its end")
    func ranges() {
        var range = IdentityRange()
        for next in [500...510, 300...310, 311...320, 505...520] as [ClosedRange<UInt32>] { range.insert(next) }
        #expect(range.ranges == [300...320, 500...520])
        #expect(range.next(below: .max) == 520)
        #expect(range.next(below: 500) == 320)
        #expect(range.next(below: 300) == nil)
    }

    @Test("give root the password that systemd-firstboot looks for, since systemd 254")
    func rootPassword() {
        #expect(SysusersRules(systemd: 252).password(of: "root") == "!*")
        #expect(SysusersRules(systemd: 254).password(of: "root") == "!unprovisioned")
        #expect(SysusersRules(systemd: nil).password(of: "daemon") == "!*")
    }
}
