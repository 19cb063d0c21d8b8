public import BuildStore
public import HostSystem
import Synchronization
public import SystemPackage

/// What happens to the stages of a graph.
public enum StageEvent: Sendable {
    case started
    case told(WorkerEvent)
    case transferred(TransferProgress)
    case logged(String)
    /// Another program makes the result at this moment, and is waited for.
    case waiting
    /// A result in the store cannot be used, and is made again: what is wrong with it.
    case damaged(String)
    /// `log`: of the run that made the result.
    case finished(wasCached: Bool, seconds: Double, log: FilePath?)
}

/// A stage that could not be done, and with it all that need it.
public struct StageFailure: Error, Sendable {
    /// The stage, as `BuildGraph.Node.name`.
    public var stage: String
    public var label: String
    /// Of the stage in the graph.
    public var identity: Identity
    public var cause: any Error

    public init(stage: String, label: String, identity: Identity, cause: any Error) {
        self.stage = stage
        self.label = label
        self.identity = identity
        self.cause = cause
    }
}

/// Gets results: asks backwards from what is wanted, and makes forwards what is not there.
///
/// A stage's result is looked for before anything that it needs is looked at: a cached image needs no root. What is missing is made as soon as all that it needs is
/// there and the host has room for it. A stage that fails fails those that need it, and no others.
public actor Scheduler {
    private let graph: BuildGraph
    private let store: any StageStore
    private let resources: ResourcePool
    private let verifies: Bool
    private let group: @Sendable (BuildGraph.Node) -> String
    private let listener: @Sendable (BuildGraph.Node, StageEvent) -> Void
    /// Names of stages whose results are known by their content.
    private let stagesByContent: Set<String>
    private var tasks: [Identity: Task<Outcome, any Error>] = [:]

    /// What became of a stage.
    struct Outcome: Sendable {
        /// `nil`: the stage is not kept.
        var result: StageResult?
        var handedOver: (any Sendable)?
        var wasCached: Bool
    }

    /// - Parameters:
    ///   - verifies: whether results of the store are read whole before they are used.
    ///   - group: which queue a stage waits in; queues take turns.
    ///   - listener: told what happens, in order for each stage.
    public init(
        _ graph: BuildGraph, store: any StageStore, resources: ResourcePool, verifies: Bool = false,
        group: @escaping @Sendable (BuildGraph.Node) -> String,
        listener: @escaping @Sendable (BuildGraph.Node, StageEvent) -> Void
    ) {
        self.graph = graph
        stagesByContent = Set(graph.nodes.values.filter { type(of: $0.stage).countsByContent }.map(\.name))
        self.store = store
        self.resources = resources
        self.verifies = verifies
        self.group = group
        self.listener = listener
    }

    /// The results of stages, made if need be.
    ///
    /// - Returns: in the order of `identities`.
    /// - Throws: `StageFailure` of the first that fails, `CancellationError`.
    public func results(of identities: [Identity]) async throws -> [StageResult] {
        let outcomes = try await withTaskCancellationHandler {
            try await self.outcomes(of: identities)
        } onCancel: {
            Task { await self.cancel() }
        }
        return outcomes.compactMap(\.result)
    }

    /// What a stage that ran and is not kept has handed over; `nil` when it did not have to run.
    public func handedOver(by identity: Identity) async -> (any Sendable)? {
        guard let task = tasks[identity], case .success(let outcome) = await task.result else { return nil }
        return outcome.handedOver
    }

    private func cancel() {
        for task in tasks.values { task.cancel() }
    }

    /// All are begun before any is waited for.
    private func outcomes(of identities: [Identity]) async throws -> [Outcome] {
        let tasks = identities.map(task)
        var outcomes: [Outcome] = []
        var failure: (any Error)?
        for task in tasks {
            do { outcomes.append(try await task.value) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return outcomes
    }

    private func task(_ identity: Identity) -> Task<Outcome, any Error> {
        if let task = tasks[identity] { return task }
        let task = Task { try await self.outcome(of: identity) }
        tasks[identity] = task
        return task
    }

    private func outcome(of identity: Identity) async throws -> Outcome {
        guard let node = graph[identity] else { throw CancellationError() }
        do {
            return try await type(of: node.stage).isKept ? kept(node) : passing(node)
        } catch let failure as StageFailure { throw failure } catch {
            if error is CancellationError || Task.isCancelled { throw CancellationError() }
            throw StageFailure(stage: node.name, label: node.label, identity: node.identity, cause: error)
        }
    }

    // MARK: Stages that are kept

    private func kept(_ node: BuildGraph.Node) async throws -> Outcome {
        if let outcome = try await cached(node, node.identity) { return outcome }
        // Needs that are not kept run only if this stage runs.
        let keptNeeds = node.needs.filter { graph[$0].map { type(of: $0.stage).isKept } ?? true }
        let results = try await outcomes(of: keptNeeds).compactMap(\.result)
        let found = Dictionary(zip(keptNeeds, results)) { first, _ in first }
        let refined = node.identity(needs: node.needs.map { found[$0].map(name) ?? $0.hexadecimal })
        if refined != node.identity, let outcome = try await cached(node, refined) {
            if let result = outcome.result { try store.note(node.identity, makes: result) }
            return outcome
        }
        let passing = node.needs.filter { found[$0] == nil }
        let result = try await make(node, refined, needs: results, passing)
        if refined != node.identity { try store.note(node.identity, makes: result) }
        return Outcome(result: result, wasCached: false)
    }

    /// The name of the result in identities of stages that need it.
    private func name(of result: StageResult) -> String {
        stagesByContent.contains(result.record.stage) ? "content " + result.record.content : result.identity.hexadecimal
    }

    private func cached(_ node: BuildGraph.Node, _ identity: Identity) async throws -> Outcome? {
        guard let result = store.result(of: identity) else { return nil }
        if let damage = try await store.damage(of: result, thoroughly: verifies) {
            listener(node, .damaged(damage))
            return nil
        }
        listener(node, .finished(wasCached: true, seconds: 0, log: result.folder.appending(LocalStageStore.logName)))
        for warning in result.record.warnings { listener(node, .told(.warning(warning))) }
        return Outcome(result: result, wasCached: true)
    }

    private func make(
        _ node: BuildGraph.Node, _ identity: Identity, needs: [StageResult], _ passing: [Identity]
    ) async throws -> StageResult {
        var handedOver: [String: any Sendable] = [:]
        for (need, outcome) in zip(passing, try await outcomes(of: passing)) {
            if let name = graph[need]?.name { handedOver[name] = outcome.handedOver }
        }
        let begin = Mutex<ContinuousClock.Instant?>(nil)
        let result = try await store.make(
            identity, stage: node.name, value: node.encoding.value, onWait: { [listener] in listener(node, .waiting) }
        ) { [resources, listener, handedOver, group = group(node)] folder in
            try await resources.with(node.stage.demand, group: group) {
                begin.withLock { $0 = .now }
                listener(node, .started)
                return try await Self.run(node, in: folder, needs: needs, handedOver, listener) { _ in }
            }
        }
        let seconds = begin.withLock { $0 }.map { $0.duration(to: .now) / .seconds(1) }
        listener(node, .finished(wasCached: seconds == nil, seconds: seconds ?? 0, log: result.folder.appending(LocalStageStore.logName)))
        if seconds == nil { for warning in result.record.warnings { listener(node, .told(.warning(warning))) } }
        return result
    }

    /// Runs a stage, with a log beside its result: a cached result comes with its log.
    private static func run(
        _ node: BuildGraph.Node, in folder: FilePath, needs: [StageResult], _ handedOver: [String: any Sendable],
        _ listener: @escaping @Sendable (BuildGraph.Node, StageEvent) -> Void, handOver: @escaping @Sendable (any Sendable) -> Void
    ) async throws -> StageContent {
        let log = try folder.isEmpty ? nil : StageLog(folder.appending(LocalStageStore.logName))
        let warnings = Mutex<[Warning]>([])
        let work = StageWork(
            folder: folder, needs: needs, handedOver: handedOver,
            report: { event in
                switch event {
                case .warning(let warning):
                    log?.write("warning: \(warning)")
                    warnings.withLock { $0.append(warning) }
                case .progress(let completed, let total, let item): log?.write("\(completed)/\(total) \(item)")
                case .output(let source, let text): log?.write("\(source):\n\(text)")
                case .done: break
                }
                listener(node, .told(event))
            },
            transfer: { progress in
                if let name = progress.finished { log?.write("\(progress.files)/\(progress.totalFiles) \(name)") }
                listener(node, .transferred(progress))
            },
            log: { text in
                log?.write(text)
                listener(node, .logged(text))
            }, handOver: handOver)
        var content = try await node.stage.run(work)
        content.warnings = warnings.withLock { $0 } + content.warnings
        return content
    }

    // MARK: Stages that are not kept

    private func passing(_ node: BuildGraph.Node) async throws -> Outcome {
        let needs = try await outcomes(of: node.needs).compactMap(\.result)
        let handedOver = Mutex<(any Sendable)?>(nil)
        return try await resources.with(node.stage.demand, group: group(node)) { [listener] in
            let begin = ContinuousClock.now
            listener(node, .started)
            _ = try await Self.run(node, in: "", needs: needs, [:], listener) { value in handedOver.withLock { $0 = value } }
            listener(node, .finished(wasCached: false, seconds: begin.duration(to: .now) / .seconds(1), log: nil))
            return Outcome(result: nil, handedOver: handedOver.withLock { $0 }, wasCached: false)
        }
    }
}
