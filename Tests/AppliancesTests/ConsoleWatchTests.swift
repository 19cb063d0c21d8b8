import Testing

@testable import Appliances

@Suite("Watching a console")
struct ConsoleWatchTests {
    private func found(_ expression: String, in chunks: [String]) async throws -> [Bool] {
        let watch = ConsoleWatch(expression: try Regex(expression))
        var found: [Bool] = []
        for chunk in chunks { found.append(await watch.add(chunk)) }
        return found
    }

    @Test("finds a prompt without a line end that arrives in pieces")
    func prompt() async throws {
        #expect(try await found("m login: $", in: ["boot\r\n\r\nm lo", "gin:", " "]) == [false, false, true])
    }

    @Test("finds a match at the beginning of a long text")
    func burst() async throws {
        #expect(try await found("Linux version", in: ["Linux version 6.1\r\n" + String(repeating: "line\r\n", count: 5000)]) == [true])
    }

    @Test("'^' matches only at the beginning of a line, not of the searched part")
    func lines() async throws {
        #expect(try await found("^login:", in: ["m login:", "\r\n", "login:"]) == [false, false, true])
        let long = String(repeating: "x", count: 4000) + "login:" + String(repeating: "y", count: 4090)
        #expect(try await found("^login:", in: [long, "z"]) == [false, false])
    }
}
