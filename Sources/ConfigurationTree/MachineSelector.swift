/// What the command line names: a group, or one machine of it.
public struct MachineSelector: Hashable, Sendable, CustomStringConvertible {
    public var group: String
    public var machine: String?

    /// `group` or `group/machine`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        group = parts[0]
        machine = parts.count == 2 ? parts[1] : nil
    }

    public var description: String { machine.map { "\(group)/\($0)" } ?? group }
}
