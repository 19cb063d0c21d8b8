import Foundation
import Testing

@testable import OpenPGP

/// The frames of packets are made here by RFC 4880; real keys are in `Tests/Differential/keys-with-dnf`.
@Suite("Files of OpenPGP keys")
struct FilesTests {
    private static let key: [UInt8] = packet(6, [4, 0, 0, 0, 1, 1] + Array(repeating: 7, count: 40))
    private static let name: [UInt8] = packet(13, Array("somebody".utf8))

    /// Of the old form (§4.2.1), as GnuPG writes it.
    private static func packet(_ tag: UInt8, _ body: [UInt8]) -> [UInt8] { [0x80 | tag << 2, UInt8(body.count)] + body }

    private func armoured(_ bytes: [UInt8], kind: String = "PUBLIC KEY BLOCK", checksum: String? = nil, headers: String = "") -> String {
        "-----BEGIN PGP \(kind)-----\n\(headers)\n\(Data(bytes).base64EncodedString())\n\(checksum.map { "=\($0)\n" } ?? "")-----END PGP \(kind)-----\n"
    }

    private func count(_ text: String) throws -> Int { try OpenPGPCertificate.all(inFile: Array(text.utf8)).count }

    @Test("armoured: one, several blocks, several keys in a block, CR LF, text around, unknown headers, without a checksum")
    func armouredForms() throws {
        let one = armoured(Self.key + Self.name)
        #expect(try count(one) == 1)
        #expect(try count(one + "text\n" + one) == 2)
        #expect(try count(armoured(Self.key + Self.name + Self.key + Self.name)) == 2)
        #expect(try count(one.replacing("\n", with: "\r\n")) == 1)
        #expect(try count("\u{feff}pub rsa2048\n\n" + one + "bye") == 1)
        #expect(try count(armoured(Self.key, headers: "Some-Header: value\nComment: x\n")) == 1)
        #expect(try count(armoured([0x88, 1, 4], kind: "SIGNATURE") + one) == 1)
    }

    @Test("without armour: one, and several")
    func binary() throws {
        let certificates = try OpenPGPCertificate.all(inFile: Self.key + Self.name + Self.key)
        #expect(certificates.map(\.bytes) == [Self.key + Self.name, Self.key])
        #expect(certificates.allSatisfy { $0.version == 4 && $0.algorithm == 1 })
    }

    @Test("packets of the new form have lengths of one, two and five bytes (§4.2.2)")
    func newForm() throws {
        for (length, header) in [(100, [100]), (1000, [0xc3, 0x28]), (70_000, [0xff, 0, 1, 0x11, 0x70])] as [(Int, [UInt8])] {
            let bytes = [0xc6] + header + [4] + Array(repeating: UInt8(1), count: length - 1)
            #expect(try OpenPGPPacket.sequence(bytes).map(\.body.count) == [length])
        }
    }

    @Test("what is truncated, damaged or something else is told apart")
    func failures() throws {
        func error(_ bytes: [UInt8]) -> OpenPGPError? {
            do {
                return try { () throws(OpenPGPError) in
                    _ = try OpenPGPCertificate.all(inFile: bytes); return nil
                }()
            } catch { return error }
        }
        #expect(error([]) == .notOpenPGP)
        #expect(error(Array("<html>".utf8)) == .notOpenPGP)
        #expect(error(Self.name) == .notOpenPGP)
        #expect(error(Self.key.dropLast()) == .truncated)
        #expect(error(Array(armoured(Self.key).utf8.dropLast(40))) == .truncated)
        #expect(error(Array(armoured(Self.key, checksum: "AAAA").utf8)) == .damaged)
    }

    /// RFC 9580, A.1: the sample of a version 4 key, with its checksum.
    @Test("the checksum of an armour is that of RFC 4880")
    func checksum() throws {
        let sample = """
            -----BEGIN PGP PUBLIC KEY BLOCK-----

            xjMEU/NfCxYJKwYBBAHaRw8BAQdAPwmJlL3ZFu1AUxl5NOSofIBzOhKA1i+AEJku
            Q+47JAY=
            -----END PGP PUBLIC KEY BLOCK-----

            """
        let certificate = try #require(try OpenPGPCertificate.all(inFile: Array(sample.utf8)).first)
        #expect(certificate.algorithm == 22)
    }
}
