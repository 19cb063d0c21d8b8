import BuildGraph
public import BuildStore
import ConfigurationTree

/// What a build would do about a stage, and why.
public struct StageForecast: Codable, Hashable, Sendable {
    public enum State: String, Codable, Sendable {
        /// The result is there.
        case cached
        /// The stage would run.
        case runs
        /// The stage would run if what comes before it makes something else than it did.
        case depends
    }

    /// The stage's name, with its subject: `image system.qcow2`.
    public var stage: String
    public var identity: Identity
    public var state: State
    /// Why the stage is not cached, in words; `nil` where nothing has to be explained.
    public var reason: String?
    /// The first field that differs from the last run.
    public var difference: StageDifference?
}

/// The first field of a stage that is not what it was in the last run.
public struct StageDifference: Codable, Hashable, Sendable {
    /// Such as `packages[bash-5.2-1.x86_64]` or `plan.disks[0].size`.
    public var field: String
    /// `nil`: there was nothing.
    public var old: String?
    /// `nil`: there is nothing.
    public var new: String?
    /// Where in the tree it comes from: `file:line`, or a file or folder.
    public var origin: String?

    public var description: String {
        let change =
            switch (old, new) {
            case (let old?, let new?): "was \(old), is \(new)"
            case (nil, let new?): "new: \(new)"
            case (let old?, nil): "gone: \(old)"
            case (nil, nil): "changed"
            }
        return "\(field): \(change)" + (origin.map { " (\($0))" } ?? "")
    }
}

/// Looks at the store, and at what the stages were in the last run, without running anything.
struct StageForecaster {
    let graph: BuildGraph
    let store: LocalStageStore
    let digests: InputDigests

    /// What a build would do about the stages of a machine.
    ///
    /// - Parameters:
    ///   - isCurrent: whether its artefacts are what the plan says; a build looks at no stage then.
    ///   - places: where settings of the machine are written, by the names of fields.
    func forecasts(of plan: MachinePlan, last: [String: MachineFolder.StageRecord]?, isCurrent: Bool) -> [StageForecast] {
        let nodes = graph.nodes(of: plan.name)
        var states: [Identity: StageForecast.State] = [:]
        if isCurrent { for node in nodes { states[node.identity] = .cached } } else { for stage in plan.publication.stages { mark(stage, &states) } }
        var forecasts = nodes.map { node -> StageForecast in
            // A stage that no other one asks for does not run.
            var state = states[node.identity] ?? .cached
            let waitsForCertain = node.needs.contains { need in
                states[need] == .runs && graph[need].map { type(of: $0.stage).isKept && !type(of: $0.stage).countsByContent } ?? false
            }
            if state == .depends, waitsForCertain { state = .runs }
            var forecast = StageForecast(stage: node.label, identity: node.identity, state: state)
            if state != .cached { explain(node, &forecast, last, states, plan) }
            states[node.identity] = forecast.state
            return forecast
        }
        if !isCurrent {
            let identity = plan.publication.identity
            let waits =
                forecasts.contains { $0.state == .runs } ? "a stage runs" : "the artefacts differ from the last build's, are damaged or are missing"
            forecasts.append(StageForecast(stage: "publish", identity: identity, state: .runs, reason: waits))
        } else {
            forecasts.append(StageForecast(stage: "publish", identity: plan.publication.identity, state: .cached))
        }
        return forecasts
    }

    /// Asks backwards, as the scheduler does.
    private func mark(_ identity: Identity, _ states: inout [Identity: StageForecast.State]) {
        guard states[identity] == nil, let node = graph[identity] else { return }
        if type(of: node.stage).isKept, store.result(of: identity) != nil {
            states[identity] = .cached
            return
        }
        for need in node.needs where graph[need].map({ type(of: $0.stage).isKept }) ?? false { mark(need, &states) }
        let running = node.needs.filter { states[$0] == .runs || states[$0] == .depends }
        let certain = running.filter { need in graph[need].map { !type(of: $0.stage).countsByContent } ?? true }
        states[identity] = .runs
        // The result may be there too if what it needs is there, or is known by its content alone.
        if certain.isEmpty || certain.allSatisfy({ states[$0] == .depends }), !running.isEmpty { states[identity] = .depends }
        // A stage that is not kept runs with the stage that needs it.
        for need in node.needs where graph[need].map({ !type(of: $0.stage).isKept }) ?? false {
            if states[need] != .runs { states[need] = states[identity] }
        }
    }

    private func explain(
        _ node: BuildGraph.Node, _ forecast: inout StageForecast, _ last: [String: MachineFolder.StageRecord]?,
        _ states: [Identity: StageForecast.State], _ plan: MachinePlan
    ) {
        guard type(of: node.stage).isKept else {
            forecast.reason = "a stage that runs needs it"
            return
        }
        guard let last else {
            forecast.reason = "the machine's first build in this cache"
            // Whether another machine's result will do is of no interest here.
            forecast.state = .runs
            return
        }
        guard let before = last[node.label] else {
            forecast.reason = "new in this machine's build"
            return
        }
        if let difference = StageComparison(digests: digests, origins: node.encoding.origins, plan: plan).first(before.value, node.encoding.value) {
            forecast.difference = difference
            forecast.reason = difference.description
            if forecast.state == .depends { forecast.state = .runs }
            return
        }
        // A stage that is not kept runs since this one does, and not the other way round.
        let running = node.needs.compactMap { graph[$0] }
            .filter { type(of: $0.stage).isKept && states[$0.identity] != nil && states[$0.identity] != .cached }.map(\.label)
        if !running.isEmpty {
            forecast.reason =
                forecast.state == .depends
                ? "runs if \(running.joined(separator: ", ")) makes something else" : "\(running.joined(separator: ", ")) runs"
        } else {
            forecast.reason = "its result is not in the cache: it was removed or damaged, or the last build ended before this stage"
        }
    }
}
