/// UUIDs made of names (RFC 9562 section 5.5).
public enum UUIDVersion5 {
    /// The DNS name space of RFC 9562 section 6.6; names begin with the project's own.
    private static let nameSpace: [UInt8] = [
        0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
    ]

    /// In lower case with hyphens.
    public static func uuid(of name: String) -> String {
        var bytes = Array(
            Digester.digest(.sha1, of: nameSpace + Array("discographer\u{0}".utf8) + Array(name.utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0f | 0x50
        bytes[8] = bytes[8] & 0x3f | 0x80
        let digits = bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }
        let ends = [4, 6, 8, 10, 16]
        var begin = 0
        return ends.map { end in
            defer { begin = end }
            return digits[begin..<end].joined()
        }.joined(separator: "-")
    }
}
