import BuildStore
internal import CSolv
import ConfigurationTree
import HostSystem
import Synchronization
public import SystemPackage

/// Finds the packages to install. One pool serves all machines of a batch that use the same repositories.
public struct PackageResolver: Sendable {
    private let store: MetadataStore

    /// - Parameter cachePath: the cache, whose `repositories` folder keeps metadata.
    public init(cachePath: FilePath, access: RepositoryAccess = RepositoryAccess()) {
        store = MetadataStore(folder: cachePath.appending("repositories"), access: access)
    }

    /// The transactions of several machines, in the order of `requests`; each machine has a result of its own.
    ///
    /// - Parameters:
    ///   - ordered: whether to sort the packages by order of installation, which takes time; otherwise they are in any order.
    ///   - progress: called with the progress of fetching metadata.
    ///   - report: called with warnings, and with the index of the request that each is about; `nil`: it is about all requests.
    /// - Throws: `CancellationError`, `Errno` when the cache cannot be written.
    public func resolve(
        _ requests: [ResolutionRequest], ordered: Bool = true,
        progress: @escaping @Sendable (FetchProgress) -> Void = { _ in }, report: @escaping @Sendable (Int?, String) -> Void
    ) async throws -> [Result<Transaction, any Error>] {
        let results = Results<Transaction>(count: requests.count)
        try await solve(requests, ordered: ordered, progress, report, each: results.put) { pool, request, report in
            try pool.solved(request, report: report).transaction
        }
        return results.all
    }

    /// Finds the transactions and why each package is in them. They are handed out one by one, because those of a large batch would take too
    /// much memory.
    ///
    /// - Parameters:
    ///   - ordered: whether to sort the packages by order of installation, which takes time; otherwise they are in any order.
    ///   - each: called in the order of `requests`, on a thread that may block, with the request's index.
    public func explain(
        _ requests: [ResolutionRequest], ordered: Bool = true,
        progress: @escaping @Sendable (FetchProgress) -> Void = { _ in }, report: @escaping @Sendable (Int?, String) -> Void,
        each: @escaping @Sendable (Int, Result<RequirementGraph, any Error>) -> Void
    ) async throws {
        try await solve(requests, ordered: ordered, progress, report, each: each) { pool, request, report in
            pool.requirements(of: try pool.solved(request, report: report), request)
        }
    }

    /// Why each machine's transaction has the packages that the specs name, or why it does not have them.
    public func reasons(
        for specs: [String], in requests: [ResolutionRequest],
        progress: @escaping @Sendable (FetchProgress) -> Void = { _ in }, report: @escaping @Sendable (Int?, String) -> Void
    ) async throws -> [Result<[PackageReason], any Error>] {
        let results = Results<[PackageReason]>(count: requests.count)
        try await solve(requests, ordered: true, progress, report, each: results.put) { pool, request, report in
            try pool.reasons(for: specs, in: try pool.solved(request, report: report), request)
        }
        return results.all
    }

    /// All packages of these names that the request's repositories have.
    func packages(named names: Set<String>, _ request: ResolutionRequest) async throws -> [TransactionPackage] {
        let results = Results<[TransactionPackage]>(count: 1)
        try await solve([request], ordered: false, { _ in }, { _, _ in }, each: results.put) { pool, _, _ in
            pool.solvableIDs
                .filter { pool.isPackage($0) && names.contains(pool.name(of: $0)) }
                .map { pool.package($0, reason: .dependency) }
        }
        return try results.all.first?.get() ?? []
    }

    private func solve<Value: Sendable>(
        _ requests: [ResolutionRequest], ordered: Bool, _ progress: @escaping @Sendable (FetchProgress) -> Void,
        _ report: @escaping @Sendable (Int?, String) -> Void,
        each: @escaping @Sendable (Int, Result<Value, any Error>) -> Void,
        _ body: @escaping @Sendable (PackagePool, ResolutionRequest, (String) -> Void) throws -> Value
    ) async throws {
        var store = store
        store.progress = progress
        try createDirectories(store.folder)
        let repositories = Set(requests.flatMap(\.configuration.repositories))
        var metadata = try await load(repositories, refresh: false, store) { report(nil, $0) }
        let done = try await store.blocking { [store, metadata] in
            try solve(requests, from: 0, metadata, store, ordered: ordered, mayBeStale: true, report, each: each, body)
        }
        guard done < requests.count else { return }
        // The repositories have changed since the cached repomd.xml, and files that it lists are gone: load it again and continue.
        metadata = try await load(repositories, refresh: true, store) { report(nil, $0) }
        _ = try await store.blocking { [store, metadata] in
            try solve(requests, from: done, metadata, store, ordered: ordered, mayBeStale: false, report, each: each, body)
        }
    }

    /// - Parameter mayBeStale: whether to stop when metadata that a repomd.xml of an earlier run lists cannot be fetched.
    /// - Returns: how many of the requests have their results.
    private func solve<Value: Sendable>(
        _ requests: [ResolutionRequest], from first: Int, _ metadata: LoadedMetadata, _ store: MetadataStore, ordered: Bool,
        mayBeStale: Bool, _ report: @escaping @Sendable (Int?, String) -> Void,
        each: (Int, Result<Value, any Error>) -> Void,
        _ body: (PackagePool, ResolutionRequest, (String) -> Void) throws -> Value
    ) throws -> Int {
        let sets = Dictionary(grouping: requests.indices) { PoolKey(requests[$0]) }
        // Results are handed out in the order of the requests. Most batches have one set of repositories, and then no result waits.
        var waiting: [Int: Result<Value, any Error>] = [:]
        var next = first
        for (key, members) in sets.sorted(by: { $0.value[0] < $1.value[0] }) {
            let pool = Result { try makePool(for: key, metadata, store) }
            if let pool = try? pool.get() {
                pool.report = { report(nil, $0) }
                pool.ordersTransactions = ordered
                pool.remembersAnswers = members.count > 1
                pool.expectedPaths = Set(
                    members.lazy.flatMap { requests[$0].paths }.filter { !$0.isGlob }.map(\.withoutTrailingSlash))
            }
            let isOfEarlierRun =
                mayBeStale && !store.access.isOffline
                && key.repositories.contains {
                    (try? metadata[$0]?.get()).map { $0.mirrors == nil } ?? false
                }
            for member in members where member >= first {
                let result = Result { try body(try pool.get(), requests[member]) { report(member, $0) } }
                if store.downloader.cancellation.isCancelled { throw CancellationError() }
                if isOfEarlierRun, case .failure(let error) = result, error is DownloadError { return next }
                waiting[member] = result
                while let result = waiting.removeValue(forKey: next) {
                    each(next, result)
                    next += 1
                }
            }
        }
        return next
    }

    private typealias LoadedMetadata = [Repository: Result<RepositoryMetadata?, any Error>]

    /// Collects the results of all requests.
    private final class Results<Value: Sendable>: Sendable {
        private let results: Mutex<[Result<Value, any Error>?]>

        init(count: Int) { results = Mutex(Array(repeating: nil, count: count)) }

        @Sendable func put(_ index: Int, _ result: Result<Value, any Error>) { results.withLock { $0[index] = result } }

        var all: [Result<Value, any Error>] { results.withLock { $0.compactMap(\.self) } }
    }

    /// Loads repomd.xml of all repositories at the same time.
    private func load(
        _ repositories: Set<Repository>, refresh: Bool, _ store: MetadataStore, report: @escaping @Sendable (String) -> Void
    ) async throws -> LoadedMetadata {
        try await withThrowingTaskGroup(of: (Repository, Result<RepositoryMetadata?, any Error>).self) { group in
            for repository in repositories {
                group.addTask {
                    do { return (repository, .success(try await store.load(repository, refresh: refresh, report: report))) } catch {
                        try Task.checkCancellation()
                        return (repository, .failure(error))
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    /// - Throws: `ResolutionError` with everything that is wrong with the repositories.
    private func makePool(
        for key: PoolKey, _ metadata: LoadedMetadata, _ store: MetadataStore
    ) throws -> PackagePool {
        var loaded: [RepositoryMetadata] = []
        var problems: [String] = []
        for repository in key.repositories {
            do { if let one = try metadata[repository]?.get() { loaded.append(one) } } catch { problems.append("\(error)") }
        }
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
        return try PackagePool(repositories: loaded, architecture: key.architecture, store: store)
    }

    private struct PoolKey: Hashable {
        var repositories: [Repository]
        var architecture: String

        init(_ request: ResolutionRequest) {
            repositories = request.configuration.repositories
            architecture = request.architecture
        }
    }
}

extension ResolutionRequest {
    /// The requested paths that only lists of files have.
    fileprivate var paths: [String] { requests.filter { $0.kind == .install && $0.spec.isOutsidePrimary }.map(\.spec) }
}

extension PackagePool {
    /// - Throws: `ResolutionError` with a diagnostic for each reason.
    func solution(for request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
        let paths = request.paths.filter(needsFilelists)
        if !paths.isEmpty { try loadFilelists(of: paths) }
        var remarks: [String] = []
        let result = Result { try solve(request) { remarks.append($0) } }
        guard asksForFilelists else {
            remarks.forEach(report)
            return try result.get()
        }
        try loadFilelists()
        return try solve(request, report: report)
    }

    private func solve(_ request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
        let forbidden = request.requests.filter { $0.kind == .forbid }.map(\.spec)
        let local = try addLocalPackages(request.localPackages)
        let modules = ModuleSelection(request.requests, among: try modules(), for: architecture, where: runs)
        try prepare(
            hiding: request.configuration.excludes + forbidden, including: request.configuration.includes, locks: request.configuration.versionLocks,
            platform: request.configuration.modulePlatform, enabled: modules.enabled, allowedLocal: local)
        var unknown: [PackageRequest] = []
        var job = try job(for: request, local: local, modules: modules, unknown: &unknown, report: report)
        var absent: [AbsentMember] = []
        var modular = try add(modules, to: &job, absent: &absent, request.configuration)
        if let option = request.configuration.optionThatSkipsUnavailable {
            // Packages that no repository has are left out instead of being an error.
            for one in diagnostics(unknown: unknown, request) + diagnostics(absent: absent, request) + modular {
                report("\(one.locations.first.map { "\($0): " } ?? "")\(one.message); left out (\(option))")
            }
            (unknown, absent, modular) = ([], [], [])
        }
        do {
            let solved = try solve(&job, request)
            guard unknown.isEmpty, absent.isEmpty, modular.isEmpty else { throw ResolutionError([]) }
            if !request.configuration.strict { reportLeftOut(of: solved, job, request, report) }
            reportUnused(modules, solved, report)
            return solved
        } catch let error as ResolutionError {
            let absences = diagnostics(unknown: unknown, request) + diagnostics(absent: absent, request)
            throw ResolutionError((modular + absences + error.diagnostics).inOrderOfLines(\.locations.first))
        }
    }

    private func solve(_ job: inout SolverJob, _ request: ResolutionRequest) throws -> SolvedTransaction {
        var decisions = try decisions(on: &job, request)
        let askers = job.askers(in: self)
        for (index, id) in decisions.ids.enumerated() {
            if let askers = askers[id] { decisions.packages[index].reason = askers.allSatisfy(\.isMember) ? .group : .user }
        }
        return SolvedTransaction(
            transaction: Transaction(packages: decisions.packages), ids: decisions.ids, askers: askers)
    }

    /// The solver's decisions. Machines with the same question, such as those of a group, are solved only once.
    private func decisions(on job: inout SolverJob, _ request: ResolutionRequest) throws -> SolverDecisions {
        let question = SolverQuestion(job, in: self, installsWeakDependencies: request.configuration.installsWeakDependencies)
        if let known = lastDecisions, known.question == question { return known.decisions }
        lastDecisions = nil
        let decisions = try solve(&job, question, request)
        if remembersAnswers { lastDecisions = (question, decisions) }
        return decisions
    }

    private func solve(
        _ job: inout SolverJob, _ question: SolverQuestion, _ request: ResolutionRequest
    ) throws -> SolverDecisions {
        let solver = try solver(request)
        var isFreed = false
        defer { if !isFreed { solver_free(solver) } }
        // Free the hash tables for look-ups of texts, which the solver does not need; the next look-up makes them again. A run needs most
        // memory while the solver works.
        pool_freeidhashes(handle)
        guard solver_solve(solver, &job.queue) == 0 else {
            throw ResolutionError(diagnostics(of: solver, job, request))
        }
        guard let transaction = solver_create_transaction(solver) else { throw Errno.noMemory }
        if ordersTransactions { transaction_order(transaction, 0) }
        let steps = transaction.pointee.steps.ids
        let ids = ordersTransactions ? steps : steps.sorted()
        transaction_free(transaction)
        let reasons: [TransactionPackage.Reason] = ids.map { id in
            var rule: Id = 0
            return solver_describe_decision(solver, id, &rule) == SOLVER_REASON_WEAKDEP ? .weakDependency : .dependency
        }
        solver_free(solver)
        isFreed = true
        let packages = zip(ids, reasons).map { package($0, reason: $1) }
        try Transaction(packages: packages).checkDescriptions()
        return SolverDecisions(ids: ids, packages: packages)
    }

    /// A solver with the flags for a request. The caller frees it.
    func solver(_ request: ResolutionRequest) throws -> UnsafeMutablePointer<Solver> {
        guard let solver = solver_create(handle) else { throw Errno.noMemory }
        solver.setInstallationFlags()
        solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, request.configuration.installsWeakDependencies ? 0 : 1)
        return solver
    }
}

extension YumConfiguration {
    /// The option because of which packages that no repository has are left out, as it is written.
    fileprivate var optionThatSkipsUnavailable: String? { strict ? skipsUnavailable ? "skip_unavailable=1" : nil : "strict=0" }
}
