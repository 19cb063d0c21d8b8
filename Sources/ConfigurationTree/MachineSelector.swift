/// What the command line names: a group, or one machine of it.
public struct MachineSelector: Hashable, Sendable, CustomStringConvertible {
    public var group: String
    public var machine: String?

    /// `group` or `group/machine`. A final `/`, which shells add when they complete the name of a folder, is accepted.
    public init?(_ text: String) {
        let name = text.hasSuffix("/") ? text.dropLast() : text[...]
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !["", ".", ".."].contains($0) }) else { return nil }
        group = parts[0]
        machine = parts.count == 2 ? parts[1] : nil
    }

    public var description: String { machine.map { "\(group)/\($0)" } ?? group }
}
