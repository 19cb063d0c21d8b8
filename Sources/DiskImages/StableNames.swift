import BuildStore

/// Identifiers that are derived, never random: UUIDv5 (RFC 9562 section 5.5) of group, machine and thing.
public struct StableNames: Sendable {
    private let prefix: String

    public init(group: String, machine: String, disk: String = "") {
        prefix = [group, machine, disk].joined(separator: "\u{0}")
    }

    /// In lower case with hyphens.
    public func uuid(_ thing: String) -> String { UUIDVersion5.uuid(of: prefix + "\u{0}" + thing) }

    /// machine-id(5): 32 hexadecimal digits.
    public var machineID: String { uuid("machine-id").filter { $0 != "-" } }

    /// Locally administered, unicast (IEEE 802): the second-lowest bit of the first octet set, the lowest clear.
    public func macAddress(_ interface: String) -> String {
        let digits = Array(uuid("mac " + interface).filter { $0 != "-" })
        let octets = stride(from: 0, to: 10, by: 2).map { String(digits[$0...($0 + 1)]) }
        return (["52"] + octets).joined(separator: ":")
    }
}
