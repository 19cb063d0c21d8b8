/// The host's processors, memory and disk, as far as builds may take them. Stages wait here until there is enough for them; groups take turns, so that a large one
/// does not keep a small one waiting until its own end.
public actor ResourcePool {
    private let limits: ResourceDemand
    private var taken = ResourceDemand(processors: 0, memory: 0, disk: 0)
    private var running = 0
    /// By group, the first in the queue first.
    private var waiting: [String: [Waiter]] = [:]
    /// Groups in the order in which they come next.
    private var turns: [String] = []
    private var nextNumber = 0

    private struct Waiter {
        var number: Int
        var demand: ResourceDemand
        var continuation: CheckedContinuation<Bool, Never>
    }

    public init(limits: ResourceDemand) { self.limits = limits }

    /// Does `body` when there is enough of everything. A demand that exceeds a limit runs alone.
    ///
    /// - Throws: `CancellationError`, and what `body` throws.
    public func with<Value: Sendable>(_ demand: ResourceDemand, group: String, _ body: @Sendable () async throws -> Value) async throws -> Value {
        try await take(demand, group)
        defer { give(demand) }
        return try await body()
    }

    private func take(_ demand: ResourceDemand, _ group: String) async throws {
        try Task.checkCancellation()
        if turns.isEmpty, fits(demand) { return occupy(demand) }
        nextNumber += 1
        let number = nextNumber
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: false) }
                if waiting[group] == nil { turns.append(group) }
                waiting[group, default: []].append(Waiter(number: number, demand: demand, continuation: continuation))
                grant()
            }
        } onCancel: {
            Task { await self.withdraw(number, group) }
        }
        guard granted else { throw CancellationError() }
        if Task.isCancelled {
            give(demand)
            throw CancellationError()
        }
    }

    private func fits(_ demand: ResourceDemand) -> Bool {
        running == 0
            || taken.processors + demand.processors <= limits.processors && taken.memory + demand.memory <= limits.memory
                && taken.disk + demand.disk <= limits.disk
    }

    private func occupy(_ demand: ResourceDemand) {
        running += 1
        taken.processors += demand.processors
        taken.memory += demand.memory
        taken.disk += demand.disk
    }

    private func give(_ demand: ResourceDemand) {
        running -= 1
        taken.processors -= demand.processors
        taken.memory -= demand.memory
        taken.disk -= demand.disk
        grant()
    }

    /// Lets those begin for whom there is room, a group after the other. The first in turn is not overtaken: a large demand would wait for ever.
    private func grant() {
        while let group = turns.first, let waiter = waiting[group]?.first, fits(waiter.demand) {
            turns.removeFirst()
            waiting[group]?.removeFirst()
            if waiting[group]?.isEmpty == true { waiting[group] = nil } else { turns.append(group) }
            occupy(waiter.demand)
            waiter.continuation.resume(returning: true)
        }
    }

    private func withdraw(_ number: Int, _ group: String) {
        guard let index = waiting[group]?.firstIndex(where: { $0.number == number }), let waiter = waiting[group]?.remove(at: index) else { return }
        if waiting[group]?.isEmpty == true {
            waiting[group] = nil
            turns.removeAll { $0 == group }
        }
        waiter.continuation.resume(returning: false)
        grant()
    }
}
