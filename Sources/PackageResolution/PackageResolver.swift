import BuildStore
internal import CSolv
import ConfigurationTree
import HostSystem
public import SystemPackage

/// Finds out what has to be installed. One pool serves all machines of a batch that use the same repositories.
public struct PackageResolver: Sendable {
    private let store: MetadataStore

    /// - Parameter cachePath: metadata is kept in its `repositories` folder.
    public init(cachePath: FilePath, access: RepositoryAccess = RepositoryAccess()) {
        store = MetadataStore(folder: cachePath.appending("repositories"), access: access)
    }

    /// The transactions of several machines, in the order of `requests`; a machine's failure is its own.
    ///
    /// - Parameters:
    ///   - progress: told how far the fetching of metadata is.
    ///   - report: told what is worth a line in the log.
    /// - Throws: `CancellationError`, `Errno` when the cache cannot be written.
    public func resolve(
        _ requests: [ResolutionRequest], progress: @escaping @Sendable (FetchProgress) -> Void = { _ in },
        report: @escaping @Sendable (String) -> Void
    ) async throws -> [Result<Transaction, any Error>] {
        try await solve(requests, progress, report) { pool, request in
            try pool.solved(request, report: report).transaction
        }
    }

    /// The transactions, and why each package is in them.
    public func explain(
        _ requests: [ResolutionRequest], progress: @escaping @Sendable (FetchProgress) -> Void = { _ in },
        report: @escaping @Sendable (String) -> Void
    ) async throws -> [Result<RequirementGraph, any Error>] {
        try await solve(requests, progress, report) { pool, request in
            pool.requirements(of: try pool.solved(request, report: report), request)
        }
    }

    /// Why each machine's transaction has the packages that the specs name, or has not.
    public func reasons(
        for specs: [String], in requests: [ResolutionRequest],
        progress: @escaping @Sendable (FetchProgress) -> Void = { _ in }, report: @escaping @Sendable (String) -> Void
    ) async throws -> [Result<[PackageReason], any Error>] {
        try await solve(requests, progress, report) { pool, request in
            try pool.reasons(for: specs, in: try pool.solved(request, report: report), request)
        }
    }

    /// All packages of these names that the request's repositories have.
    func packages(named names: Set<String>, _ request: ResolutionRequest) async throws -> [TransactionPackage] {
        try await solve([request], { _ in }, { _ in }) { pool, _ in
            (2..<pool.pool.pointee.nsolvables)
                .filter { pool.isPackage($0) && names.contains(pool.name(of: $0)) }
                .map { pool.package($0, reason: .dependency) }
        }.first?.get() ?? []
    }

    private func solve<Value: Sendable>(
        _ requests: [ResolutionRequest], _ progress: @escaping @Sendable (FetchProgress) -> Void,
        _ report: @escaping @Sendable (String) -> Void,
        _ body: @escaping @Sendable (PackagePool, ResolutionRequest) throws -> Value
    ) async throws -> [Result<Value, any Error>] {
        var store = store
        store.progress = progress
        try createDirectories(store.folder)
        let metadata = try await load(Set(requests.flatMap(\.configuration.repositories)), store, report: report)
        return try await store.blocking { [store] in
            var results: [Result<Value, any Error>?] = Array(repeating: nil, count: requests.count)
            let sets = Dictionary(grouping: requests.indices) { PoolKey(requests[$0]) }
            for (key, members) in sets {
                let pool = Result { try makePool(for: key, metadata, store) }
                for member in members { results[member] = Result { try body(try pool.get(), requests[member]) } }
                if store.downloader.cancellation.isCancelled { throw CancellationError() }
            }
            return results.compactMap(\.self)
        }
    }

    /// All repositories' repomd.xml, at the same time.
    private func load(
        _ repositories: Set<Repository>, _ store: MetadataStore, report: @escaping @Sendable (String) -> Void
    ) async throws -> [Repository: Result<RepositoryMetadata?, any Error>] {
        try await withThrowingTaskGroup(of: (Repository, Result<RepositoryMetadata?, any Error>).self) { group in
            for repository in repositories {
                group.addTask {
                    do { return (repository, .success(try await store.load(repository, report: report))) } catch {
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
        for key: PoolKey, _ metadata: [Repository: Result<RepositoryMetadata?, any Error>], _ store: MetadataStore
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

extension PackagePool {
    /// - Throws: `ResolutionError` with every problem in words.
    func solution(for request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
        if !hasFilelists, request.requests.contains(where: { $0.kind == .install && needsFilelists($0.spec) }) {
            try loadFilelists()
        }
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
        try prepare(
            hiding: request.configuration.excludes + forbidden, locks: request.configuration.versionLocks,
            platform: request.configuration.modulePlatform, allowedLocal: local)
        var unknown: [PackageRequest] = []
        var job = try job(for: request, local: local, unknown: &unknown, report: report)
        if !request.configuration.strict {
            // dnf.conf(5), strict: what nobody has is left out rather than an error.
            for problem in problems(unknown: unknown, request) {
                report("\(problem.locations.first.map { "\($0): " } ?? "")\(problem.message); left out (strict=0)")
            }
            unknown = []
        }
        do {
            let solved = try solve(&job, request)
            guard unknown.isEmpty else { throw ResolutionError([]) }
            if !request.configuration.strict { reportLeftOut(of: solved, request, report) }
            return solved
        } catch let error as ResolutionError {
            throw ResolutionError((problems(unknown: unknown, request) + error.problems).inOrderOfLines)
        }
    }

    /// With strict=0 a request that cannot be met is no error; it is not silent either.
    private func reportLeftOut(
        of solved: SolvedTransaction, _ request: ResolutionRequest, _ report: (String) -> Void
    ) {
        let met = Set(solved.ids.flatMap { solved.askers[$0] ?? [] })
        for origin in Set(solved.askers.values.joined()).subtracting(met).sorted(by: { $0.order < $1.order }) {
            switch origin {
            case .request, .local:
                let place = origin.location(in: request).map { "\($0): " } ?? ""
                report("\(place)\(origin.words) cannot be installed; left out (strict=0)")
            case .member, .always, .policy: continue
            }
        }
    }

    private func solve(_ job: inout SolverJob, _ request: ResolutionRequest) throws -> SolvedTransaction {
        guard let solver = solver_create(pool) else { throw Errno.noMemory }
        defer { solver_free(solver) }
        solver.setInstallationFlags()
        solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, request.configuration.installsWeakDependencies ? 0 : 1)
        guard solver_solve(solver, &job.queue) == 0 else {
            throw ResolutionError(problems(of: solver, job, request))
        }
        guard let transaction = solver_create_transaction(solver) else { throw Errno.noMemory }
        defer { transaction_free(transaction) }
        transaction_order(transaction, 0)
        let askers = job.askers(in: pool)
        let steps = transaction.pointee.steps.ids
        let packages = steps.map { id in
            var rule: Id = 0
            let why = solver_describe_decision(solver, id, &rule)
            let reason: TransactionPackage.Reason =
                if let askers = askers[id] {
                    askers.allSatisfy(\.isMember) ? .group : .user
                } else {
                    why == SOLVER_REASON_WEAKDEP ? .weakDependency : .dependency
                }
            return package(id, reason: reason)
        }
        return SolvedTransaction(transaction: Transaction(packages: packages), ids: steps, askers: askers)
    }
}
