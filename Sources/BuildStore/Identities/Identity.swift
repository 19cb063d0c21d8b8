import Foundation

/// The SHA-256 of the canonical encoding of a stage with the identities of what it needs (docs/stages.md): equal inputs, equal identity.
public struct Identity: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public let hexadecimal: String

    /// The identity of a stage.
    ///
    /// - Parameters:
    ///   - stage: the stage's name; two kinds of stages never share an identity.
    ///   - version: raised when the stage's code makes something else of the same inputs.
    ///   - value: all that the stage reads, in canonical form.
    ///   - needs: the identities, or content digests, of the results that it reads, in the stage's own order.
    public init(stage: String, version: Int, value: CanonicalValue, needs: [String]) {
        let whole = CanonicalValue.map([
            "needs": .list(needs.map { .text($0) }), "stage": .text(stage), "value": value, "version": .number(Int64(version)),
        ])
        hexadecimal = Digester.digest(.sha256, of: whole.bytes).hexadecimal
    }

    /// The identity of something that is not a stage, such as what is remembered of a repository.
    ///
    /// - Throws: `EncodingError` when the value has no canonical form.
    public init(stage: String, version: Int, of value: some Encodable) throws {
        self.init(stage: stage, version: version, value: try CanonicalEncoding(value).value, needs: [])
    }

    /// An identity that was written down.
    ///
    /// - Returns: `nil` when the text is not 64 lower-case hexadecimal digits.
    public init?(_ text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else { return nil }
        hexadecimal = text
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let identity = Identity(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "an identity has 64 hexadecimal digits")
        }
        self = identity
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hexadecimal)
    }

    public static func < (left: Identity, right: Identity) -> Bool { left.hexadecimal < right.hexadecimal }

    public var description: String { hexadecimal }

    /// The first 12 digits, for people.
    public var short: String { String(hexadecimal.prefix(12)) }
}
