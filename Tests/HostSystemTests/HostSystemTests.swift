import SystemPackage
import Testing

@testable import HostSystem

@Suite("Tools")
struct ToolTests {
    @Test("a table's lines, comments and mistakes")
    func table() throws {
        let table = try ToolTable(family: "debian", file: "/paths/debian", text: "# comment\n\nbash /bin/bash bash\nnone /no/such/program nothing\n")
        #expect(try table.tool("bash").path == "/bin/bash")
        #expect(table.missing.map(\.name) == ["none"])
        #expect(throws: HostSystemError.toolUnknown(name: "zsh", table: "/paths/debian")) { try table.tool("zsh") }
        #expect(throws: HostSystemError.toolMissing(Tool(name: "none", path: "/no/such/program", package: "nothing"))) { try table.tool("none") }
        #expect(throws: HostSystemError.toolTableMalformed(file: "/paths/debian", line: 2, text: "bash bash")) {
            try ToolTable(family: "debian", file: "/paths/debian", text: "\nbash bash\n")
        }
        #expect(throws: HostSystemError.toolTableEmpty(file: "/paths/debian")) {
            try ToolTable(family: "debian", file: "/paths/debian", text: "# bash /bin/bash bash\n")
        }
    }

    @Test("the families of os-release, the own one first")
    func families() {
        #expect(ToolTable.families(in: "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n") == ["rocky", "rhel", "centos", "fedora"])
        #expect(ToolTable.families(in: "NAME=x\nID=debian\n") == ["debian"])
    }

    @Test("a program's output, and its failure with command line and ending")
    func running() async throws {
        let bash = Tool(name: "bash", path: "/bin/bash", package: "bash")
        #expect(try await bash.run(["-c", "cat; echo \"$X-$HOME\""], environment: ["X": "y", "PATH": "/bin"], input: "in ") == "in y-\n")
        do {
            try await bash.run(["-c", "echo \"it's wrong\" >&2; exit 3"])
            Issue.record("no error")
        } catch let error as HostSystemError {
            #expect(error.description.contains("/bin/bash -c 'echo \"it'\\''s wrong\" >&2; exit 3'"))
            #expect(error.description.contains("it's wrong"))
            #expect(error.description.contains("3"))
        }
    }

    @Test("command lines as one would type them")
    func quoting() {
        #expect(commandLine(["a", "b c", "", "it's"]) == "a 'b c' '' 'it'\\''s'")
    }

    @Test("device numbers as makedev(3) has them")
    func devices() {
        #expect(makeDevice(1, 3) == 0x103)
        #expect(makeDevice(259, 1_048_575) == 0xfff_103ff)
    }
}
