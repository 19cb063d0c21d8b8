import Foundation
import SystemPackage
import Testing

@testable import RootFilesystem

@Suite("Accounts of the root")
struct AccountsTests {
    private let accounts = Accounts(
        passwd: "root:x:0:0::/:/bin/sh\nwww:x:4711:33::/:\n\nbroken\nodd:x:many:0::/:\nwww:x:1:1::/:\n12:x:77:77::/:\n",
        group: "root:x:0:\nadm:x:4:www\nbig:x:4294967294:\n")

    @Test("the first line of a name counts")
    func names() {
        #expect(accounts.user("www") == 4711)
        #expect(accounts.group("adm") == 4)
        #expect(accounts.group("big") == 4_294_967_294)
        #expect(accounts.user("adm") == nil)
        #expect(accounts.user("odd") == nil)
        #expect(accounts.user("broken") == nil)
    }

    @Test("a name that looks like a number comes before the number, as in chown(1)")
    func numbers() {
        #expect(accounts.user("1000") == 1000)
        #expect(accounts.user("12") == 77)
        for text in ["", "+5", "-1", " 1", "0x10", "4294967296", "٣"] {
            #expect(accounts.user(text) == nil, "\(text)")
        }
        // chown(2) treats it as "unchanged".
        #expect(accounts.user("4294967295") == nil)
    }

    @Test("an empty root has the user and group root")
    func empty() {
        #expect(Accounts(passwd: "", group: "").user("root") == 0)
        #expect(Accounts(passwd: "", group: "").group("root") == 0)
        #expect(Accounts(passwd: "root:x:5:5::/:", group: "").user("root") == 5)
    }
}

@Suite("rpm's order of versions")
struct RPMVersionTests {
    /// From rpm's own tests/rpmvercmp.at (4.18), with `<` or `=` between two versions.
    @Test(
        "as in rpm's test suite",
        arguments: [
            "1.0 = 1.0", "1.0 < 2.0", "2.0.1 = 2.0.1", "2.0 < 2.0.1", "2.0.1a = 2.0.1a", "2.0.1 < 2.0.1a",
            "5.5p1 < 5.5p2", "5.5p1 < 5.5p10", "10xyz < 10.1xyz", "xyz10 < xyz10.1", "xyz.4 < xyz.10", "xyz.4 < 8",
            "xyz.4 < 2", "5.5p2 < 5.6p1", "5.6p1 < 6.5p1", "6.0 < 6.0.rc1", "10a2 < 10b2", "1.0a < 1.0aa",
            "10.0001 = 10.0001", "10.0001 = 10.1", "10.0001 < 10.0039", "4.999.9 < 5.0", "20101121 < 20101122",
            "2_0 = 2_0", "2.0 = 2_0", "a = a", "a+ = a_", "+a = _a", "+ = _", "1.0~rc1 = 1.0~rc1", "1.0~rc1 < 1.0",
            "1.0~rc1 < 1.0~rc2", "1.0~rc1~git123 < 1.0~rc1", "1.0^ = 1.0^", "1.0 < 1.0^", "1.0 < 1.0git1^",
            "1.0^git1 < 1.0^git2", "1.0^git1 < 1.01", "1.0^20160101 < 1.0.1", "1.0^20160101^git1 = 1.0^20160101^git1",
            "1.0^20160101 < 1.0^20160102", "1.0^20160101 < 1.0^20160101^git1", "1.0~rc1 < 1.0~rc1^git1",
            "1.0^git1~pre < 1.0^git1", "1b.fc17 = 1b.fc17", "1b.fc17 < 1.fc17",
        ])
    func order(_ line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        let (left, right) = (RPMVersion(words[0]), RPMVersion(words[2]))
        #expect((left < right) == (words[1] == "<"))
        #expect((left == right) == (words[1] == "="))
        #expect(!(right < left))
    }
}

@Suite("Kernels of a root")
struct KernelFinderTests {
    private func root(_ files: [String], links: [String: String] = [:], _ body: (FilePath) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in files {
            let url = folder.appendingPathComponent(file)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data().write(to: url)
        }
        for (name, target) in links {
            let url = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: url.path, withDestinationPath: target)
        }
        try body(FilePath(folder.path))
    }

    @Test("are sorted newest first, the rescue kernel last, each with its initramfs by any distribution's name")
    func order() throws {
        try root([
            "boot/vmlinuz-5.14.0-70.el9.x86_64", "boot/initramfs-5.14.0-70.el9.x86_64.img",
            "boot/vmlinuz-5.14.0-362.el9.x86_64", "boot/initrd.img-5.14.0-362.el9.x86_64",
            "boot/vmlinuz-6.1.0-9-amd64", "boot/vmlinuz-6.1.0-10-amd64", "boot/initrd-6.1.0-10-amd64",
            "boot/vmlinuz-0-rescue-f00", "boot/vmlinuz", "boot/config-6.1.0-9-amd64",
        ]) { root in
            let kernels = try KernelFinder.kernels(in: root)
            #expect(
                kernels.map(\.release) == [
                    "6.1.0-10-amd64", "6.1.0-9-amd64", "5.14.0-362.el9.x86_64", "5.14.0-70.el9.x86_64", "0-rescue-f00",
                ])
            #expect(
                kernels.map(\.initramfs) == [
                    "/boot/initrd-6.1.0-10-amd64", nil, "/boot/initrd.img-5.14.0-362.el9.x86_64",
                    "/boot/initramfs-5.14.0-70.el9.x86_64.img", nil,
                ])
            #expect(kernels.first?.image == "/boot/vmlinuz-6.1.0-10-amd64")
        }
    }

    @Test("are taken from /usr/lib/modules if /boot does not have one")
    func modules() throws {
        try root([
            "usr/lib/modules/6.5.6-300.fc39/vmlinuz", "usr/lib/modules/6.5.6-300.fc39/initrd",
            "usr/lib/modules/6.4.0-1.fc39/vmlinuz", "boot/vmlinuz-6.4.0-1.fc39", "usr/lib/modules/5.0/modules.dep",
        ]) { root in
            let kernels = try KernelFinder.kernels(in: root)
            #expect(
                kernels.map(\.image) == [
                    "/usr/lib/modules/6.5.6-300.fc39/vmlinuz", "/boot/vmlinuz-6.4.0-1.fc39",
                ])
            #expect(kernels.first?.initramfs == "/usr/lib/modules/6.5.6-300.fc39/initrd")
        }
    }

    @Test("are found in folders that kernel-install(8) makes for boot entries, by any token")
    func bootEntries() throws {
        try root([
            "boot/0123/6.6.1/linux", "boot/0123/6.6.1/initrd", "usr/lib/modules/6.6.1/vmlinuz", "boot/fleet/6.5.0/linux",
            "boot/loader/entries/0123-6.6.1.conf",
        ]) { root in
            let kernels = try KernelFinder.kernels(in: root)
            #expect(kernels.map(\.image) == ["/boot/0123/6.6.1/linux", "/boot/fleet/6.5.0/linux"])
            #expect(kernels.map(\.initramfs) == ["/boot/0123/6.6.1/initrd", nil])
        }
    }

    @Test("an absolute link of the root stays in the root")
    func links() throws {
        // Host and root both have /usr/lib; only the root has a kernel there.
        try root(["usr/lib/kernels/vmlinuz-7.7-test"], links: ["boot": "/usr/lib/kernels"]) { root in
            let kernels = try KernelFinder.kernels(in: root)
            #expect(kernels.map(\.release) == ["7.7-test"])
        }
        try root([], links: ["boot": "/../../../../../../../../boot", "usr/lib/modules": "/usr/lib/modules"]) { root in
            let kernels = try KernelFinder.kernels(in: root)
            #expect(kernels.isEmpty)
        }
    }

    @Test("a root may be without a kernel")
    func none() throws {
        #expect(try KernelFinder.kernels(in: "/no/such/root").isEmpty)
    }
}
