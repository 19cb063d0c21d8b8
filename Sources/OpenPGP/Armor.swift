import Foundation

/// Takes OpenPGP packets out of the text that carries them (RFC 4880 §6.2).
///
/// librpm 4.18 takes keys alone, needs the checksum, which RFC 9580 (§6.1) made optional, and does not know all headers; GnuPG, and so dnf, is not so strict.
enum Armor {
    /// The content of each block of a kind, such as `PUBLIC KEY BLOCK`. Text around blocks, and blocks of other kinds, do not count.
    ///
    /// - Throws: `OpenPGPError`.
    static func blocks(_ kind: String, in bytes: [UInt8]) throws(OpenPGPError) -> [[UInt8]] {
        let lines = String(decoding: bytes, as: UTF8.self)
            .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { line in
                var line = line
                while line.last?.isWhitespace == true { line.removeLast() }
                return line
            }
        var blocks: [[UInt8]] = []
        var rest = lines[...]
        while let begin = rest.firstIndex(of: "-----BEGIN PGP \(kind)-----") {
            guard let end = rest[begin...].firstIndex(where: { $0.hasPrefix("-----END PGP ") }) else { throw .truncated }
            // Headers end with an empty line.
            let block = rest[(begin + 1)..<end]
            guard let blank = block.firstIndex(of: "") else { throw .notOpenPGP }
            blocks.append(try content(block[(blank + 1)...]))
            rest = rest[(end + 1)...]
        }
        return blocks
    }

    private static func content(_ lines: ArraySlice<Substring>) throws(OpenPGPError) -> [UInt8] {
        let text = lines.prefix { !$0.hasPrefix("=") }.joined().filter { !$0.isWhitespace }
        guard let data = Data(base64Encoded: text), !data.isEmpty else { throw .damaged }
        let bytes = Array(data)
        if let checksum = lines.first(where: { $0.hasPrefix("=") })?.dropFirst() {
            let sum = checksum24(bytes)
            guard let expected = Data(base64Encoded: String(checksum)), Array(expected) == [16, 8, 0].map({ UInt8(sum >> $0 & 0xff) })
            else { throw .damaged }
        }
        return bytes
    }

    /// CRC-24 (RFC 4880 §6.1).
    private static func checksum24(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(0xb704ce) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte) << 16) { sum, _ in
                sum & 0x80_0000 == 0 ? sum << 1 : (sum << 1 ^ 0x1864cfb) & 0xff_ffff
            } & 0xff_ffff
        }
    }
}
