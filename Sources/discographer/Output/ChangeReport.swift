import ConfigurationTree
import PackageResolution

/// Prints a `ResolutionDiff`: a line for each machine, then each group's changes, with shared ones listed once.
struct ChangeReport {
    private let diff: ResolutionDiff
    private let json: Bool

    init(_ diff: ResolutionDiff, json: Bool) { (self.diff, self.json) = (diff, json) }

    func print() throws {
        if json { try printMachinesAsJSON() } else { printMachines() }
        for one in diff.failures {
            if json { try printJSON(ResolutionJSON.Failure(one.machine.fullName, one.error)) }
            printError("\(one.machine.fullName): \(one.error)")
        }
        // A table of all packages of a new lock helps only programs.
        for group in diff.groups(includingFirst: json) {
            if json { try printJSON(GroupJSON(group)) } else { print(group) }
        }
    }

    private func printMachinesAsJSON() throws { for one in diff.machines { try printJSON(MachineJSON(one)) } }

    private func printMachines() {
        for one in diff.machines where one.isFirst {
            printLine("\(one.machine.fullName): \(counted(one.packageCount, "package")) locked for the first time")
        }
        for one in diff.machines where !one.isFirst {
            printLine("\(one.machine.fullName): \(Self.summary(one.changes, of: one.packageCount))")
            for input in one.changedInputs {
                printLine("  \(input.locations.first.map { "\($0): " } ?? "")\(input.message)")
            }
        }
    }

    private func print(_ group: ResolutionDiff.GroupDiff) {
        for part in group.parts {
            let title =
                part.machines.count < group.machineCount
                ? part.machines.map { "\(group.name)/\($0)" }.joined(separator: ", ")
                : group.machineCount == 1 ? "\(group.name)/\(part.machines[0])" : "all \(group.machineCount) machines of \(group.name)"
            printLine("\n\(title): \(Self.counts(part.changes))")
            for line in Self.table(part.changes).lines() { printLine(line) }
        }
    }

    private static func summary(_ changes: [TransactionChange], of count: Int) -> String {
        changes.isEmpty ? "as locked, \(counted(count, "package"))" : "\(counts(changes)); \(growth(changes))"
    }

    private static func counts(_ changes: [TransactionChange]) -> String {
        changes.counts.map { "\($0.count) \($0.kind.rawValue)" }.joined(separator: ", ")
    }

    private static func growth(_ changes: [TransactionChange]) -> String {
        "\(ByteCount(changes.growth.magnitude)) \(changes.growth < 0 ? "less" : "more") installed"
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
    /// Inputs of the tree that have changed since the lock was made.
    var inputs: [ResolutionJSON.Diagnostic]
    /// Bytes installed.
    var growth: Int64

    init(_ diff: ResolutionDiff.MachineDiff) {
        machine = diff.machine.fullName
        inputs = diff.changedInputs.map(ResolutionJSON.Diagnostic.init)
        changes = diff.changes.map(ResolutionJSON.Change.init)
        growth = diff.changes.growth
    }
}

private struct GroupJSON: Encodable {
    struct Part: Encodable {
        var machines: [String]
        var changes: [ResolutionJSON.Change]
    }

    var group: String
    /// The changes that all machines share.
    var common: [ResolutionJSON.Change]
    var rest: [Part]

    init(_ diff: ResolutionDiff.GroupDiff) {
        group = diff.name
        common = diff.parts.filter { $0.machines.count == diff.machineCount }.flatMap(\.changes).map(ResolutionJSON.Change.init)
        rest = diff.parts.filter { $0.machines.count < diff.machineCount }.map {
            Part(machines: $0.machines, changes: $0.changes.map(ResolutionJSON.Change.init))
        }
    }
}
