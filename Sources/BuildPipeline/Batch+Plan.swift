import BuildGraph
import BuildStore
import ConfigurationTree
import HostSystem
import PackageResolution
import SystemPackage

/// A batch's machines as plans that share one graph.
struct PlannedBatch: Sendable {
    var graph = BuildGraph()
    var plans: [MachinePlan] = []
    /// Machines that cannot be resolved or planned.
    var failures: [BuildFailure] = []
    /// `nil`: there is no plan.
    var context: MachinePlan.Context?
}

extension Batch {
    /// - Parameter onResolved: called with each machine that is resolved.
    /// - Throws: `CancellationError`, and what keeps every machine from being planned.
    func plan(_ store: LocalStageStore, onResolved: (String) -> Void = { _ in }) async throws -> PlannedBatch {
        var planned = PlannedBatch()
        var resolved: [(group: MachineGroup, machine: Machine, configuration: YumConfiguration, transaction: Transaction)] = []
        for (member, result) in zip(members, try await resolve()) {
            switch result.transaction {
            case .success(let transaction):
                if options.isStrict, let refusal = warnings.refusal(of: member.machine.fullName) {
                    planned.failures.append(failure(of: member.machine, .resolve, refusal))
                    continue
                }
                onResolved(member.machine.fullName)
                resolved.append((member.group, member.machine, result.configuration, transaction))
            case .failure(let error): planned.failures.append(failure(of: member.machine, .resolve, error))
            }
        }
        guard !resolved.isEmpty else { return planned }
        let context = MachinePlan.Context(options: options, inputs: try await HostInputs(options), store: store)
        planned.context = context
        let fetcher = PackageFetcher(cachePath: options.paths.cachePath, access: options.repositoryAccess)
        var known: [PackageKeys.Request: PackageKeys] = [:]
        var ready: [(group: MachineGroup, machine: Machine, configuration: YumConfiguration, transaction: Transaction, keys: PackageKeys)] = []
        for (group, machine, configuration, transaction) in resolved {
            let request = PackageKeys.Request(configuration, transaction)
            do {
                let keys = if let keys = known[request] { keys } else { try await PackageKeys(request, fetcher) }
                known[request] = keys
                ready.append((group, machine, configuration, transaction, keys))
            } catch {
                if Task.isCancelled || error is CancellationError { throw CancellationError() }
                let words = StageError(fetcher.naming(keysOf: configuration.repositories, in: "\(error)"))
                planned.failures.append(failure(of: machine, StageLabel(FetchStage.name), words))
            }
        }
        let begun = planned
        return try await offPool { [ready] in
            var planned = begun
            for (group, machine, configuration, transaction, keys) in ready {
                do {
                    planned.plans.append(
                        try MachinePlan(
                            of: machine, in: group, configuration: configuration, transaction: transaction, keys: keys, context,
                            graph: &planned.graph))
                } catch { planned.failures.append(failure(of: machine, StageLabel("plan"), error)) }
            }
            return planned
        }
    }

    private func failure(of machine: Machine, _ stage: StageLabel, _ error: any Error) -> BuildFailure {
        BuildFailure(
            machine: machine.fullName, stage: stage, cause: "\(error)", log: MachineFolder(machine, options.paths).logFile)
    }

    /// Tells of each machine what the build is going to do.
    func explain(_ planned: PlannedBatch, _ context: MachinePlan.Context) {
        for (machine, forecasts) in forecasts(planned, context) { listener(.planned(machine: machine, forecasts)) }
    }

    private func forecasts(_ planned: PlannedBatch, _ context: MachinePlan.Context) -> [(machine: String, [StageForecast])] {
        let forecaster = StageForecaster(graph: planned.graph, store: context.store, digests: context.inputs.digests)
        return planned.plans.map { plan in
            let folder = MachineFolder(plan.machine, options.paths)
            let isCurrent =
                ArtefactFolder(machineCache: folder.path).current(plan.publication, thoroughly: options.verifies, onDamage: { _ in }) != nil
            return (plan.name, forecaster.forecasts(of: plan, last: isCurrent ? nil : folder.lastStages, isCurrent: isCurrent))
        }
    }

    /// What a build would do, machine by machine; nothing is built, and no other build is waited for.
    ///
    /// - Throws: `CancellationError`, and what keeps every machine from being planned.
    public func forecast() async throws -> (machines: [(machine: String, stages: [StageForecast])], failures: [BuildFailure]) {
        let store = try LocalStageStore(cachePath: options.paths.cachePath, tools: options.tools)
        let planned = try await plan(store)
        guard let context = planned.context else { return ([], planned.failures) }
        let machines = try await offPool { forecasts(planned, context).map { (machine: $0.machine, stages: $0.1) } }
        return (machines, planned.failures)
    }
}
