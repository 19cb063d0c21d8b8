/// A value in the one form that identities are made of: maps without an order, lists, texts, whole numbers, truth values.
///
/// The form is this project's own. `bytes` writes it as JSON (RFC 8259) without white space, with the keys of maps in the order of their UTF-8 bytes. A change of
/// the form changes every identity; a test pins it.
public indirect enum CanonicalValue: Hashable, Sendable {
    case null
    case truth(Bool)
    case number(Int64)
    case text(String)
    case list([CanonicalValue])
    case map([String: CanonicalValue])

    /// Bytes that are not UTF-8, such as some file names: a map with the one key `bytes`.
    public init(bytes: some Collection<UInt8>) {
        if let text = String(validating: bytes, as: UTF8.self) {
            self = .text(text)
        } else {
            self = .map(["bytes": .text(bytes.hexadecimal)])
        }
    }

    /// The canonical encoding.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .truth(let value): bytes += (value ? "true" : "false").utf8
        case .number(let value): bytes += "\(value)".utf8
        case .text(let value): Self.append(value, to: &bytes)
        case .list(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .map(let values):
            bytes.append(UInt8(ascii: "{"))
            let sorted = values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (index, entry) in sorted.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.append(entry.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                entry.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// As `bytes`, with a line for each value and two spaces for each level: for files that people read too.
    public var prettyBytes: [UInt8] {
        var bytes: [UInt8] = []
        appendPretty(to: &bytes, indentation: 0)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private func appendPretty(to bytes: inout [UInt8], indentation: Int) {
        func line(_ level: Int) { bytes += "\n".utf8 + [UInt8](repeating: UInt8(ascii: " "), count: 2 * level) }
        switch self {
        case .list(let values) where !values.isEmpty:
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                line(indentation + 1)
                value.appendPretty(to: &bytes, indentation: indentation + 1)
            }
            line(indentation)
            bytes.append(UInt8(ascii: "]"))
        case .map(let values) where !values.isEmpty:
            bytes.append(UInt8(ascii: "{"))
            let sorted = values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (index, entry) in sorted.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                line(indentation + 1)
                Self.append(entry.key, to: &bytes)
                bytes += ": ".utf8
                entry.value.appendPretty(to: &bytes, indentation: indentation + 1)
            }
            line(indentation)
            bytes.append(UInt8(ascii: "}"))
        default: append(to: &bytes)
        }
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: bytes += ("\\u00" + [byte].hexadecimal).utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension CanonicalValue {
    /// The value of a map's key; `nil` where there is none.
    public subscript(_ key: String) -> CanonicalValue? {
        guard case .map(let values) = self else { return nil }
        return values[key]
    }

    public var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    public var list: [CanonicalValue]? {
        guard case .list(let values) = self else { return nil }
        return values
    }
}

extension CanonicalValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .truth(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([CanonicalValue].self) {
            self = .list(value)
        } else {
            self = .map(try container.decode([String: CanonicalValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .truth(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .map(let values): try container.encode(values)
        }
    }
}
