public import ConfigurationTree

/// How the current packages of a batch of machines differ from their locks.
public struct ResolutionDiff: Sendable {
    /// The differences of one machine.
    public struct MachineDiff: Sendable {
        public let machine: Machine
        public let changes: [TransactionChange]
        public let packageCount: Int
        /// Inputs of the tree that have changed since the lock was made.
        public let changedInputs: [ResolutionDiagnostic]
        /// Whether the machine has no lock to compare with; then every package counts as added.
        public let isFirst: Bool
    }

    /// A machine that cannot be compared.
    public struct Failure: Sendable {
        public let machine: Machine
        public let error: any Error
    }

    /// The differences of a group's machines, with shared changes listed once.
    public struct GroupDiff: Sendable {
        public let name: String
        public let machineCount: Int
        /// What all machines share first.
        public let parts: [GroupChanges.Part]
    }

    public private(set) var machines: [MachineDiff] = []
    public private(set) var failures: [Failure] = []

    public init() {}

    /// Whether a lock differs from the current packages, or would be refused by `build --locked`.
    public var hasChanges: Bool { machines.contains { !$0.changes.isEmpty || !$0.changedInputs.isEmpty } }

    /// Compares a machine's packages.lock with its current packages.
    ///
    /// - Parameter lock: what the lock would be now.
    public mutating func compare(_ machine: Machine, _ request: ResolutionRequest, with lock: Result<PackageLock, any Error>) {
        note(machine) {
            let new = try lock.get()
            guard let file = machine.lockFile, let old = try PackageLock.read(file) else {
                throw ResolutionError(problems: ["there is no packages.lock; 'discographer lock' writes it"])
            }
            return MachineDiff(
                machine: machine, changes: try old.changes(to: new), packageCount: new.packages.count,
                changedInputs: old.changedInputs(for: request, lockFile: file), isFirst: false)
        }
    }

    /// Writes a machine's packages.lock, and notes what changes in it.
    ///
    /// - Parameter lock: what the lock has to be.
    public mutating func update(_ machine: Machine, to lock: Result<PackageLock, any Error>) {
        note(machine) {
            let update = LockUpdate(of: machine, to: try lock.get())
            try update.write()
            return MachineDiff(
                machine: machine, changes: try TransactionChange.changes(from: update.before?.packages ?? [], to: update.after.packages),
                packageCount: update.after.packages.count, changedInputs: [], isFirst: update.before == nil)
        }
    }

    private mutating func note(_ machine: Machine, _ diff: () throws -> MachineDiff) {
        do { machines.append(try diff()) } catch { failures.append(Failure(machine: machine, error: error)) }
    }

    /// The groups in the order of their machines.
    ///
    /// - Parameter first: whether machines without an earlier lock count too.
    public func groups(includingFirst first: Bool) -> [GroupDiff] {
        let compared = machines.filter { first || !$0.isFirst }
        var names: [String] = []
        for one in compared where !names.contains(one.machine.groupName) { names.append(one.machine.groupName) }
        return names.map { name in
            let members = compared.filter { $0.machine.groupName == name }
            return GroupDiff(
                name: name, machineCount: members.count, parts: GroupChanges(members.map { ($0.machine.name, $0.changes) }).parts)
        }
    }
}

extension [TransactionChange] {
    /// How many changes of each kind there are, without kinds that do not occur.
    public var counts: [(kind: TransactionChange.Kind, count: Int)] {
        TransactionChange.Kind.allCases.compactMap { kind in
            let count = count { $0.kind == kind }
            return count == 0 ? nil : (kind, count)
        }
    }

    /// How many bytes the installed packages grow by.
    public var growth: Int64 { reduce(0) { $0 + $1.growth } }
}
