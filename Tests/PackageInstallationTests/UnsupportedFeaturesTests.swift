import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageInstallation

/// Headers with one odd entry each, as rpm 6, other rpms and the future make them. Their layout is that of docs/manual/format_header.md of rpm.
@Suite("What librpm does not have")
struct UnsupportedFeaturesTests {
    private enum Value {
        case number(UInt32)
        case text(String)
        case texts([String])
        case bytes([UInt8])

        /// Type, count and bytes.
        var encoded: (type: UInt32, count: Int, bytes: [UInt8]) {
            switch self {
            case .number(let number): (4, 1, UnsupportedFeaturesTests.bytes(number))
            case .text(let text): (6, 1, Array(text.utf8) + [0])
            case .bytes(let bytes): (7, bytes.count, bytes)
            case .texts(let texts): (8, texts.count, texts.flatMap { Array($0.utf8) + [0] })
            }
        }
    }

    private static func bytes(_ number: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) } }

    private static func header(_ entries: [(tag: UInt32, value: Value)]) -> [UInt8] {
        var index: [UInt8] = []
        var data: [UInt8] = []
        for (tag, value) in entries.sorted(by: { $0.tag < $1.tag }) {
            let (type, count, bytes) = value.encoded
            if case .number = value { data += Array(repeating: 0, count: (4 - data.count % 4) % 4) }
            index += [tag, type, UInt32(data.count), UInt32(count)].flatMap(Self.bytes)
            data += bytes
        }
        return [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0] + Self.bytes(UInt32(index.count / 16)) + Self.bytes(UInt32(data.count)) + index + data
    }

    private func withPackage<Result>(
        signatures: [(tag: UInt32, value: Value)], _ entries: [(tag: UInt32, value: Value)], _ body: (FilePath) -> Result
    ) throws -> Result {
        let path = FilePath(FileManager.default.temporaryDirectory.path).appending("discographer-\(UUID()).rpm")
        defer { removeFile(path) }
        var signatures = Self.header(signatures)
        signatures += Array(repeating: 0, count: (8 - signatures.count % 8) % 8)
        let lead = [0xed, 0xab, 0xee, 0xdb, 3] + Array(repeating: UInt8(0), count: 91)
        try writeAtomically(lead + signatures + Self.header([(1000, .text("a"))] + entries), to: path)
        return body(path)
    }

    private func features(_ entries: [(tag: UInt32, value: Value)]) throws -> [String] {
        try withPackage(signatures: [(272, .text(String(repeating: "0", count: 64)))], entries) { UnsupportedFeatures.of($0) }
    }

    /// A signature of RFC 4880 §5.2.3 with a time, and numbers that are signed by nobody.
    private static func signature(version: UInt8 = 4, algorithm: UInt8, numbers: Int, digest: UInt8 = 8) -> [UInt8] {
        let body =
            [version, 0, algorithm, digest, 0, 6, 5, 2, 1, 1, 1, 1, 0, 10, 9, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0xaa, 0xbb]
            + Array(repeating: [0, 8, 0xff], count: numbers).joined()
        return [0x88, UInt8(body.count)] + body
    }

    @Test("a signature that librpm cannot check is named with its kind; it is not a package without a signature")
    func signatures() throws {
        func refusal(_ signatures: [(tag: UInt32, value: Value)]) throws -> String? {
            try withPackage(signatures: signatures, []) { PackageSignatures.refusal(of: $0) }
        }
        let rsa = Self.signature(algorithm: 1, numbers: 1)
        let ecdsa = Self.signature(algorithm: 19, numbers: 2)
        let ofRPM6 = Data(Self.signature(version: 6, algorithm: 27, numbers: 0)).base64EncodedString()
        #expect(try refusal([(272, .text("0"))]) == nil)
        #expect(try refusal([(268, .bytes(rsa))]) == nil)
        #expect(try refusal([(267, .bytes(Self.signature(algorithm: 17, numbers: 2)))]) == nil)
        #expect(try refusal([(267, .bytes(ecdsa))])?.hasPrefix("signed with ECDSA, which librpm") == true)
        #expect(try refusal([(1005, .bytes(ecdsa))])?.hasPrefix("signed with ECDSA, which librpm") == true)
        #expect(try refusal([(268, .bytes(Self.signature(algorithm: 1, numbers: 1, digest: 77)))])?.contains("digest 77") == true)
        #expect(try refusal([(278, .texts([ofRPM6]))])?.contains("Ed25519") == true)
        // One that can be checked is enough, unless librpm stumbles over the other one.
        #expect(try refusal([(268, .bytes(rsa)), (278, .texts([ofRPM6]))]) == nil)
        #expect(try refusal([(267, .bytes(ecdsa)), (268, .bytes(rsa))]) != nil)
    }

    private func requirement(_ name: String, _ version: String) -> [(tag: UInt32, value: Value)] {
        // RPMSENSE_RPMLIB | RPMSENSE_LESS | RPMSENSE_EQUAL.
        [(1048, .number(1 << 24 | 2 | 8)), (1049, .texts([name])), (1050, .texts([version]))]
    }

    @Test("what today's packages need is there")
    func supported() throws {
        let names = [
            ("rpmlib(FileDigests)", "4.6.0-1"), ("rpmlib(RichDependencies)", "4.12.0-1"), ("rpmlib(LargeFiles)", "4.12.0-1"),
            ("rpmlib(PayloadIsZstd)", "5.4.18-1"), ("rpmlib(PayloadIsXz)", "5.2-1"), ("(a if b else (c with d > 1))", ""),
        ]
        for (name, version) in names {
            let flags: UInt32 = name.hasPrefix("(") ? 0 : 1 << 24 | 10
            #expect(try features([(1048, .number(flags)), (1049, .texts([name])), (1050, .texts([version]))]) == [], "\(name)")
        }
        for compressor in ["gzip", "bzip2", "xz", "lzma", "zstd"] { #expect(try features([(1125, .text(compressor))]) == []) }
        #expect(try features([(1124, .text("cpio")), (5011, .number(8)), (5093, .number(8)), (5114, .number(4))]) == [])
        // %preuntrans of rpm 4.19 runs when a package is removed.
        #expect(try features([(5103, .text("true")), (5105, .texts(["/bin/sh"]))]) == [])
    }

    @Test("each feature is named, with the rpm that has it")
    func unsupported() throws {
        let rows: [(entries: [(tag: UInt32, value: Value)], words: [String])] = [
            ([(5114, .number(7))], ["package format of version 7", "rpm 7.0 and newer can"]),
            ([(1125, .text("lz4"))], ["compressed with lz4"]),
            ([(1124, .text("drpm"))], ["format drpm", "use the whole package"]),
            ([(5011, .number(77))], ["digests of its files", "unknown kind 77"]),
            ([(5093, .number(77))], ["digest of its payload", "unknown kind 77"]),
            (requirement("rpmlib(Teleportation)", "9.9.0-1"), ["rpmlib(Teleportation) 9.9.0-1", "rpm 9.9.0 and newer may have it"]),
            (requirement("rpmlib(FileDigests)", "99-1").map { $0.tag == 1048 ? (1048, .number(1 << 24 | 12)) : $0 }, ["rpmlib(FileDigests) 99-1"]),
            (requirement("rpmlib(ShortCircuited)", "4.9.0-1"), ["--short-circuit"]),
            ([(1048, .number(0)), (1049, .texts(["(a xor b)"])), (1050, .texts([""]))], ["(a xor b)"]),
        ]
        for row in rows {
            let lines = try features(row.entries)
            #expect(lines.count == 1 && lines[0].contains("librpm"), "\(lines)")
            for words in row.words { #expect(lines.first?.contains(words) == true, "\(words) in \(lines)") }
        }
        #expect(try features([(5114, .number(7)), (1125, .text("lz4")), (5011, .number(77))]).count == 3)
    }

    @Test("a file that is not a package has no features")
    func somethingElse() throws {
        #expect(UnsupportedFeatures.of("/proc/self/exe") == [])
        #expect(UnsupportedFeatures.of("/nonexistent") == [])
    }
}
