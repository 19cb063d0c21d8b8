import Foundation

/// The SHA-256 of a canonical description of all inputs of a stage (DESIGN section 4): equal inputs, equal identity.
public struct Identity: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public let hexadecimal: String

    /// The identity of a stage whose inputs are `description`: its JSON with sorted keys, after the stage's name and version.
    ///
    /// - Parameters:
    ///   - stage: the stage's name; two stages never share an identity.
    ///   - version: raised when the stage's code makes something else of the same inputs.
    public init(stage: String, version: Int, of description: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var bytes = Data("\(stage) \(version)\n".utf8)
        bytes.append(try encoder.encode(description))
        hexadecimal = Digester.digest(.sha256, of: bytes).hexadecimal
    }

    public init(from decoder: any Decoder) throws {
        hexadecimal = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hexadecimal)
    }

    public static func < (left: Identity, right: Identity) -> Bool { left.hexadecimal < right.hexadecimal }

    public var description: String { hexadecimal }

    /// Enough of it for a folder's name and a person's eye.
    public var short: String { String(hexadecimal.prefix(16)) }
}
