import BuildGraph
import BuildStore
public import ConfigurationTree
import Glibc
import HostSystem
import PackageResolution
import Synchronization
import SystemPackage

/// Several machines, built together: the tree is resolved, each machine becomes a plan, the plans share one graph of stages, and the graph's results are published.
///
/// What several machines have in common is done once. A stage that fails fails the machines that need it, and leaves the others alone.
public struct Batch: Sendable {
    let tree: ConfigurationTree
    let options: BuildOptions
    let listener: @Sendable (BuildEvent) -> Void
    let warnings: ResolutionWarnings

    public init(tree: ConfigurationTree, options: BuildOptions, listener: @escaping @Sendable (BuildEvent) -> Void) {
        self.tree = tree
        self.options = options
        self.listener = listener
        warnings = ResolutionWarnings(tree.groups.flatMap(\.machines), listener: listener)
    }

    var members: [(group: MachineGroup, machine: Machine)] {
        tree.groups.flatMap { group in group.machines.map { (group, $0) } }
    }

    /// Everything that can be said of the batch without building: yum's configuration and the disks of every machine.
    func diagnostics() -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        var unknown = options.acceptedRollbacks
        for (group, machine) in members {
            unknown.subtract(configuration(of: machine, in: group, &diagnostics).repositories.map(\.id))
            diagnostics += MachinePlan.problems(of: machine)
        }
        for id in unknown.sorted() {
            diagnostics.append(
                Diagnostic(
                    .error, at: SourceLocation(file: tree.path), "no machine has the repository '\(id)' of --accept-rollback",
                    hint: "expected the id of an enabled repository"))
        }
        var seen: Set<Diagnostic> = []
        return diagnostics.filter { seen.insert($0).inserted }
    }

    func configuration(of machine: Machine, in group: MachineGroup, _ diagnostics: inout [Diagnostic])
        -> YumConfiguration
    {
        YumConfiguration(
            machine.yum, architecture: machine.description.hardware.architecture,
            variables: options.paths.machineVariables(machine, in: group, sourceDateEpoch: options.sourceDateEpoch),
            environment: options.environment,
            diagnostics: &diagnostics)
    }

    /// - Throws: `FileSystemProbe.Refusal`.
    private func checkCache() throws {
        let disks = members.flatMap(\.machine.description.disks)
        try FileSystemProbe(ofCache: options.paths.cachePath).check(largestFile: disks.map(\.size.bytes).max() ?? 0)
    }

    /// Builds all; the result is the names of the machines that failed.
    ///
    /// - Throws: `CancellationError`, and what keeps every machine from being built, such as a cache that cannot be written.
    public func build() async throws -> [String] {
        try checkCache()
        let stores = try await SharedStoresLock.forUse(in: options.paths.cachePath)
        defer { withExtendedLifetime(stores) {} }
        let begin = ContinuousClock.now
        for member in members { listener(.stageStarted(machine: member.machine.fullName, .resolve)) }
        let store = try LocalStageStore(cachePath: options.paths.cachePath, tools: options.tools, keepsFailures: options.keepsFailedRoots)
        let planned = try await plan(store) { machine in
            let seconds = begin.duration(to: .now) / .seconds(1)
            listener(.stageFinished(machine: machine, .resolve, StageEnd(isCached: false, seconds: seconds)))
        }
        var failed = planned.failures.map(\.machine)
        for failure in planned.failures { tell(failure) }
        failed += try await build(planned, store)
        try await collect(store)
        return failed.sorted()
    }

    private func build(_ planned: PlannedBatch, _ store: LocalStageStore) async throws -> [String] {
        guard let context = planned.context else { return [] }
        var machines: [String: MachineProgress] = [:]
        for plan in planned.plans {
            machines[plan.name] = MachineProgress(
                machine: plan.name, logFile: MachineFolder(plan.machine, options.paths).logFile,
                tolerated: plan.machine.description.toleratedWarnings,
                earlier: warnings.of(plan.name), nodes: planned.graph.nodes(of: plan.name), listener: listener)
        }
        let progress = machines
        let active = ActiveMachines()
        let scheduler = Scheduler(
            planned.graph, store: store, resources: ResourcePool(limits: options.limits), verifies: options.verifies,
            group: { $0.users.first.map { String($0.prefix { $0 != "/" }) } ?? "" }
        ) { node, event in
            let users = node.users.filter(active.contains)
            for user in users { progress[user]?.take(node, event, owner: users[0]) }
        }
        let damaged = options.verifies ? try await removeDamaged(planned.graph, store, progress) : []
        let builds = planned.plans.compactMap { plan in
            progress[plan.name].map {
                MachineBuild(
                    plan: plan, graph: planned.graph, damaged: planned.graph.nodes(of: plan.name).map(\.identity).filter(damaged.contains),
                    scheduler: scheduler, context: context, progress: $0, listener: listener)
            }
        }
        if options.explains { explain(planned, context) }
        let current = try await offPool { concurrently(builds) { $0.isCurrent() } }
        let waiting = zip(builds, current).filter { !$1 }.map(\.0)
        active.set(waiting.map(\.plan.name))
        if !waiting.isEmpty {
            let wanted = waiting.flatMap(\.plan.publication.stages)
            try await offPool {
                try RoomForBuild(planned.graph, wanted: wanted, store: store).check(options.paths.cachePath)
            }
            if let references = references() { try await StageCollection(store).removeLeftovers(references) }
        }
        return try await run(inTurns(waiting))
    }

    /// Reads all results of the machines' stages whole, those too that the build would not look at, and removes the damaged ones.
    ///
    /// - Returns: their stages, in the graph.
    private func removeDamaged(_ graph: BuildGraph, _ store: LocalStageStore, _ progress: [String: MachineProgress]) async throws -> Set<Identity> {
        var waiting = graph.order.compactMap { graph[$0] }.filter { type(of: $0.stage).isKept }[...]
        return try await withThrowingTaskGroup(of: Identity?.self) { group in
            var damaged: Set<Identity> = []
            func add(_ node: BuildGraph.Node) {
                group.addTask {
                    guard let result = store.result(of: node.identity), let damage = try await store.damage(of: result, thoroughly: true) else {
                        return nil
                    }
                    for user in node.users { progress[user]?.take(node, .damaged(damage), owner: node.users[0]) }
                    return node.identity
                }
            }
            for _ in 0..<options.limits.processors { waiting.popFirst().map(add) }
            while let identity = try await group.next() {
                if let identity { damaged.insert(identity) }
                waiting.popFirst().map(add)
            }
            return damaged
        }
    }

    /// Machines of large groups do not come before all of those of small ones.
    private func inTurns(_ builds: [MachineBuild]) -> [MachineBuild] {
        var ranks: [String: Int] = [:]
        let ranked = builds.map { build in
            ranks[build.plan.group.name, default: 0] += 1
            return (rank: ranks[build.plan.group.name] ?? 0, build: build)
        }
        return ranked.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }.map(\.element.build)
    }

    private func run(_ builds: [MachineBuild]) async throws -> [String] {
        try await withThrowingTaskGroup(of: String?.self) { group in
            var failed: [String] = []
            var waiting = builds[...]
            // Each has a lock and a log open. `ResourcePool` limits what runs at once.
            let atOnce = OpenFiles.machinesAtOnce(max(builds.count, 1))
            func add(_ build: MachineBuild) { group.addTask { try await build.run() ? nil : build.plan.name } }
            waiting.prefix(atOnce).forEach(add)
            waiting = waiting.dropFirst(atOnce)
            while let name = try await group.next() {
                if let name { failed.append(name) }
                try Task.checkCancellation()
                if let next = waiting.popFirst() { add(next) }
            }
            return failed
        }
    }

    /// Writes the log that the message names, so that it is not an earlier build's. If it cannot be written, the listener still gets the cause.
    private func tell(_ failure: BuildFailure) {
        try? createDirectories(failure.log.removingLastComponent())
        let told = warnings.of(failure.machine).map { "warning: \($0)\n" }.joined()
        try? writeAtomically("\(told)\(failure)\n".utf8, to: failure.log)
        listener(.failed(machine: failure.machine, failure))
    }

    /// The results that machines of the cache refer to; `nil`, after a warning, when they cannot be read: then nothing may be removed.
    private func references() -> Set<Identity>? {
        do { return try CacheCleaning(options: options, onWait: { _ in }).references } catch {
            listener(.warning(machines: members.map(\.machine.fullName), BuildWarning(Warning("nothing is removed from the cache: \(error)"))))
            return nil
        }
    }

    /// Keeps the store to the size that the settings allow.
    private func collect(_ store: LocalStageStore) async throws {
        guard let limit = options.cacheLimit else { return }
        var rule = StageCollection.Rule()
        rule.mostBytes = limit
        guard let references = references() else { return }
        _ = try await StageCollection(store).collect(rule, references: references, isDryRun: false)
    }
}

/// The machines for which stages run: only these get events of stages.
private final class ActiveMachines: Sendable {
    private let names = Mutex<Set<String>>([])

    func set(_ names: [String]) { self.names.withLock { $0 = Set(names) } }

    func contains(_ name: String) -> Bool { names.withLock { $0.contains(name) } }
}
