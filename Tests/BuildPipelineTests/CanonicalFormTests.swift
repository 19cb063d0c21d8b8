import BuildStore
import ConfigurationTree
import SystemPackage
import Testing

@testable import BuildPipeline

/// The form that identities are made of. When it changes, no result of an earlier version is found again: then the expectations here change too, and the change log says so.
@Suite("The canonical form")
struct CanonicalFormTests {
    private enum Shape: Encodable {
        case point
        case circle(radius: UInt8, filled: Bool)
        case line(Int, Int)
    }

    private struct Inner: Encodable {
        var name: String
        var shape: Shape
    }

    private struct Value: Encodable {
        var zeta = "\"quoted\" \\ and a tab\t"
        var alpha: Int64 = -5
        var path: FilePath = "/usr/share/ä"
        var bytes: FilePath
        var paths: [FilePath?] = ["/a", nil]
        var inner = [
            Inner(name: "a", shape: .point), Inner(name: "b", shape: .circle(radius: 2, filled: true)), Inner(name: "c", shape: .line(1, 2)),
        ]
        var missing: String?
        var some: String? = "some"
        var map: [String: [Int]] = ["ß": [], "z": [1, 2], "Z": [3]]
        var numbered: [Int: String] = [1: "one"]
        var device = Device(path: "/dev/x", kind: .block(major: 1, minor: 2), permissions: 0o660, location: SourceLocation(file: "devices", line: 3))
        var size = ByteCount.gibibytes(1)
        let services = RunOnly("left out")
    }

    private var value: Value {
        get throws { Value(bytes: FilePath("/srv").appending(try #require(FilePath.Component(platformString: [0x61, -1, 0])))) }
    }

    @Test("of a value is these bytes")
    func bytes() throws {
        let encoding = try CanonicalEncoding(try value)
        #expect(
            String(decoding: encoding.value.bytes, as: UTF8.self)
                == #"{"alpha":-5,"bytes":{"bytes":"2f7372762f61ff"},"device":{"kind":{"block":{"major":1,"minor":2}},"path":"/dev/x","permissions":432},"#
                + #""inner":[{"name":"a","shape":{"point":{}}},{"name":"b","shape":{"circle":{"filled":true,"radius":2}}},"#
                + #"{"name":"c","shape":{"line":{"_0":1,"_1":2}}}],"map":{"Z":[3],"z":[1,2],"ß":[]},"numbered":{"1":"one"},"path":"/usr/share/ä","#
                + #""paths":["/a",null],"size":1073741824,"some":"some","zeta":"\"quoted\" \\ and a tab\u0009"}"#)
        #expect(encoding.origins == ["device": "devices:3"])
    }

    @Test("has this identity")
    func identity() throws {
        let identity = Identity(stage: "example", version: 7, value: try CanonicalEncoding(try value).value, needs: ["b", "a"])
        #expect(identity.hexadecimal == "7ff9af438201e6a7751b44e63dd8f1facb20ac0df656a4297c49ea4efc745230")
    }

    @Test("tells paths that are not UTF-8 from each other, and from texts that look like them")
    func paths() throws {
        func encoded(_ byte: CChar) throws -> CanonicalValue {
            try CanonicalEncoding(FilePath("/srv").appending(try #require(FilePath.Component(platformString: [byte, 0])))).value
        }
        #expect(try encoded(-1) != encoded(-2))
        #expect(try encoded(-1) != CanonicalEncoding("2f7372762fff").value)
        #expect(try encoded(0x61) == .text("/srv/a"))
    }

    @Test("of numbers that are not whole, or too large, does not exist")
    func numbers() {
        #expect(throws: EncodingError.self) { try CanonicalEncoding(["a": 0.5]) }
        #expect(throws: EncodingError.self) { try CanonicalEncoding(["a": UInt64.max]) }
    }
}
