public import SystemPackage

/// A path as the text that it nearly always is. FilePath's own form in JSON is a number for each byte, behind three keys: for 180 packages and three processes
/// that made and read took 60 ms.
public struct WrittenPath: Hashable, Codable, Sendable {
    public var path: FilePath

    public init(_ path: FilePath) { self.path = path }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) { path = FilePath(text) } else { path = try container.decode(FilePath.self) }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        // Bytes that are no UTF-8 are no text.
        if FilePath(path.string) == path { try container.encode(path.string) } else { try container.encode(path) }
    }
}
