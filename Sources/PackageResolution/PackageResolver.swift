import BuildStore
internal import CSolv
import ConfigurationTree
import HostSystem
public import SystemPackage

/// Finds out what has to be installed. One pool serves all machines of a batch that use the same repositories.
public struct PackageResolver: Sendable {
    private let store: MetadataStore

    /// - Parameter cachePath: metadata is kept in its `repositories` folder.
    public init(cachePath: FilePath) {
        store = MetadataStore(folder: cachePath.appending("repositories"))
    }

    /// The transactions of several machines, in the order of `requests`; a machine's failure is its own.
    ///
    /// - Parameter report: told what is worth a line in the log.
    public func resolve(
        _ requests: [ResolutionRequest], report: @escaping @Sendable (String) -> Void
    ) async throws -> [Result<Transaction, any Error>] {
        try await solve(requests, report: report) { pool, request in
            try pool.solved(request, report: report).transaction
        }
    }

    /// The transactions, and why each package is in them.
    public func explain(
        _ requests: [ResolutionRequest], report: @escaping @Sendable (String) -> Void
    ) async throws -> [Result<RequirementGraph, any Error>] {
        try await solve(requests, report: report) { pool, request in
            pool.requirements(of: try pool.solved(request, report: report), request)
        }
    }

    private func solve<Value: Sendable>(
        _ requests: [ResolutionRequest], report: @escaping @Sendable (String) -> Void,
        _ body: @escaping @Sendable (PackagePool, ResolutionRequest) throws -> Value
    ) async throws -> [Result<Value, any Error>] {
        try await offPool { [self] in
            try createDirectories(store.folder)
            var results: [Result<Value, any Error>?] = Array(repeating: nil, count: requests.count)
            let sets = Dictionary(grouping: requests.indices) { PoolKey(requests[$0]) }
            for (key, members) in sets {
                let pool = Result {
                    try PackagePool(
                        repositories: key.repositories.compactMap { try store.load($0, report: report) },
                        architecture: key.architecture, store: store)
                }
                for member in members { results[member] = Result { try body(try pool.get(), requests[member]) } }
            }
            return results.compactMap(\.self)
        }
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
    fileprivate func solved(_ request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
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
            allowedLocal: local)
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
            return solved
        } catch let error as ResolutionError {
            throw ResolutionError((problems(unknown: unknown, request) + error.problems).inOrderOfLines)
        }
    }

    private func solve(_ job: inout SolverJob, _ request: ResolutionRequest) throws -> SolvedTransaction {
        guard let solver = solver_create(pool) else { throw Errno.noMemory }
        defer { solver_free(solver) }
        // What dnf sets for an installation (libdnf's Goal): obsoletes as yum has them, vendors do not matter, and the best
        // candidate is chosen by policy rather than by what the fewest jobs need.
        solver_set_flag(solver, SOLVER_FLAG_ALLOW_VENDORCHANGE, 1)
        solver_set_flag(solver, SOLVER_FLAG_KEEP_ORPHANS, 1)
        solver_set_flag(solver, SOLVER_FLAG_BEST_OBEY_POLICY, 1)
        solver_set_flag(solver, SOLVER_FLAG_YUM_OBSOLETES, 1)
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
