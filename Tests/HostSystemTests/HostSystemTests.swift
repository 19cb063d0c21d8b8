import Foundation
import SystemPackage
import Testing

@testable import HostSystem

@Suite("Tools")
struct ToolTests {
    @Test("a table has lines and comments; mistakes are errors with their line")
    func table() throws {
        let text = "# comment\n\nbash /bin/bash bash\nnone /no/such/program nothing\nlibx.so.1 library libx1\n"
        let table = try ToolTable(family: "debian", file: "/paths/debian", text: text)
        #expect(table.libraries == ["libx.so.1": "libx1"])
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

    @Test("families come from os-release, ID first")
    func families() {
        #expect(ToolTable.families(in: "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n") == ["rocky", "rhel", "centos", "fedora"])
        #expect(ToolTable.families(in: "NAME=x\nID=debian\n") == ["debian"])
    }

    @Test("a failed program's error has its command line and the end of its output")
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

    @Test("a program may end before it has read its input; only its exit status counts")
    func unreadInput() async throws {
        let bash = Tool(name: "bash", path: "/bin/bash", package: "bash")
        let input = String(repeating: "unread\n", count: 1 << 18)
        #expect(try await bash.run(["-c", "exec <&-; echo ready"], input: input) == "ready\n")
        do {
            try await bash.run(["-c", "exec <&-; echo reason >&2; exit 3"], input: input)
            Issue.record("no error")
        } catch let error as HostSystemError {
            #expect(error.description.contains("reason") && error.description.contains("ended with status 3"))
        }
    }

    @Test("a worker that ends before it has read its job has died; the error has its output")
    func deafWorker() async throws {
        let folder = FilePath("/tmp/discographer-deaf-\(UUID().uuidString)")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let program = folder.appending("worker")
        try "#!/bin/bash\nexec <&-\necho 'no such library' >&2\nexit 127\n".write(toFile: program.string, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.string)
        for size in [1, 1 << 20] {
            do {
                _ = try await Worker(program: program).run(DeafJob(text: String(repeating: "x", count: size)))
                Issue.record("no error")
            } catch let error as HostSystemError {
                #expect(error.description.contains("no such library"))
            }
        }
    }

    private struct DeafJob: JobDescription {
        struct Outcome: Codable, Sendable {}
        static let name = "deaf"
        var isolation: Isolation { Isolation(writablePaths: []) }
        var text: String
    }

    @Test("a command line is quoted for a shell")
    func quoting() {
        #expect(commandLine(["a", "b c", "", "it's"]) == "a 'b c' '' 'it'\\''s'")
    }

    @Test("device numbers are those of makedev(3)")
    func devices() {
        #expect(makeDevice(1, 3) == 0x103)
        #expect(makeDevice(259, 1_048_575) == 0xfff_103ff)
    }
}
