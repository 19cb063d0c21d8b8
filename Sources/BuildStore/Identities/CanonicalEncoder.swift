import HostSystem
import SystemPackage

/// A value of which only a part counts in an identity.
public protocol IdentityRepresentable {
    associatedtype IdentityValue: Encodable

    /// What of the value counts.
    var identityValue: IdentityValue { get }

    /// Where the value comes from, such as `tree/web/packages:3`; `nil` when nothing in the tree stands behind it.
    var origin: String? { get }
}

extension IdentityRepresentable {
    public var origin: String? { nil }
}

/// A place in the configuration. It never counts in an identity; it tells where the value that holds it comes from.
public protocol ConfigurationPlace {
    /// Such as `tree/web/packages:3`.
    var placeInWords: String { get }
}

/// What a stage needs to run and what has no say in its result: programs that run it, places of files whose digests are inputs, limits. It never counts in an
/// identity.
public struct RunOnly<Value: Sendable>: Encodable, Sendable {
    public var value: Value

    public init(_ value: Value) { self.value = value }

    public func encode(to encoder: any Encoder) throws {}
}

/// What the canonical encoder leaves out.
protocol LeftOut {}

extension RunOnly: LeftOut {}

/// A value in canonical form, and where its parts come from.
public struct CanonicalEncoding: Sendable {
    public var value: CanonicalValue
    /// By the path of a field, such as `devices[2]`: its place in the configuration.
    public var origins: [String: String]

    /// Encodes all stored properties but those of `RunOnly`, places, and what `IdentityRepresentable` leaves out. Paths are texts.
    ///
    /// - Throws: `EncodingError` for numbers that are not whole, and what `value` throws.
    public init(_ value: some Encodable) throws {
        let collector = OriginCollector()
        self.value = try encoded(value, path: "", collector) ?? .null
        origins = collector.origins
    }
}

private final class OriginCollector {
    var origins: [String: String] = [:]
}

/// - Returns: `nil`: the value does not count.
private func encoded<Value: Encodable>(_ value: Value, path: String, _ collector: OriginCollector) throws -> CanonicalValue? {
    switch value {
    case let text as String: return .text(text)
    case let path as FilePath: return CanonicalValue(bytes: path.bytes)
    case is any LeftOut: return nil
    case let place as any ConfigurationPlace:
        // The place of a field is that of the value which holds it.
        collector.origins[path.lastIndex(of: ".").map { String(path[..<$0]) } ?? ""] = place.placeInWords
        return nil
    case let part as any IdentityRepresentable:
        if let origin = part.origin { collector.origins[path] = origin }
        return try encoded(part, path, collector)
    case let value as CanonicalValue: return value
    default:
        let encoder = CanonicalEncoder(path: path, collector: collector)
        try value.encode(to: encoder)
        return encoder.result
    }
}

private func encoded<Part: IdentityRepresentable>(_ part: Part, _ path: String, _ collector: OriginCollector) throws -> CanonicalValue? {
    try encoded(part.identityValue, path: path, collector)
}

/// Builds one value.
private final class CanonicalEncoder: Encoder {
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    let path: String
    let collector: OriginCollector
    private enum Content {
        case nothing
        case single(CanonicalValue)
        case list(ListBuilder)
        case map(MapBuilder)
    }
    private var content = Content.nothing

    init(path: String, collector: OriginCollector) {
        self.path = path
        self.collector = collector
    }

    var result: CanonicalValue {
        switch content {
        // A type without stored properties.
        case .nothing: .map([:])
        case .single(let value): value
        case .list(let builder): .list(builder.values.map { $0() })
        case .map(let builder): .map(builder.values.mapValues { $0() })
        }
    }

    func setSingle(_ value: CanonicalValue) { content = .single(value) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        let builder: MapBuilder
        if case .map(let present) = content { builder = present } else { builder = MapBuilder() }
        content = .map(builder)
        return KeyedEncodingContainer(KeyedContainer<Key>(builder: builder, path: path, collector: collector))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        let builder = ListBuilder()
        content = .list(builder)
        return ListContainer(builder: builder, path: path, collector: collector)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleContainer(encoder: self) }
}

private final class MapBuilder { var values: [String: () -> CanonicalValue] = [:] }
private final class ListBuilder { var values: [() -> CanonicalValue] = [] }

private func whole<Number: BinaryInteger>(_ number: Number) throws -> CanonicalValue {
    guard let value = Int64(exactly: number) else {
        throw EncodingError.invalidValue(number, .init(codingPath: [], debugDescription: "the number \(number) has more than 63 bits"))
    }
    return .number(value)
}

private func refused(_ number: some BinaryFloatingPoint & CustomStringConvertible) -> any Error {
    EncodingError.invalidValue(number, .init(codingPath: [], debugDescription: "identities are made of whole numbers, not of \(number)"))
}

private struct KeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let builder: MapBuilder
    let path: String
    let collector: OriginCollector
    let codingPath: [any CodingKey] = []

    private func put(_ value: CanonicalValue, _ key: Key) { builder.values[key.stringValue] = { value } }
    private func place(_ key: Key) -> String { path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)" }

    mutating func encodeNil(forKey key: Key) { put(.null, key) }
    mutating func encode(_ value: Bool, forKey key: Key) { put(.truth(value), key) }
    mutating func encode(_ value: String, forKey key: Key) { put(.text(value), key) }
    mutating func encode(_ value: Double, forKey key: Key) throws { throw refused(value) }
    mutating func encode(_ value: Float, forKey key: Key) throws { throw refused(value) }
    mutating func encode(_ value: Int, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: Int8, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: Int16, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: Int32, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: Int64, forKey key: Key) { put(.number(value), key) }
    mutating func encode(_ value: UInt, forKey key: Key) throws { put(try whole(value), key) }
    mutating func encode(_ value: UInt8, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: UInt16, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: UInt32, forKey key: Key) { put(.number(Int64(value)), key) }
    mutating func encode(_ value: UInt64, forKey key: Key) throws { put(try whole(value), key) }
    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        if let result = try encoded(value, path: place(key), collector) { put(result, key) }
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        let nested = MapBuilder()
        builder.values[key.stringValue] = { .map(nested.values.mapValues { $0() }) }
        return KeyedEncodingContainer(KeyedContainer<Nested>(builder: nested, path: place(key), collector: collector))
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        let nested = ListBuilder()
        builder.values[key.stringValue] = { .list(nested.values.map { $0() }) }
        return ListContainer(builder: nested, path: place(key), collector: collector)
    }

    mutating func superEncoder() -> any Encoder { CanonicalEncoder(path: path, collector: collector) }
    mutating func superEncoder(forKey key: Key) -> any Encoder { CanonicalEncoder(path: place(key), collector: collector) }
}

private struct ListContainer: UnkeyedEncodingContainer {
    let builder: ListBuilder
    let path: String
    let collector: OriginCollector
    let codingPath: [any CodingKey] = []

    var count: Int { builder.values.count }
    private func put(_ value: CanonicalValue) { builder.values.append { value } }
    private var place: String { "\(path)[\(count)]" }

    mutating func encodeNil() { put(.null) }
    mutating func encode(_ value: Bool) { put(.truth(value)) }
    mutating func encode(_ value: String) { put(.text(value)) }
    mutating func encode(_ value: Double) throws { throw refused(value) }
    mutating func encode(_ value: Float) throws { throw refused(value) }
    mutating func encode(_ value: Int) { put(.number(Int64(value))) }
    mutating func encode(_ value: Int8) { put(.number(Int64(value))) }
    mutating func encode(_ value: Int16) { put(.number(Int64(value))) }
    mutating func encode(_ value: Int32) { put(.number(Int64(value))) }
    mutating func encode(_ value: Int64) { put(.number(value)) }
    mutating func encode(_ value: UInt) throws { put(try whole(value)) }
    mutating func encode(_ value: UInt8) { put(.number(Int64(value))) }
    mutating func encode(_ value: UInt16) { put(.number(Int64(value))) }
    mutating func encode(_ value: UInt32) { put(.number(Int64(value))) }
    mutating func encode(_ value: UInt64) throws { put(try whole(value)) }
    mutating func encode<Value: Encodable>(_ value: Value) throws {
        if let result = try encoded(value, path: place, collector) { put(result) }
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        let nested = MapBuilder()
        let container = KeyedContainer<Nested>(builder: nested, path: place, collector: collector)
        builder.values.append { .map(nested.values.mapValues { $0() }) }
        return KeyedEncodingContainer(container)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        let nested = ListBuilder()
        let container = ListContainer(builder: nested, path: place, collector: collector)
        builder.values.append { .list(nested.values.map { $0() }) }
        return container
    }

    mutating func superEncoder() -> any Encoder { CanonicalEncoder(path: place, collector: collector) }
}

private struct SingleContainer: SingleValueEncodingContainer {
    let encoder: CanonicalEncoder
    let codingPath: [any CodingKey] = []

    mutating func encodeNil() { encoder.setSingle(.null) }
    mutating func encode(_ value: Bool) { encoder.setSingle(.truth(value)) }
    mutating func encode(_ value: String) { encoder.setSingle(.text(value)) }
    mutating func encode(_ value: Double) throws { throw refused(value) }
    mutating func encode(_ value: Float) throws { throw refused(value) }
    mutating func encode(_ value: Int) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: Int8) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: Int16) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: Int32) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: Int64) { encoder.setSingle(.number(value)) }
    mutating func encode(_ value: UInt) throws { encoder.setSingle(try whole(value)) }
    mutating func encode(_ value: UInt8) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: UInt16) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: UInt32) { encoder.setSingle(.number(Int64(value))) }
    mutating func encode(_ value: UInt64) throws { encoder.setSingle(try whole(value)) }
    mutating func encode<Value: Encodable>(_ value: Value) throws {
        if let result = try encoded(value, path: encoder.path, encoder.collector) { encoder.setSingle(result) }
    }
}
