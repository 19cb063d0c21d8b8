import ConfigurationTree
import PackageResolution

/// What differs from the locks: a line a machine, then each group's changes with what machines share said once.
struct ChangeReport {
    private let json: Bool
    private var machines: [(machine: Machine, changes: [TransactionChange], count: Int, inputs: [ResolutionDiagnostic])] = []
    private var failures: [(machine: Machine, error: any Error)] = []

    init(json: Bool) { self.json = json }

    /// A lock that `build --locked` would refuse is one, whatever packages come of it.
    var hasChanges: Bool { machines.contains { !$0.changes.isEmpty || !$0.inputs.isEmpty } }

    /// - Parameter inputs: what of the tree is otherwise than when the lock was made.
    mutating func add(
        _ machine: Machine, _ changes: [TransactionChange], of count: Int, because inputs: [ResolutionDiagnostic] = []
    ) {
        machines.append((machine, changes, count, inputs))
    }

    mutating func add(_ machine: Machine, _ error: any Error) { failures.append((machine, error)) }

    func print() throws {
        for one in machines {
            if json {
                try printJSON(MachineJSON(one.machine.fullName, one.changes, one.inputs))
            } else {
                printLine("\(one.machine.fullName): \(Self.summary(one.changes, of: one.count))")
                for input in one.inputs {
                    printLine("  \(input.locations.first.map { "\($0): " } ?? "")\(input.message)")
                }
            }
        }
        for one in failures {
            if json { try printJSON(ResolutionJSON.Failure(one.machine.fullName, one.error)) }
            printError("\(one.machine.fullName): \(one.error)")
        }
        var groups: [String] = []
        for one in machines where !groups.contains(one.machine.groupName) { groups.append(one.machine.groupName) }
        for group in groups { try print(group) }
    }

    private func print(_ group: String) throws {
        let members = machines.filter { $0.machine.groupName == group }
        let parts = GroupChanges(members.map { ($0.machine.name, $0.changes) }).parts
        if json {
            try printJSON(GroupJSON(group, parts, of: members.count))
            return
        }
        for part in parts {
            let title =
                part.machines.count < members.count
                ? part.machines.map { "\(group)/\($0)" }.joined(separator: ", ")
                : members.count == 1 ? "\(group)/\(part.machines[0])" : "all \(members.count) machines of \(group)"
            printLine("\n\(title): \(Self.counts(part.changes))")
            for line in Self.table(part.changes).lines() { printLine(line) }
        }
    }

    static func summary(_ changes: [TransactionChange], of count: Int) -> String {
        changes.isEmpty ? "as locked, \(counted(count, "package"))" : "\(counts(changes)); \(growth(changes))"
    }

    private static func counts(_ changes: [TransactionChange]) -> String {
        TransactionChange.Kind.allCases.compactMap { kind in
            let count = changes.filter { $0.kind == kind }.count
            return count == 0 ? nil : "\(count) \(kind.rawValue)"
        }.joined(separator: ", ")
    }

    private static func growth(_ changes: [TransactionChange]) -> String {
        let growth = changes.reduce(0) { $0 + $1.growth }
        return "\(ByteCount(growth.magnitude)) \(growth < 0 ? "less" : "more") installed"
    }

    private static func table(_ changes: [TransactionChange]) -> TextTable {
        var table = TextTable([
            ("CHANGE", .left), ("PACKAGE", .left), ("LOCKED", .left), ("NOW", .left), ("REPOSITORY", .left),
        ])
        for change in changes {
            func version(_ package: TransactionPackage?) -> String {
                package.map { "\($0.evr).\($0.architecture)" } ?? "-"
            }
            let repositories = [change.before?.repository, change.after?.repository].compactMap(\.self)
            let repository = Set(repositories).count == 1 ? repositories[0] : repositories.joined(separator: " -> ")
            table.add([
                change.kind.rawValue, change.name, version(change.before),
                change.kind == .rebuilt ? "other bytes" : version(change.after), repository,
            ])
        }
        return table
    }
}

private struct MachineJSON: Encodable {
    var machine: String
    var changes: [ResolutionJSON.Change]
    /// What of the tree is otherwise than when the lock was made.
    var inputs: [ResolutionJSON.Diagnostic]
    /// Bytes installed.
    var growth: Int64

    init(_ machine: String, _ changes: [TransactionChange], _ inputs: [ResolutionDiagnostic]) {
        self.machine = machine
        self.inputs = inputs.map(ResolutionJSON.Diagnostic.init)
        self.changes = changes.map(ResolutionJSON.Change.init)
        growth = changes.reduce(0) { $0 + $1.growth }
    }
}

private struct GroupJSON: Encodable {
    struct Part: Encodable {
        var machines: [String]
        var changes: [ResolutionJSON.Change]
    }

    var group: String
    /// What all machines share.
    var common: [ResolutionJSON.Change]
    var rest: [Part]

    init(_ group: String, _ parts: [GroupChanges.Part], of count: Int) {
        self.group = group
        common = parts.filter { $0.machines.count == count }.flatMap(\.changes).map(ResolutionJSON.Change.init)
        rest = parts.filter { $0.machines.count < count }.map {
            Part(machines: $0.machines, changes: $0.changes.map(ResolutionJSON.Change.init))
        }
    }
}
