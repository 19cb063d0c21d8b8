import Glibc

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
            let sorted = values.sorted { Self.precedes($0.key, $1.key) }
            for (index, entry) in sorted.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.append(entry.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                entry.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// A list of maps with the same keys, with a line for each value and two spaces for each level: for files that people read too. It is written without the maps
    /// being made: a transaction has hundreds of packages, and every run compares that of every machine.
    ///
    /// - Parameters:
    ///   - keys: in the order of their UTF-8 bytes.
    ///   - rows: each map's values, in the order of the keys.
    ///   - indentation: the level at which the list begins.
    public static func prettyTable(keys: [String], rows: [[CanonicalValue]], indentation: Int) -> [UInt8] {
        guard !rows.isEmpty else { return Array("[]".utf8) }
        let spaces = String(repeating: " ", count: 2 * indentation)
        let fields = keys.map { key in
            var bytes = Array("\n\(spaces)    ".utf8)
            append(key, to: &bytes)
            return bytes + ": ".utf8
        }
        var bytes = Array("[".utf8)
        bytes.reserveCapacity(rows.count * keys.count * 40)
        for (index, row) in rows.enumerated() {
            bytes += "\(index > 0 ? "," : "")\n\(spaces)  {".utf8
            for (index, (field, value)) in zip(fields, row).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                bytes += field
                value.append(to: &bytes)
            }
            bytes += "\n\(spaces)  }".utf8
        }
        return bytes + "\n\(spaces)]".utf8
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            // Nearly all texts are plain; every run encodes tens of thousands of them.
            if utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
                bytes += utf8
                return
            }
            for byte in utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
                case 0..<0x20: bytes += ("\\u00" + [byte].hexadecimal).utf8
                default: bytes.append(byte)
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// By the bytes of UTF-8.
    private static func precedes(_ first: String, _ second: String) -> Bool {
        var (first, second) = (first, second)
        return first.withUTF8 { first in
            second.withUTF8 { second in
                guard let left = first.baseAddress, let right = second.baseAddress else { return first.count < second.count }
                let order = memcmp(left, right, min(first.count, second.count))
                return order == 0 ? first.count < second.count : order < 0
            }
        }
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
