import Foundation
import Glibc
import Testing

@testable import ConfigurationTree

@Suite("Incomplete checkouts, as the files tell")
struct CheckoutTests {
    static let pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

    static let standIns: [(content: [UInt8], words: String)] = [
        (Array(pointer.utf8), "a pointer of Git LFS instead of the file itself; run 'git lfs pull'"),
        (Array("version https://hawser.github.com/spec/v1\noid sha256:00\nsize 1\n".utf8), "a pointer of Git LFS"),
        (Array("/annex/objects/SHA256E-s5--aa.rpm\n".utf8), "a pointer of git-annex instead of the file itself; run 'git annex get'"),
        ([0] + Array("GITCRYPT".utf8) + [0, 1, 2, 3], "encrypted by git-crypt; run 'git-crypt unlock'"),
    ]

    static let places = [
        "packages", "devices", "init", "machine.yaml", "packages.lock", "suid.whitelist", "rpms/a.rpm", "yum/keys/k", "yum/repositories/a.repo",
        "yum/yum.conf.template", "yum/vars/v", "generator-scriptlets/s", "tests/t", "root-overlays/site.permissions", "root-overlays/site/etc/deep/f",
        "root-underlays/base/f",
    ]

    @Test("what stands in a file's place is an error wherever a file is read", arguments: standIns)
    func standIn(_ content: [UInt8], _ words: String) throws {
        for place in Self.places {
            let fixture = try TreeFixture()
            try fixture.write("group/machines/one/root-overlays/site/keep", "")
            try fixture.write("group/machines/one/" + place, Data(content), mode: 0o755)
            let errors = fixture.diagnostics().filter { $0.contains(": error: ") }
            #expect(errors.count == 1 && errors[0].hasPrefix("group/machines/one/\(place): error: \(words)"), "\(place): \(errors)")
        }
    }

    @Test("files that only mention a pointer are content")
    func mentions() throws {
        let fixture = try TreeFixture()
        let layer = "group/machines/one/root-overlays/site"
        try fixture.write("\(layer)/readme", "# version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
        try fixture.write("\(layer)/long", Self.pointer + String(repeating: "x", count: 2000))
        try fixture.write("\(layer)/version", "version 1\noid x\n")
        // Hidden names directly in a layer stay out of the root.
        try fixture.write("\(layer)/.pointer", Self.pointer)
        #expect(fixture.diagnostics() == [])
    }

    @Test("a link that was checked out as text is told where a folder was expected, a group's too")
    func linksAsText() throws {
        let fixture = try TreeFixture()
        try fixture.write("templates/yum/keep", "")
        try fixture.remove("group/machines/one/yum")
        try fixture.write("group/machines/one/yum", "../../../templates/yum")
        try fixture.write("group/machines/two", "one")
        try fixture.write("other", "group")
        try fixture.write("README", "group")
        try fixture.write("templates/a.rpm", "")
        try fixture.write("group/machines/one/rpms/a.rpm", "../../../../templates/a.rpm")
        let words = "error: a text file with the path of a symbolic link"
        let diagnostics = fixture.diagnostics()
        #expect(
            diagnostics.contains {
                $0.hasPrefix("group/machines/one/yum: \(words) (../../../templates/yum) instead of the link itself; Git checked it out")
            })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/two: \(words) (one)") })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/rpms/a.rpm: \(words) (../../../../templates/a.rpm)") })
        #expect(diagnostics.contains { $0.hasPrefix("other: \(words) (group)") })
    }

    @Test("devices, sockets, links into git-annex and Git's own files in a layer are told")
    func layers() throws {
        let fixture = try TreeFixture()
        let layer = "group/machines/one/root-overlays/site"
        try fixture.write("\(layer)/opt/app/.git", "gitdir: x\n")
        try fixture.link("\(layer)/opt/big", to: "../../.git/annex/objects/x/y")
        try fixture.link("\(layer)/opt/other", to: "/nowhere")
        #expect(mkfifo(fixture.path + "/\(layer)/fifo", 0o600) == 0)
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.count == 2, "\(diagnostics)")
        #expect(diagnostics.contains { $0.hasPrefix("\(layer)/opt/app/.git: warning: belongs to Git and becomes a part of the machine") })
        #expect(diagnostics.contains { $0.hasPrefix("\(layer)/opt/big: error: a link into git-annex's store") })
    }

    @Test("what cannot be looked at is not taken for absent")
    func unreadable() throws {
        let fixture = try TreeFixture()
        // Modes do not stop root, but loops and overlong names stop everybody.
        try fixture.link("loop", to: "loop")
        try fixture.link("toolong", to: String(repeating: "a", count: 300))
        for name in ["machine.yaml", "rpms", "packages.lock", "root-overlays", "suid.whitelist"] {
            try fixture.link("group/machines/one/\(name)", to: String(repeating: "b/", count: 10) + String(repeating: "c", count: 300))
        }
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.contains { $0.hasPrefix("loop: error: a loop of symbolic links") })
        #expect(diagnostics.contains { $0.hasPrefix("toolong: error: cannot be read: File name too long") })
        #expect(diagnostics.count == 7, "\(diagnostics)")
        #expect(fixture.tree(["loop"]).diagnostics.map(\.message) == ["a loop of symbolic links"])
    }

    @Test("a name that is not UTF-8 is told and not skipped")
    func names() throws {
        let fixture = try TreeFixture()
        #expect(mkdir(fixture.path + "/group/machines/caf", 0o755) == 0)
        let name = Array((fixture.path + "/group/machines/").utf8CString.dropLast()) + [0x63, CChar(bitPattern: 0xe9), 0]
        #expect(mkdir(name, 0o755) == 0)
        #expect(fixture.diagnostics().contains { $0.hasPrefix("group/machines: error: the name 'c\u{FFFD}' is not UTF-8") })
    }
}
