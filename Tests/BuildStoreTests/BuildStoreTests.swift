import Foundation
import SystemPackage
import Testing

@testable import BuildStore

@Suite("Identities and checksums")
struct IdentityTests {
    @Test("depend on stage, version and every input, not on the order of keys")
    func identity() throws {
        let one = try Identity(stage: "a", version: 1, of: ["x": 1, "y": 2])
        #expect(try Identity(stage: "a", version: 1, of: ["y": 2, "x": 1]) == one)
        #expect(try Identity(stage: "b", version: 1, of: ["x": 1, "y": 2]) != one)
        #expect(try Identity(stage: "a", version: 2, of: ["x": 1, "y": 2]) != one)
        #expect(try Identity(stage: "a", version: 1, of: ["x": 1, "y": 3]) != one)
        #expect(one.hexadecimal.count == 64)
    }

    @Test("checksums are those of FIPS 180 and RFC 1321")
    func checksums() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "abc".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try Checksum(.md5, ofFile: FilePath(file)).hexadecimal == "900150983cd24fb0d6963f7d28e17f72")
        #expect(try Checksum(.sha1, ofFile: FilePath(file)).hexadecimal == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            try Checksum(.sha256, ofFile: FilePath(file)).hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("UUIDs have version 5 and the variant of RFC 9562")
    func uuid() {
        let uuid = UUIDVersion5.uuid(of: "demo")
        #expect(UUID(uuidString: uuid) != nil)
        #expect(Array(uuid)[14] == "5")
        #expect("89ab".contains(Array(uuid)[19]))
        #expect(UUIDVersion5.uuid(of: "demo") == uuid)
        #expect(UUIDVersion5.uuid(of: "demo2") != uuid)
    }

    @Test("a tree's digest follows names, modes, links and contents, and nothing else")
    func treeDigest() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder.appendingPathComponent("a/b"), withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("a/b/c")
        try "1".write(to: file, atomically: true, encoding: .utf8)
        // Each look is a new one: within a run a folder is looked at once.
        func digest(_ path: String) throws -> String? { try InputDigests(remembering: nil).digest(of: FilePath(path)) }
        let first = try digest(folder.path)
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 5)], ofItemAtPath: file.path)
        #expect(try digest(folder.path) == first)
        try "2".write(to: file, atomically: true, encoding: .utf8)
        let second = try digest(folder.path)
        #expect(second != first)
        // A checkout's umask does not count, the executable bit does.
        try FileManager.default.setAttributes([.posixPermissions: 0o664], ofItemAtPath: file.path)
        #expect(try digest(folder.path) == second)
        try FileManager.default.setAttributes([.posixPermissions: 0o750], ofItemAtPath: file.path)
        #expect(try digest(folder.path) != second)
        #expect(try digest(folder.path + "/nothing") == nil)
        // A name that is no text.
        let odd = FilePath(folder.path).appending(try #require(FilePath.Component(platformString: [0x61, -1, -2, 0])))
        let third = try digest(folder.path)
        try FileDescriptor.open(odd, .writeOnly, options: [.create], permissions: .ownerReadWrite).close()
        #expect(try digest(folder.path) != third)
    }
}
