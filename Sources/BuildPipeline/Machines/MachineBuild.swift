import BuildGraph
import BuildStore
import ConfigurationTree
import HostSystem
import PackageInstallation
import PackageResolution
import SystemPackage

/// One machine on its way from its plan to its artefacts.
struct MachineBuild: Sendable {
    let plan: MachinePlan
    let graph: BuildGraph
    /// The machine's stages whose results were found damaged, and are made again whether the artefacts need them or not.
    let damaged: [Identity]
    let scheduler: Scheduler
    let context: MachinePlan.Context
    let progress: MachineProgress
    let listener: @Sendable (BuildEvent) -> Void

    private var options: BuildOptions { context.options }
    private var folder: MachineFolder { MachineFolder(plan.machine, options.paths) }
    private var artefacts: ArtefactFolder { ArtefactFolder(machineCache: folder.path) }
    private var nodes: [BuildGraph.Node] { graph.nodes(of: plan.name) }

    /// Whether the machine's artefacts are what its plan says. If so, the listener gets all events of the machine.
    ///
    /// Blocks.
    func isCurrent() -> Bool {
        let begin = ContinuousClock.now
        guard damaged.isEmpty,
            let manifest = artefacts.current(plan.publication, thoroughly: options.verifies, onDamage: { progress.notice("\($0); it is made again") })
        else { return false }
        let warnings = warnings(of: manifest)
        if options.isStrict, !untolerated(warnings).isEmpty { return false }
        // `run` reports what cannot be written.
        guard (try? writeInputs()) != nil else { return false }
        for identity in folder.links.values { context.store.markUsed(identity) }
        tell(manifest, warnings, since: begin)
        return true
    }

    /// Builds the machine; `false` when it failed, of which the listener gets an event.
    ///
    /// - Throws: `CancellationError` alone.
    func run() async throws -> Bool {
        let begin = ContinuousClock.now
        do {
            try createDirectories(folder.path)
            let lock = try await FileLock.wait(for: folder.lockFile) { [progress] in
                progress.notice("another build or a shell uses this machine; waiting for it to end")
            }
            defer { withExtendedLifetime(lock) {} }
            try createDirectories(folder.yum.appending("log"))
            try writeInputs()
            if options.isStrict { try await refuseWarnings() }
            let stages = plan.publication.stages
            let results = Dictionary(zip(stages, try await scheduler.results(of: stages + damaged))) { first, _ in first }
            progress.begin(.publish)
            let publishing = ContinuousClock.now
            let manifest = try await publish(results)
            listener(
                .stageFinished(machine: plan.name, .publish, StageEnd(isCached: false, seconds: publishing.duration(to: .now) / .seconds(1))))
            try await keepPackages()
            try refer(failure: nil)
            tell(manifest, warnings(of: manifest), since: begin)
            return true
        } catch {
            if Task.isCancelled || error is CancellationError { throw CancellationError() }
            progress.tellTolerated(nodes.compactMap { context.store.result(of: $0.identity) }.flatMap(\.toleratedFailures).compactMap(tolerated))
            try? refer(failure: (error as? StageFailure)?.identity)
            progress.fail(failure(of: error))
            return false
        }
    }

    private func failure(of error: any Error) -> BuildFailure {
        guard let failure = error as? StageFailure, let node = graph[failure.identity] else {
            return BuildFailure(machine: plan.name, stage: .publish, cause: "\(error)", log: folder.logFile)
        }
        return BuildFailure(
            machine: plan.name, stage: StageLabel(node), cause: "\(failure.cause)", log: folder.logFile,
            keptRoot: options.keepsFailedRoots ? MachineRoot.failed(in: folder)?.place : nil)
    }

    /// What the machine is built from, beside its artefacts.
    private func writeInputs() throws {
        try createDirectories(folder.yum)
        try writeIfDifferent(Array(plan.configuration.renderedText.utf8), to: folder.yum.appending("yum.conf"))
        var digests: [String: String] = [:]
        for package in plan.transaction.packages where package.checksum == nil {
            digests[package.location] = try FileInput(contentOf: FilePath(package.location)).digest
        }
        try folder.write(plan.transaction, of: plan.machine, configPath: options.paths.configPath, localDigests: digests)
        try folder.record(nodes)
    }

    private func publish(_ results: [Identity: StageResult]) async throws -> ArtefactManifest {
        var warnings: [String] = []
        var tolerated: [[String]] = []
        for node in nodes {
            guard let result = results[node.identity] ?? context.store.result(of: node.identity) else { continue }
            if options.isStrict { try refuse(result, of: node) }
            warnings += result.record.warnings.map(\.text)
            tolerated += result.toleratedFailures
        }
        let manifest = ArtefactManifest(
            group: plan.group.name, machine: plan.machine.name, identity: plan.publication.identity(of: results), artefacts: [],
            warnings: warnings, toleratedFailures: tolerated)
        return try await artefacts.publish(
            plan.publication, results, manifest: manifest, store: context.store, rm: try options.tools.tool("rm"))
    }

    /// yum.conf(5), keepcache: what an earlier build kept stays until there is a good one.
    private func keepPackages() async throws {
        let fetcher = PackageFetcher(cachePath: options.paths.cachePath, access: options.repositoryAccess)
        if !plan.configuration.keepsPackages {
            if exists(folder.linkedPackages) { try await fetcher.link([], into: folder.linkedPackages) }
        } else if let local = await scheduler.handedOver(by: plan.fetch) as? [FilePath: LocalPackage] {
            try await fetcher.link(plan.transaction.packages, local: local, into: folder.linkedPackages)
        }
    }

    /// Lets the machine refer to its stages' results: they stay in the store.
    ///
    /// - Parameter failed: the stage that failed.
    private func refer(failure failed: Identity?) throws {
        var links: [String: String] = [:]
        for node in nodes {
            guard let result = context.store.result(of: node.identity) else { continue }
            links[MachineFolder.linkName(StageLabel(node))] = result.identity.hexadecimal
            context.store.markUsed(result.identity)
        }
        if let failed, let node = graph[failed], exists(context.store.failure(of: failed)) {
            links[MachineFolder.failurePrefix + node.name] = "\(failed).failed"
        }
        try folder.setLinks(links)
    }

    private func tell(_ manifest: ArtefactManifest, _ warnings: [Warning], since begin: ContinuousClock.Instant) {
        // The listener has the warnings of stages that ran or were looked at already.
        progress.tellWarnings(warnings)
        progress.tellTolerated(manifest.toleratedFailures.compactMap(tolerated))
        progress.finish(
            .finished(
                machine: plan.name, folder: artefacts.path, manifest.artefacts, seconds: begin.duration(to: .now) / .seconds(1)))
    }

    // MARK: Warnings

    /// Those of the manifest, with package and path as far as the store has the results that they are about.
    private func warnings(of manifest: ArtefactManifest) -> [Warning] {
        let known = nodes.compactMap { context.store.result(of: $0.identity) }.flatMap(\.record.warnings)
        let byText = Dictionary(known.map { ($0.text, $0) }) { first, _ in first }
        return manifest.warnings.map { byText[$0] ?? Warning($0) }
    }

    private func untolerated(_ warnings: [Warning]) -> [Warning] {
        warnings.filter { plan.machine.description.toleratedWarnings.reason(for: $0.text, package: $0.package) == nil }
    }

    /// Makes the stages before the images one after the other, and ends with the first one that has a warning which machine.yaml does not tolerate.
    ///
    /// - Throws: `StageFailure`, `CancellationError`.
    private func refuseWarnings() async throws {
        for identity in [plan.install, plan.compose, plan.disk] {
            guard let node = graph[identity], let result = try await scheduler.results(of: [identity]).first else { continue }
            try refuse(result, of: node)
        }
    }

    private func refuse(_ result: StageResult, of node: BuildGraph.Node) throws {
        let warnings = untolerated(result.record.warnings)
        guard !warnings.isEmpty else { return }
        throw StageFailure(
            stage: node.name, label: node.label, identity: node.identity, cause: StrictRefusal(warnings: warnings.map(\.text)))
    }

    /// - Parameter failure: package and scriptlet.
    private func tolerated(_ failure: [String]) -> ToleratedFailure? {
        guard failure.count == 2 else { return nil }
        let reason = plan.machine.description.toleratedScriptlets.first { $0.covers(package: failure[0], scriptlet: failure[1]) }?.reason
        return ToleratedFailure(package: failure[0], scriptlet: failure[1], reason: reason ?? "")
    }
}

/// A scriptlet that failed, and may fail.
struct ToleratedFailure: Hashable, Sendable {
    /// `name-version-release.arch`.
    var package: String
    var scriptlet: String
    /// As machine.yaml gives it.
    var reason: String
}

extension StageResult {
    /// Scriptlets of packages that failed and may fail, as package and scriptlet.
    var toleratedFailures: [[String]] {
        (record.facts["toleratedFailures"]?.list ?? []).compactMap { $0.list?.compactMap(\.text) }
    }
}

/// Warnings that fail a machine, since the caller wants none (`--strict`).
struct StrictRefusal: Error, CustomStringConvertible {
    var warnings: [String]

    var description: String {
        let count = "\(warnings.count) warning\(warnings.count == 1 ? " counts as an error" : "s count as errors") (--strict)"
        return "\(count); list those that are expected in 'toleratedWarnings' of machine.yaml:" + warnings.map { "\n  \($0)" }.joined()
    }
}
