import Testing

@testable import ConfigurationTree

@Suite("Hardware and boot settings")
struct HardwareAndBootTests {
    static let mistakes: [(text: String, expected: String)] = [
        ("hardware:\n  architecture: aarch64\n", "2: error: invalid architecture 'aarch64'"),
        ("hardware:\n  architecture: noarch\n", "2: error: invalid architecture 'noarch'"),
        ("hardware:\n  memory: 1B\n", "2: error: 1 B of memory; expected 64 MiB to 6 TiB"),
        ("hardware:\n  memory: 7TiB\n", "2: error: 7 TiB of memory"),
        (
            "hardware:\n  memory: 1001MiB\n",
            "2: error: the memory is 1049624576 bytes, which VMware does not take; expected a multiple of 4 MiB, such as 1000MiB"
        ),
        ("hardware:\n  memory: 1GB\n", "2: error: the memory is 1000000000 bytes"),
        ("hardware:\n  cpus: 769\n", "2: error: cpus is not a whole number from 1 to 768"),
        (
            "hardware:\n  diskController: ide\ndisks:\n"
                + (1...5).map { "  - {name: d\($0), partitions: [{mount: /\($0 == 1 ? "" : "\($0)")}]}\n" }.joined(),
            "3: error: 5 disks on a controller of the kind 'ide'; expected at most 4"
        ),
        ("hardware:\n  networkInterfaces:\n" + (1...37).map { "    - {name: e\($0)}\n" }.joined(), "2: error: 37 network interfaces"),
        ("hardware:\n  networkInterfaces:\n    - {name: a b}\n", "3: error: invalid name 'a b' of a network interface"),
        ("disks:\n  - name: \(String(repeating: "a", count: 65))\n", "2: error: invalid disk name"),
        ("disks:\n  - partitions:\n      - mount: /\n      - {mount: '/a\\b', size: 1MiB}\n", "4: error: invalid mount point '/a\\b'"),
        ("disks:\n  - partitions:\n      - mount: /\n        label: \"a\\u0007\"\n", "4: error: invalid label"),
        ("boot:\n  kernelArguments:\n    - quiet\n    - \"a\\nb\"\n", "4: error: a kernel argument contains \\n"),
        ("boot:\n  kernelArguments:\n    - \"a\\0b\"\n", "3: error: a kernel argument contains \\0"),
        ("boot:\n  kernelArguments: ['x=\"a b']\n", "2: error: a double quote of the kernel argument 'x=\"a b' is not closed"),
        ("boot:\n  kernelArguments: ['']\n", "2: error: an empty kernel argument"),
        ("boot:\n  kernelArguments: ['a -- b']\n", "2: error: the kernel argument '--' ends the kernel's own arguments"),
        ("boot:\n  kernelArguments: [\(String(repeating: "a", count: 2047))]\n", "2: error: the kernel arguments have 2048 bytes"),
        (
            "boot:\n  kernelArguments: [\"it's\"]\n",
            "2: warning: GRUB writes a backslash before each quote and backslash of the kernel argument 'it's'"
        ),
        ("boot:\n  kernelArguments: ['a\\b']\n", "2: warning: GRUB writes a backslash"),
    ]

    @Test("are told with their line", arguments: mistakes)
    func mistake(_ text: String, _ expected: String) throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machines/one/machine.yaml", text)
        let diagnostics = fixture.diagnostics()
        #expect(diagnostics.count == 1 && diagnostics[0].hasPrefix("group/machines/one/machine.yaml:" + expected), "\(diagnostics)")
    }

    @Test("that hypervisors and kernels take are not told")
    func good() throws {
        let fixture = try TreeFixture()
        try fixture.write(
            "group/machines/one/machine.yaml",
            """
            hardware: {architecture: i686, memory: 64MiB, cpus: 768}
            boot:
              kernelArguments: ['a;b', '$x', '{', 'dyndbg="file ec.c +p"', '"a b"', 'quiet splash', 'root=LABEL=a\\x20b', 'ä=ö', '#', 'a=b=c']
            """)
        #expect(fixture.diagnostics() == [])
    }

    @Test("a group's mistake is told once, at the group's line")
    func group() throws {
        let fixture = try TreeFixture()
        try fixture.machine("two")
        try fixture.write(
            "group/machine-group.yaml", "hardware:\n  memory: 1B\ndisks:\n  - name: a\n    size: 1MiB\n    partitions: [{mount: /, size: 2MiB}]\n")
        try fixture.write("group/machines/two/machine.yaml", "outputs: [raw]\n")
        #expect(
            fixture.diagnostics() == [
                "group/machine-group.yaml:2: error: 1 B of memory; expected 64 MiB to 6 TiB",
                "group/machine-group.yaml:6: error: the partitions of 'a' (2 MiB) do not fit on its 1 MiB",
            ])
    }

    @Test("the place of a setting is the nearest one that is written; a machine's list replaces the group's places")
    func places() throws {
        let fixture = try TreeFixture()
        try fixture.write("group/machine-group.yaml", "disks:\n  - name: a\n    size: 1GiB\n  - name: b\n    partitions:\n      - size: 1MiB\n")
        let description = try #require(fixture.tree().groups[0].machines.first?.description)
        #expect(description.place(of: "disks[0].size")?.line == 3)
        #expect(description.place(of: "disks[0].table")?.line == 2)
        #expect(description.place(of: "disks[1].partitions[0].size")?.line == 6)
        #expect(description.place(of: "boot.loader") == nil)
        try fixture.write("group/machines/one/machine.yaml", "disks:\n  - partitions: [{mount: /}]\n")
        let own = try #require(fixture.tree().groups[0].machines.first?.description)
        #expect(own.place(of: "disks[1].size")?.description.hasSuffix("machine.yaml:1") == true)
        #expect(own.place(of: "disks[0].size")?.description.hasSuffix("machine.yaml:2") == true)
    }

    static let readings: [(text: String, words: [String])] = [
        ("quiet", ["quiet"]), (" a  b ", ["a", "b"]), ("x=\"a b\"", ["x=a b"]), ("\"x=a b\"", ["x=a b"]), ("x=\"a\"", ["x=a"]),
        ("x=a\"b c\"", ["x=a\"b c\""]), ("x=\"\"", ["x="]), ("\"\"", [""]), ("=\"a b\"", ["=\"a b\""]), ("x=\"a b\"c", ["x=a b\"c"]),
    ]

    /// What next_arg of lib/cmdline.c makes of each, compiled and run with these texts.
    @Test("kernel arguments are taken apart as the kernel does", arguments: readings)
    func words(_ text: String, _ words: [String]) throws {
        #expect(try KernelArgument.arguments(in: text).map(\.text) == words)
    }
}
