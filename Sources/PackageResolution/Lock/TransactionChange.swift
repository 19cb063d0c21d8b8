internal import CSolv
import ConfigurationTree
import SystemPackage

/// One difference between two transactions of a machine.
public struct TransactionChange: Hashable, Codable, Sendable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
        case added, removed, upgraded, downgraded
        /// The same version with another architecture.
        case replaced
        /// The same name, version and architecture with other bytes.
        case rebuilt
    }

    public var kind: Kind
    public var before: TransactionPackage?
    public var after: TransactionPackage?

    public var name: String { after?.name ?? before?.name ?? "" }

    /// How many bytes the installed packages grow by.
    public var growth: Int64 {
        Int64(clamping: after?.installedSize.bytes ?? 0) - Int64(clamping: before?.installedSize.bytes ?? 0)
    }

    /// The changes from one set of packages to another, sorted by name.
    ///
    /// - Throws: `Errno` when there is no memory.
    public static func changes(
        from before: [TransactionPackage], to after: [TransactionPackage]
    ) throws -> [TransactionChange] {
        let order = try SolvPool()
        let old = Dictionary(grouping: before, by: \.name)
        let new = Dictionary(grouping: after, by: \.name)
        return Set(old.keys).union(new.keys).sorted().flatMap { name in
            changes(from: old[name] ?? [], to: new[name] ?? [], order)
        }
    }

    /// The changes of packages of one name.
    private static func changes(
        from before: [TransactionPackage], to after: [TransactionPackage], _ order: SolvPool
    ) -> [TransactionChange] {
        var changes: [TransactionChange] = []
        var gone = before.sorted { $0.nevra < $1.nevra }
        var new = after.sorted { $0.nevra < $1.nevra }
        for one in gone {
            guard let same = new.firstIndex(where: { $0.nevra == one.nevra }) else { continue }
            if new[same].checksum != one.checksum {
                changes.append(TransactionChange(kind: .rebuilt, before: one, after: new[same]))
            }
            new.remove(at: same)
            gone.removeAll { $0 == one }
        }
        // One version replaces another; with several architectures, each replaces its own.
        for architecture in Set(gone.map(\.architecture)).sorted() {
            let pair = (gone.filter { $0.architecture == architecture }, new.filter { $0.architecture == architecture })
            guard pair.0.count == 1, pair.1.count == 1 else { continue }
            changes.append(change(from: pair.0[0], to: pair.1[0], order))
            gone.removeAll { $0 == pair.0[0] }
            new.removeAll { $0 == pair.1[0] }
        }
        if gone.count == 1, new.count == 1 {
            changes.append(change(from: gone[0], to: new[0], order))
        } else {
            changes += gone.map { TransactionChange(kind: .removed, before: $0) }
            changes += new.map { TransactionChange(kind: .added, after: $0) }
        }
        return changes
    }

    private static func change(
        from before: TransactionPackage, to after: TransactionPackage, _ order: SolvPool
    ) -> TransactionChange {
        let comparison = order.compareVersions(before.evr, after.evr)
        return TransactionChange(
            kind: comparison < 0 ? .upgraded : comparison > 0 ? .downgraded : .replaced, before: before, after: after)
    }
}

extension TransactionPackage {
    /// `[epoch:]version-release`.
    public var evr: String { "\(epoch == 0 ? "" : "\(epoch):")\(version)-\(release)" }
}

/// The changes of several machines, with shared changes listed once, for the reviewer of a merge request.
public struct GroupChanges: Hashable, Sendable {
    /// Changes that exactly these machines have.
    public struct Part: Hashable, Codable, Sendable {
        public var machines: [String]
        public var changes: [TransactionChange]
    }

    /// First the changes that all machines share, then those that most of them share.
    public var parts: [Part]

    public init(_ machines: [(name: String, changes: [TransactionChange])]) {
        var owners: [TransactionChange: [String]] = [:]
        var order: [TransactionChange] = []
        for machine in machines {
            for change in machine.changes.map(\.withoutReason) {
                if owners[change] == nil { order.append(change) }
                owners[change, default: []].append(machine.name)
            }
        }
        let grouped = Dictionary(grouping: order) { owners[$0] ?? [] }
        parts = grouped.map { Part(machines: $0.key, changes: $0.value.sorted { $0.name < $1.name }) }
            .sorted { ($1.machines.count, $0.machines.joined()) < ($0.machines.count, $1.machines.joined()) }
    }
}

extension TransactionChange {
    /// The change without the reasons for packages, which differ from machine to machine.
    fileprivate var withoutReason: TransactionChange {
        var copy = self
        copy.before?.reason = .dependency
        copy.after?.reason = .dependency
        return copy
    }
}
