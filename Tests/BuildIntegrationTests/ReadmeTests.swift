import Foundation
import Testing

/// The README's commands, as a newcomer types them.
@Suite("The README", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct ReadmeTests {
    private let text: String

    init() throws { text = try String(contentsOfFile: Sandbox.checkout + "/README.md", encoding: .utf8) }

    /// The lines of the fenced block that begins with this line.
    private func block(_ fence: String) throws -> String {
        let after = try #require(text.components(separatedBy: "\n" + fence + "\n").dropFirst().first, "no block '\(fence)'")
        return try #require(after.components(separatedBy: "\n```").first)
    }

    @Test("the two commands are targets of the Makefile")
    func twoCommands() async throws {
        let commands = try block("```sh").split(separator: "\n").map(String.init)
        #expect(commands == ["make demo", "make test"])
        for command in commands { _ = try await shell("cd '\(Sandbox.checkout)'; \(command) --dry-run") }
    }

    @Test("a first machine of one's own is checked, built and booted")
    func ownMachine() async throws {
        // Without KVM, and beside other work, a machine takes its time.
        let commands = try block("```sh own-machine").replacing("discographer run ", with: "discographer run --timeout 1200 ")
        #expect(commands.split(separator: "\n").count <= 12)
        try await Sandbox.withFolder { folder in
            let programs = URL(fileURLWithPath: Sandbox.program).deletingLastPathComponent().path
            let output = try await shell(
                """
                cd '\(folder)'
                cp -a '\(Sandbox.checkout)/config-template' config-template
                export PATH='\(programs)':"$PATH"
                \(commands)
                """)
            #expect(output.contains("1 group, 1 machine: no error"))
            #expect(output.contains("mine/hello  'hello login:' after"))
            #expect(try await Sandbox.traces(of: folder) == [])
        }
    }
}
