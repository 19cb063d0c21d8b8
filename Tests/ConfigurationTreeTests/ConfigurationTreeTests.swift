import Foundation
import SystemPackage
import Testing

@testable import ConfigurationTree

/// A small tree in a new folder.
final class TreeFixture {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("tree-\(UUID().uuidString)").resolvingSymlinksInPath().path
        try machine("one")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func machine(_ name: String) throws {
        let folder = "group/machines/\(name)"
        try write("\(folder)/packages", "bash\n")
        try write("\(folder)/devices", "")
        try write("\(folder)/init", "#!/bin/sh\n", mode: 0o755)
        try write("\(folder)/yum/yum.conf.template", "[main]\n")
        try write("\(folder)/yum/repositories/a.repo", "[a]\nbaseurl=http://a/\n")
    }

    func write(_ file: String, _ text: String, mode: Int = 0o644) throws { try write(file, Data(text.utf8), mode: mode) }

    func write(_ file: String, _ data: Data, mode: Int = 0o644) throws {
        let url = URL(fileURLWithPath: path).appendingPathComponent(file)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: url.path)
    }

    func link(_ file: String, to target: String) throws {
        try? FileManager.default.removeItem(atPath: path + "/" + file)
        try FileManager.default.createSymbolicLink(atPath: path + "/" + file, withDestinationPath: target)
    }

    func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: path + "/" + file) }

    func tree(_ selectors: [String] = []) -> ConfigurationTree {
        ConfigurationTree(at: FilePath(path), selecting: selectors.compactMap { MachineSelector($0) })
    }

    /// `file:line: message` of each diagnostic, files relative to the tree.
    func diagnostics(_ selectors: [String] = []) -> [String] { tree(selectors).diagnostics.map { $0.description.replacing(path + "/", with: "") } }
}

@Suite("The configuration tree")
struct ConfigurationTreeTests {
    @Test("a good tree has its machine and no diagnostics")
    func good() throws {
        let fixture = try TreeFixture()
        let tree = fixture.tree()
        #expect(tree.diagnostics == [])
        #expect(tree.groups.map(\.name) == ["group"])
        #expect(tree.groups[0].machines.map(\.name) == ["one"])
        #expect(tree.groups[0].machines[0].packages.map(\.spec) == ["bash"])
    }

    @Test("reserved names, hidden folders and folders without machines/ are not groups")
    func groups() throws {
        let fixture = try TreeFixture()
        for name in ["templates", "cache", "functions", "paths", ".git"] { try fixture.write("\(name)/machines/x/packages", "x\n") }
        try fixture.write("documents/readme", "x\n")
        #expect(fixture.tree().groups.map(\.name) == ["group"])
    }

    @Test("selectors choose groups and machines; an unknown one is an error that lists the known ones")
    func selectors() throws {
        let fixture = try TreeFixture()
        try fixture.machine("two")
        #expect(fixture.tree(["group/two"]).groups[0].machines.map(\.name) == ["two"])
        #expect(fixture.tree(["group"]).groups[0].machines.map(\.name) == ["one", "two"])
        #expect(fixture.diagnostics(["nobody"]) == ["nobody: error: not a machine group; expected one of group"])
        #expect(fixture.diagnostics(["group/three"]) == ["group/machines/three: error: no machine has this name; expected one of one, two"])
    }

    static let packageLines: [(text: String, expected: [String])] = [
        ("a\n\n  # comment\nb.x86_64\n@core\n-c\n/usr/bin/d\n", []),
        ("a b\n", ["1: error: more than one word: a b; expected one package a line"]),
        ("a >= 1\na >=1\na>= 1\na>=1\na == 0:1-2\n-a < 1\n", []),
        (
            "a >= \na => 1\na >= 1 2\n >= 1\na ! 1\n",
            (1...5).map {
                "\($0): error: more than one word: \(["a >=", "a => 1", "a >= 1 2", ">= 1", "a ! 1"][$0 - 1]); expected one package a line"
            }
        ),
        ("-\n", ["1: error: '-' does not name a package"]),
        ("@\n", ["1: error: '@' does not name a package"]),
        (
            "--\n-@core\n",
            [
                "1: error: '--' forbids nothing; expected -name of one package",
                "2: error: '-@core' forbids nothing; expected -name of one package",
            ]
        ),
        ("a\n-a\n", ["2: error: 'a' is both wanted and forbidden; see line 1"]),
        ("a\na\n", ["2: warning: 'a' is already in line 1"]),
        ("a\r\nb\r\n", ["1: error: a line ends with CR LF; expected LF"]),
        ("a\nb\u{0}\n", ["2: error: a NUL byte; expected text"]),
        ("\u{FEFF}a\n", ["1: error: a byte order mark; expected UTF-8 without one"]),
    ]

    @Test("lines of packages", arguments: packageLines)
    func packages(_ text: String, _ expected: [String]) throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/packages", text)
        #expect(fixture.diagnostics() == expected.map { "group/machines/one/packages:" + $0 })
    }

    @Test("a line that is not UTF-8 is an error")
    func encoding() throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/packages", Data([0x61, 0x0a, 0xff, 0xfe, 0x0a]))
        #expect(fixture.diagnostics() == ["group/machines/one/packages:2: error: not UTF-8; expected UTF-8 text"])
    }

    static let deviceLines: [(text: String, expected: String?)] = [
        ("/dev/ram0 b 660 1 0\n", nil), ("/dev/xconsole p 0755\n", nil), ("/dev/null c 666 1 3\n", nil), ("/dev/max c 666 4095 1048575\n", nil),
        ("/dev/x p 755 1 2\n", "a FIFO does not have major and minor numbers"), ("/dev/x b 660\n", "major and minor numbers are missing"),
        ("/dev/x b 660 4096 0\n", "invalid major number '4096'"), ("/dev/x b 660 1 1048576\n", "invalid minor number '1048576'"),
        ("/dev/x b 660 -1 0\n", "invalid major number '-1'"), ("/dev/x b 0x8 1 0\n", "invalid permissions '0x8'"),
        ("/dev/x b 888 1 0\n", "invalid permissions '888'"), ("/dev/x b +660 1 0\n", "invalid permissions '+660'"),
        ("/dev/x b 660 +1 0\n", "invalid major number '+1'"), ("/dev/x b 660 1 +0\n", "invalid minor number '+0'"),
        ("/dev/x b 10000 1 0\n", "invalid permissions '10000'"), ("dev/x b 660 1 0\n", "invalid device path 'dev/x'"),
        ("/dev/../x b 660 1 0\n", "invalid device path '/dev/../x'"), ("/dev/x s 660\n", "invalid device type 's'"),
        ("/dev/x\n", "not a device: /dev/x"),
        ("/ p 755\n", "invalid device path '/'"),
    ]

    @Test("lines of devices", arguments: deviceLines)
    func devices(_ text: String, _ expected: String?) throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/devices", "# first\n" + text)
        let diagnostics = fixture.diagnostics()
        if let expected {
            #expect(diagnostics.count == 1)
            #expect(diagnostics.first?.hasPrefix("group/machines/one/devices:2: error: \(expected)") == true, "\(diagnostics)")
        } else {
            #expect(diagnostics == [])
            #expect(fixture.tree().groups[0].machines[0].devices.count == 1)
        }
    }

    @Test("the same device twice is an error")
    func duplicateDevice() throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/devices", "/dev/a p 644\n/dev/a p 644\n")
        #expect(fixture.diagnostics() == ["group/machines/one/devices:2: error: /dev/a is there twice; see line 1"])
    }

    @Test("a machine whose name is not a DNS label is an error", arguments: ["Upper", "-a", "a-", "a_b", String(repeating: "a", count: 64), "ä"])
    func badNames(_ name: String) throws {
        let fixture = try TreeFixture()
        try fixture.machine(name)
        #expect(fixture.diagnostics().contains { $0.contains("'\(name)' is not a host name") })
    }

    @Test("a machine's name is a DNS label", arguments: ["a", "0", "a-b", String(repeating: "a", count: 63)])
    func goodNames(_ name: String) throws {
        let fixture = try TreeFixture()
        try fixture.machine(name)
        #expect(fixture.diagnostics() == [])
    }

    @Test("a missing file is an error", arguments: ["packages", "devices", "init", "yum", "yum/yum.conf.template"])
    func missing(_ name: String) throws {
        let fixture = try TreeFixture()
        try fixture.remove("group/machines/one/\(name)")
        #expect(fixture.diagnostics().contains { $0.hasPrefix("group/machines/one/\(name): error: missing") })
    }

    @Test("broken and looping links are errors, links out of the tree are notes")
    func links() throws {
        let fixture = try TreeFixture()
        try fixture.link("group/machines/one/init", to: "/nowhere")
        try fixture.link("group/machines/one/devices", to: "devices")
        let outside = try TreeFixture()
        try fixture.link("group/machines/one/packages", to: outside.path + "/group/machines/one/packages")
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/init: error: a broken symbolic link (/nowhere)") })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/devices: error: a loop of symbolic links") })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/packages: note: a symbolic link that leaves the tree") })
        #expect(fixture.tree().diagnostics.filter { $0.severity == .error }.count == 2)
    }

    @Test("a file that cannot be read is an error")
    func unreadable() throws {
        let fixture = try TreeFixture()
        // Modes do not stop root, but reading this process's memory at address 0 fails for every user.
        try fixture.link("group/machines/one/packages", to: "/proc/self/mem")
        #expect(
            fixture.diagnostics().contains { $0.hasPrefix("group/machines/one/packages: error: cannot be read: Input/output error") },
            "\(fixture.diagnostics())")
    }

    @Test("groups, machines and everything in them may be links")
    func linkedMachine() throws {
        let fixture = try TreeFixture()
        try fixture.link("group/machines/two", to: "one")
        try fixture.link("other", to: "group")
        let tree = fixture.tree()
        #expect(tree.diagnostics == [])
        #expect(tree.groups.map(\.name) == ["group", "other"])
        #expect(tree.groups[1].machines.map(\.name) == ["one", "two"])
    }

    @Test("a broken link in the place of a group or its machines is an error")
    func brokenGroups() throws {
        let fixture = try TreeFixture()
        try fixture.link("gone", to: "nowhere")
        try fixture.write("other/packages", "")
        try fixture.link("other/machines", to: "machines")
        #expect(
            fixture.diagnostics() == [
                "gone: error: a broken symbolic link (nowhere); expected a machine group",
                "other/machines: error: a loop of symbolic links",
            ])
        #expect(fixture.diagnostics(["gone"]) == ["gone: error: a broken symbolic link (nowhere); expected a machine group"])
        #expect(fixture.diagnostics(["group"]) == [])
    }

    @Test("a group cannot have the name of a shared store of the cache", arguments: ["packages", "repositories"])
    func sharedStores(_ name: String) throws {
        let fixture = try TreeFixture()
        try fixture.link(name, to: "group")
        #expect(fixture.diagnostics().contains { $0.hasPrefix("\(name): error: '\(name)' cannot be the name of a machine group") })
        #expect(fixture.diagnostics(["group"]) == [])
    }

    @Test("a group whose name overlayfs cannot mount is an error", arguments: [",", ":", "\\"])
    func unmountable(_ character: String) throws {
        let fixture = try TreeFixture()
        try fixture.link("a\(character)b", to: "group")
        #expect(fixture.diagnostics().contains { $0.hasPrefix("a\(character)b: error: ") && $0.contains("the name of a machine group contains '") })
    }

    @Test("a selector may end with the '/' of a shell's completion")
    func completedNames() {
        #expect(MachineSelector("group/") == MachineSelector("group"))
        #expect(MachineSelector("group/one/") == MachineSelector("group/one"))
        for text in ["", "/", "//", "/group", "group//", "group//one", "a/b/c"] { #expect(MachineSelector(text) == nil, "\(text)") }
    }

    @Test("CR LF in the first line of a script is an error; compiled programs may contain it")
    func scripts() throws {
        let fixture = try TreeFixture()
        let machine = "group/machines/one"
        try fixture.write("\(machine)/init", "#!/bin/sh\r\nexec sh\r\n", mode: 0o755)
        try fixture.write("\(machine)/generator-scriptlets/10-a", "echo a\r\n")
        try fixture.write("\(machine)/generator-scriptlets/20-b", "cat <<'END'\na\r\nEND\n")
        #expect(
            fixture.diagnostics() == [
                "\(machine)/generator-scriptlets/10-a:1: error: a line ends with CR LF; expected LF",
                "\(machine)/init:1: error: a line ends with CR LF; expected LF",
            ])
        try fixture.write("\(machine)/init", Data([0x7F, 0x45, 0x4C, 0x46, 0xFF, 0x0D, 0x0A]), mode: 0o755)
        #expect(!fixture.diagnostics().contains { $0.contains("init") })
    }

    @Test("a yum variable is the first line of its file; CR LF is an error")
    func yumVariables() throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/yum/vars/stream", "9-stream \nsecond\n")
        try fixture.write("group/machines/one/yum/vars/empty", "")
        #expect(fixture.tree().groups[0].machines[0].yum.variables == ["stream": "9-stream", "empty": ""])
        try fixture.write("group/machines/one/yum/vars/stream", "9\r\nsecond\r\n")
        #expect(fixture.diagnostics() == ["group/machines/one/yum/vars/stream:1: error: a line ends with CR LF; expected LF"])
    }

    @Test("all mistakes in yum/ are reported in one run")
    func yumProblems() throws {
        let fixture = try TreeFixture()
        try fixture.remove("group/machines/one/yum/yum.conf.template")
        try fixture.link("group/machines/one/yum/repositories/b.repo", to: "nowhere")
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/yum/yum.conf.template: error: missing") })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/yum/repositories/b.repo: error: a broken symbolic link") })
    }

    @Test("other files in rpms/ are notes; a folder or a broken link named .rpm is an error")
    func noPackages() throws {
        let fixture = try TreeFixture()
        let rpms = "group/machines/one/rpms"
        for name in ["a.rpm", "b.RPM", "README"] { try fixture.write("\(rpms)/\(name)", "") }
        try fixture.write("\(rpms)/c.rpm/x", "")
        try fixture.link("\(rpms)/d.rpm", to: "nowhere")
        #expect(
            fixture.diagnostics() == [
                "\(rpms)/README: note: not an .rpm file; it is ignored",
                "\(rpms)/b.RPM: note: not an .rpm file; it is ignored",
                "\(rpms)/c.rpm: error: a folder; expected a file: an .rpm file",
                "\(rpms)/d.rpm: error: a broken symbolic link (nowhere); expected an .rpm file",
            ])
    }

    @Test("'..' in a path of a whitelist or of permissions is an error")
    func dots() throws {
        let fixture = try TreeFixture()
        let machine = "group/machines/one"
        try fixture.write("\(machine)/suid.whitelist", "/usr/bin/su\n/usr/bin/../sbin/x\n")
        try fixture.write("\(machine)/root-overlays/a/x", "")
        try fixture.write("\(machine)/root-overlays/a.permissions", "/x root root 755\n/../../x root root 755\n/x root root +755\n")
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.count == 3)
        #expect(diagnostics.contains { $0.hasPrefix("\(machine)/suid.whitelist:2: error: '/usr/bin/../sbin/x' contains '.' or '..'") })
        #expect(diagnostics.contains { $0.hasPrefix("\(machine)/root-overlays/a.permissions:2: error: not a permission") })
        #expect(diagnostics.contains { $0.hasPrefix("\(machine)/root-overlays/a.permissions:3: error: not a permission") })
    }

    @Test("a file that many machines share is reported once")
    func sharedFile() throws {
        let fixture = try TreeFixture()
        try fixture.write("templates/packages", "a b\n")
        for name in ["one", "two", "three"] {
            try fixture.machine(name)
            try fixture.link("group/machines/\(name)/packages", to: "../../../templates/packages")
        }
        #expect(fixture.diagnostics() == ["templates/packages:1: error: more than one word: a b; expected one package a line"])
    }

    @Test("a folder in the place of a file is an error, and the reverse")
    func kinds() throws {
        let fixture = try TreeFixture()
        try fixture.remove("group/machines/one/packages")
        try fixture.write("group/machines/one/packages/x", "")
        try fixture.write("group/machines/one/root-overlays", "")
        try fixture.write("group/machines/one/init", "", mode: 0o644)
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/packages: error: a folder") })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/root-overlays: error: not a folder") })
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/init: error: not executable") })
    }

    @Test("layers are sorted and have their permissions; other files are errors")
    func layers() throws {
        let fixture = try TreeFixture()
        let overlays = "group/machines/one/root-overlays"
        try fixture.write("\(overlays)/20-b/etc/b", "")
        try fixture.write("\(overlays)/10-a/etc/a", "")
        try fixture.write("\(overlays)/.hidden/x", "")
        try fixture.link("\(overlays)/10-a/dangling", to: "/content/stays")
        try fixture.write("\(overlays)/10-a.permissions", "/etc/a nobody nogroup 4755 cap_net_raw=ep\n")
        let machine = fixture.tree().groups[0].machines[0]
        #expect(fixture.diagnostics() == [])
        #expect(machine.rootOverlays.map(\.name) == ["10-a", "20-b"])
        #expect(machine.rootOverlays[0].permissions.first?.mode == 0o4755)
        try fixture.write("\(overlays)/30-c.permissions", "")
        try fixture.write("\(overlays)/stray", "")
        try fixture.write("\(overlays)/10-a.permissions", "etc/a root root 755\n/etc/a root root 999\n")
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.contains { $0.hasPrefix("\(overlays)/30-c.permissions: error: the layer of these permissions does not exist") })
        #expect(diagnostics.contains { $0.hasPrefix("\(overlays)/stray: error: neither a layer nor its permissions") })
        #expect(diagnostics.contains { $0.hasPrefix("\(overlays)/10-a.permissions:1: error: not a permission") })
        #expect(diagnostics.contains { $0.hasPrefix("\(overlays)/10-a.permissions:2: error: not a permission") })
    }
}

@Suite("machine.yaml")
struct MachineDescriptionTests {
    @Test("the machine's settings override the group's")
    func merge() throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machine-group.yaml", "hardware:\n  cpus: 4\n  memory: 2GiB\noutputs: [raw, ovf]\n")
        try fixture.write("group/machines/one/machine.yaml", "hardware:\n  cpus: 8\n")
        let description = fixture.tree().groups[0].machines[0].description
        #expect(fixture.diagnostics() == [])
        #expect(description.hardware.cpus == 8)
        #expect(description.hardware.memory == .gibibytes(2))
        #expect(description.outputs == [.raw, .ovf])
    }

    static let mistakes: [(text: String, expected: String)] = [
        ("hardware:\n  cpu: 2\n", "2: error: unknown key 'cpu' in hardware; expected one of architecture, cpus"),
        ("cpus: 2\n", "1: error: unknown key 'cpus' in the file"),
        ("hardware:\n  cpus: two\n", "2: error: cpus is not a whole number"), ("hardware:\n  cpus: 0\n", "2: error: cpus is not a whole number"),
        ("hardware: 3\n", "1: error: hardware is not a map"), ("hardware:\n  memory: 2\n", "2: error: invalid amount of memory '2'"),
        ("hardware:\n  memory: 99999999999TiB\n", "2: error: invalid amount of memory '99999999999TiB'"),
        ("hardware:\n  firmware: efi\n", "2: error: invalid firmware 'efi'; expected one of bios, uefi"),
        ("hardware:\n  cpus: 1\n  cpus: 2\n", "2: error: not YAML: 'cpus' occurs more than once in a map"),
        ("outputs: qcow2\n", "1: error: outputs is not a list"),
        (
            "hardware:\n  networkInterfaces:\n    - name: eth0\n      macAddress: \"+1:+1:+1:+1:+1:+1\"\n",
            "4: error: invalid MAC address '+1:+1:+1:+1:+1:+1'"
        ),
        (
            "hardware:\n  networkInterfaces:\n    - name: eth0\n      macAddress: \"01:00:5e:00:00:01\"\n",
            "4: error: '01:00:5e:00:00:01' is a multicast address"
        ),
        ("hardware:\n  networkInterfaces:\n    - name: a\n    - name: a\n", "two network interfaces are called 'a'"),
        (
            "hardware:\n  networkInterfaces:\n    - {name: a, macAddress: \"52:54:00:00:00:0A\"}\n    - {name: b, macAddress: \"52:54:00:00:00:0a\"}\n",
            "two network interfaces have the MAC address 52:54:00:00:00:0a"
        ),
        ("hardware:\n  memory: +2GiB\n", "2: error: invalid amount of memory '+2GiB'"),
        ("outputs:\n  - raw\n  - raw\n", "3: error: 'raw' is in outputs twice"),
        ("outputs:\n  - qcow3\n", "2: error: invalid output 'qcow3'"),
        ("outputs: [tar]\n", "1: error: invalid output 'tar'; expected one of raw, qcow2, vmdk, vdi, vhdx, ovf, ova"),
        ("disks: []\n", "a machine has at least one disk"),
        ("disks:\n  - partitions:\n    - mount: /var\n      size: rest\n", "no partition is mounted at /"),
        (
            "disks:\n  - partitions:\n    - mount: /\n      size: rest\n    - mount: /x\n      size: rest\n",
            "more than one partition with size 'rest'"
        ),
        ("disks:\n  - size: 1GiB\n    partitions:\n    - mount: /\n      size: 2GiB\n", "do not fit"),
        ("disks:\n  - partitions:\n    - mount: /\n    - mount: /\n      size: 1MiB\n", "two partitions are mounted at /"),
        ("disks:\n  - partitions:\n    - mount: /\n      label: seventeen-letters\n", "3: error: the label 'seventeen-letters' is too long for ext4"),
        ("disks:\n  - partitions:\n    - mount: /\n      uuid: nonsense\n", "4: error: invalid UUID 'nonsense'"),
        ("disks:\n  - partitions:\n    - mount: relative\n", "3: error: invalid mount point 'relative'"),
        ("hardware:\n  networkInterfaces:\n    - name: eth0\n      macAddress: 1:2:3\n", "4: error: invalid MAC address '1:2:3'"),
        ("a: [\n", "error: not YAML"),
        ("excludedPaths:\n  - /usr/share/doc\n  - /usr/share/*/de\n", "3: error: '/usr/share/*/de' has a wildcard"),
        ("scriptletTimeLimit: 0\n", "1: error: scriptletTimeLimit is not a whole number from 1 to 86400"),
        ("scriptletTimeLimit: 5min\n", "1: error: scriptletTimeLimit is not a whole number from 1 to 86400"),
        ("toleratedScriptlets:\n  - package: x\n", "2: error: a tolerated scriptlet needs package, scriptlet and reason"),
        (
            "toleratedScriptlets:\n  - package: x\n    scriptlet: post\n    reason: y\n",
            "2: error: invalid scriptlet 'post'; expected one of %pretrans, %pre, %post"
        ),
        ("toleratedWarnings:\n  - warning: x\n", "2: error: a tolerated warning needs warning and reason"),
        ("toleratedWarnings:\n  - reason: x\n", "2: error: a tolerated warning needs warning and reason"),
        ("toleratedWarnings:\n  - {warning: x, reason: y, package: ''}\n", "2: error: a tolerated warning needs warning and reason"),
        ("toleratedWarnings:\n  - {warning: x, reason: y}\n  - {warning: '* *', reason: y}\n", "3: error: '* *' would tolerate every warning"),
        ("toleratedWarnings:\n  - {warning: x, reason: y, packge: z}\n", "2: error: unknown key 'packge' in a tolerated warning"),
        ("toleratedWarnings: x\n", "1: error: toleratedWarnings is not a list"),
    ]

    @Test(
        "a tolerated warning is a part of the text, with '*' for anything, and perhaps a package",
        arguments: [
            ("user brewer does not exist", nil, true), ("user * does not exist", nil, true), ("brew-1*(/srv/brew)", nil, true),
            ("*user*", nil, true), ("user brewers", nil, false), ("exist*user", nil, false), ("user", "brew", true), ("user", "brew-1", false),
            ("user", "other", false), ("User", nil, false),
        ] as [(String, String?, Bool)])
    func toleratedWarning(_ pattern: String, _ package: String?, _ isCovered: Bool) {
        let text = "brew-1-1.noarch: user brewer does not exist - using root (/srv/brew)"
        let tolerated = ToleratedWarning(warning: pattern, package: package, reason: "test")
        #expect(tolerated.covers(text, package: "brew-1-1.noarch") == isCovered)
        if package != nil { #expect(!tolerated.covers(text, package: nil)) }
    }

    @Test("a warning about a machine's file is tolerated by the machine, one about the group's by all of its machines")
    func toleratedDiagnostics() throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/machine.yaml", "toleratedWarnings:\n- {warning: odd, reason: of one}\n")
        let tree = fixture.tree()
        func reason(_ file: String) -> String? {
            let folder = tree.groups.first?.path.removingLastComponent() ?? ""
            return tree.reasonToTolerate(Diagnostic(.warning, at: SourceLocation(file: folder.appending(file), line: 3), "an odd thing"))
        }
        #expect(reason("group/machines/one/yum/yum.conf.template") == "of one")
        let isAlone = tree.groups.first?.machines.count == 1
        #expect((reason("group/packages") == "of one") == isAlone)
        #expect(reason("templates/yum/yum.conf.template") == nil)
    }

    @Test("a mistake is reported with its line", arguments: mistakes)
    func mistake(_ text: String, _ expected: String) throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/machine.yaml", text)
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.contains { $0.hasPrefix("group/machines/one/machine.yaml:") && $0.contains(expected) }, "\(diagnostics)")
    }

    @Test("no file means the defaults of the design")
    func defaults() throws {
        let description = try TreeFixture().tree().groups[0].machines[0].description
        #expect(description.hardware.cpus == 1)
        #expect(description.hardware.memory == .gibibytes(1))
        #expect(description.outputs == [.qcow2])
        #expect(description.disks[0].size == .gibibytes(2))
        #expect(description.disks[0].partitions[0].mountPoint == "/")
    }
}

@Suite("The variables of scriptlets")
struct BuildPathsTests {
    @Test("exactly the published names, absolute")
    func names() throws {
        let tree = try TreeFixture().tree()
        let paths = BuildPaths(configPath: "/config", cachePath: "/cache", functionsPath: "/functions", pathsPath: "/paths")
        let variables = paths.machineVariables(tree.groups[0].machines[0], in: tree.groups[0], sourceDateEpoch: 5)
        let published = """
            machineGroupName machine_group_configPath machine_group_cachePath configMachineGroupDevicesPath machine_group_configOverlaysPath \
            generatedMachineGroupRootOverlaysPath machine_configGeneratorsPath machineName machine_configPath machine_cachePath configMachineInitPath \
            configMachineDevicesPath machine_configOverlaysPath generatedMachineRootOverlaysPath yum_configYumConfTemplateFilePath \
            cacheMachineMinimalAppliancePath cacheMachineBuiltAppliancePath cacheMachineRpmInstallRootPath configPath cachePath functionsPath pathsPath \
            SOURCE_DATE_EPOCH
            """.split(separator: " ").map(String.init)
        #expect(Set(variables.keys) == Set(published))
        #expect(variables["SOURCE_DATE_EPOCH"] == "5")
        #expect(variables["machineName"] == "one")
        for (name, value) in variables where name.hasSuffix("Path") { #expect(value.hasPrefix("/"), "\(name)") }
    }
}

@Test func diagnosticsAreReadFromTheTopOfEachFile() {
    let places: [(FilePath, Int?)] = [("/b", 9), ("/a", 2), ("/b", nil), ("/b", 1), ("/a", 1)]
    let sorted = places.map { Diagnostic(.error, at: SourceLocation(file: $0, line: $1), "wrong") }.inReadingOrder
    #expect(sorted.map(\.location.description) == ["/b", "/b:1", "/b:9", "/a:1", "/a:2"])
}
