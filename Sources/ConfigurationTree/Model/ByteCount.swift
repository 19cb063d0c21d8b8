/// A size in bytes. A type of its own, so that names do not have to say the unit.
///
/// Written in `machine.yaml` as a whole number and one of the suffixes `B KiB MiB GiB TiB` (powers of
/// 1024, IEC 80000-13) or `kB MB GB TB` (powers of 1000).
public struct ByteCount: Hashable, Comparable, Codable, Sendable {
    public var bytes: UInt64

    public init(_ bytes: UInt64) { self.bytes = bytes }

    public static func mebibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 20) }
    public static func gibibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 30) }

    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(UInt64.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}

extension ByteCount {
    /// The suffixes and what they stand for; the longer ones first, as `B` ends all of them.
    private static let units: [(suffix: String, factor: UInt64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000), ("B", 1),
    ]

    /// A size as people write it: a whole number above 0 and a suffix, such as `2GiB`.
    public init?(_ text: String) {
        let text = text.filter { $0 != " " }
        guard let unit = Self.units.first(where: { text.hasSuffix($0.suffix) }),
            let count = UInt64(digits: String(text.dropLast(unit.suffix.count)))
        else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.factor)
        guard !overflow, bytes > 0 else { return nil }
        self.init(bytes)
    }
}

extension ByteCount: CustomStringConvertible {
    /// For people: at most one decimal, in the largest binary unit in which the number is at least 1.
    public var description: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        guard unit > 0 else { return "\(bytes) B" }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
