import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import BuildStore

@Suite("Digests")
struct DigestTests {
    /// RFC 1321 appendix A.5, and the examples of FIPS 180-4 (csrc.nist.gov, "Cryptographic Standards and Guidelines").
    @Test(
        "are those of the standards' examples",
        arguments: [
            (Checksum.Algorithm.md5, "", "d41d8cd98f00b204e9800998ecf8427e"),
            (.md5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
            (.sha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (.sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (.sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                .sha384, "abc",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
            ),
            (
                .sha512, "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ])
    func examples(algorithm: Checksum.Algorithm, text: String, expected: String) {
        #expect(Digester.digest(algorithm, of: Array(text.utf8)).hexadecimal == expected)
        let digester = Digester(algorithm)
        for byte in text.utf8 { digester.update([byte]) }
        #expect(digester.finalize().hexadecimal == expected)
    }

    @Test("of a file, or of its beginning, are those of coreutils", arguments: Checksum.Algorithm.allCases)
    func coreutils(algorithm: Checksum.Algorithm) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        // More than one read, and no multiple of a block.
        let bytes = (0..<(3 << 20) + 77).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        try Data(bytes).write(to: file)
        let judge = FilePath("/usr/bin/\(algorithm.rawValue)sum")
        let whole = try await Subprocess.run(
            .path(judge), arguments: [file.path], output: .string(limit: 1 << 12), error: .discarded)
        #expect(try Checksum(algorithm, ofFile: FilePath(file.path)).hexadecimal == firstWord(whole.standardOutput))
        let beginning = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", "head -c 1500000 \"$1\" | \(judge)", "sh", file.path],
            output: .string(limit: 1 << 12), error: .discarded)
        #expect(
            try Checksum(algorithm, ofFile: FilePath(file.path), length: 1_500_000).hexadecimal
                == firstWord(beginning.standardOutput))
    }

    private func firstWord(_ text: String?) -> String? {
        text?.split(separator: " ").first.map(String.init)
    }
}
