import Testing

@testable import HostSystem

@Suite("Streams of a worker")
struct StreamTests {
    @Test("a character at the border of two chunks stays whole", arguments: 1...7)
    func borders(size: Int) {
        let text = "aä€😀z, 日本語, \u{301}é\n"
        let bytes = Array(text.utf8)
        var decoder = TextDecoder()
        var decoded = ""
        for begin in stride(from: 0, to: bytes.count, by: size) {
            decoded += decoder.text(adding: Array(bytes[begin..<min(begin + size, bytes.count)]))
        }
        #expect(decoded + decoder.end() == text)
    }

    @Test("bytes that are not UTF-8 become U+FFFD, and nothing waits for more of them")
    func invalid() {
        var decoder = TextDecoder()
        #expect(decoder.text(adding: [0x61, 0xFF]) == "a\u{FFFD}")
        #expect(decoder.text(adding: [0x80, 0x80, 0x80, 0x80, 0x62]) == String(repeating: "\u{FFFD}", count: 4) + "b")
        #expect(decoder.text(adding: [0xE2, 0x82]) == "")
        #expect(decoder.end() == "\u{FFFD}")
        #expect(decoder.end() == "")
    }

    @Test("lines are cut at LF, wherever the chunks end", arguments: 1...5)
    func lines(size: Int) {
        let bytes = Array("one\n\ntwo three\nrest".utf8)
        var reader = LineReader()
        var lines: [[UInt8]] = []
        for begin in stride(from: 0, to: bytes.count, by: size) {
            lines += reader.lines(adding: Array(bytes[begin..<min(begin + size, bytes.count)]))
        }
        #expect(lines.map { String(decoding: $0, as: UTF8.self) } == ["one", "", "two three"])
    }

    @Test("long lines and long logs take time in proportion to their length", .timeLimit(.minutes(1)))
    func long() {
        let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
        var reader = LineReader()
        var ending = LogEnding()
        for _ in 0..<16_384 {
            #expect(reader.lines(adding: chunk).isEmpty)
            ending.append(chunk)
        }
        #expect(reader.lines(adding: [UInt8(ascii: "\n")]).map(\.count) == [64 << 20])
        ending.append(Array("€end".utf8))
        #expect(ending.text.hasSuffix("€end"))
        #expect(ending.text.utf8.count == 16_384)
    }

    @Test("the ending of a log begins with a whole character")
    func ending() {
        var ending = LogEnding()
        ending.append(Array(String(repeating: "€", count: 20_000).utf8))
        #expect(!ending.text.contains("\u{FFFD}"))
        #expect(ending.text.utf8.count > 16_380)
    }
}
