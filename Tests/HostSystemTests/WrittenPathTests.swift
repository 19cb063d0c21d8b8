import Foundation
import HostSystem
import SystemPackage
import Testing

@Suite("Paths in JSON")
struct WrittenPathTests {
    @Test("round-trip whatever their bytes", arguments: [[0x2f, 0x61], [0x2f, 0xc3, 0xa4, 0x22, 0x0a], [0x2f, 0xff, 0x2f, 0xfe]])
    func roundTrip(bytes: [UInt8]) throws {
        let path = (bytes + [0]).map(CChar.init(bitPattern:)).withUnsafeBufferPointer { $0.baseAddress.map { FilePath(platformString: $0) } }
        let written = WrittenPath(try #require(path))
        #expect(try JSONDecoder().decode(WrittenPath.self, from: JSONEncoder().encode(written)) == written)
    }

    @Test("are encoded as text if they are UTF-8")
    func text() throws {
        #expect(try JSONEncoder().encode([WrittenPath("a.rpm")]) == Data(#"["a.rpm"]"#.utf8))
    }
}
