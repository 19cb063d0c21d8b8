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
        try await offPool { [self] in
            try createDirectories(store.folder)
            var results: [Result<Transaction, any Error>?] = Array(repeating: nil, count: requests.count)
            let sets = Dictionary(grouping: requests.indices) { PoolKey(requests[$0]) }
            for (key, members) in sets {
                let pool = Result {
                    try PackagePool(
                        repositories: key.repositories.compactMap { try store.load($0, report: report) },
                        architecture: key.architecture, store: store)
                }
                for member in members { results[member] = Result { try pool.get().transaction(for: requests[member]) } }
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
    fileprivate func transaction(for request: ResolutionRequest) throws -> Transaction {
        do {
            return try solve(request)
        } catch let error as ResolutionError where !hasFilelists {
            // A request or a dependency may name a file that primary.xml leaves out.
            try loadFilelists()
            do { return try solve(request) } catch is ResolutionError { throw error }
        }
    }

    private func solve(_ request: ResolutionRequest) throws -> Transaction {
        let forbidden = request.requests.filter { $0.kind == .forbid }.map(\.spec)
        let local = try addLocalPackages(request.localPackages)
        if request.requests.contains(where: { $0.kind == .group }) { try loadGroups() }
        try prepare(hiding: request.configuration.excludes + forbidden, allowedLocal: local)

        var problems: [String] = []
        var job = Queue()
        queue_init(&job)
        defer { queue_free(&job) }
        var asked: [Id: TransactionPackage.Reason] = [:]
        func install(_ spec: String, because reason: TransactionPackage.Reason = .user) -> Bool {
            let selection = selection(for: spec)
            for index in stride(from: 0, to: selection.count, by: 2) {
                let how = selection[index] | SOLVER_INSTALL | (request.configuration.best ? SOLVER_FORCEBEST : 0)
                queue_push2(&job, how, selection[index + 1])
            }
            var found = Queue()
            queue_init(&found)
            defer { queue_free(&found) }
            for index in stride(from: 0, to: selection.count, by: 2) {
                pool_job2solvables(pool, &found, selection[index], selection[index + 1])
                for id in found.ids where asked[id] != .user { asked[id] = reason }
            }
            return !selection.isEmpty
        }
        for one in request.requests {
            switch one.kind {
            case .forbid: continue
            case .install:
                if !install(one.spec) {
                    problems.append(
                        "\(one.location): error: no repository has '\(one.spec)'\(suggestion(for: one.spec))")
                }
            case .group:
                guard let names = packages(ofGroup: one.spec) else {
                    problems.append("\(one.location): error: no repository has the group '@\(one.spec)'")
                    continue
                }
                for name in names where !forbidden.contains(name) { _ = install(name, because: .group) }
            }
        }
        // `setup` brings the users and groups that every other package's files belong to.
        if !forbidden.contains("setup") { _ = install("setup") }
        for id in local {
            queue_push2(&job, SOLVER_SOLVABLE | SOLVER_INSTALL, id)
            asked[id] = .user
        }
        // Kernels and their kin may be there in several versions; only `multiversion` makes libsolv allow it.
        let installOnly = pool_str2id(pool, "installonlypkg(kernel)", 1)
        queue_push2(&job, SOLVER_SOLVABLE_PROVIDES | SOLVER_MULTIVERSION, installOnly)
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
        return try solve(&job, asked: asked, request)
    }

    private func solve(_ job: inout Queue, asked: [Id: TransactionPackage.Reason], _ request: ResolutionRequest) throws
        -> Transaction
    {
        guard let solver = solver_create(pool) else { throw Errno.noMemory }
        defer { solver_free(solver) }
        // What dnf sets for an installation (libdnf's Goal): obsoletes as yum has them, vendors do not matter, and the best
        // candidate is chosen by policy rather than by what the fewest jobs need.
        solver_set_flag(solver, SOLVER_FLAG_ALLOW_VENDORCHANGE, 1)
        solver_set_flag(solver, SOLVER_FLAG_KEEP_ORPHANS, 1)
        solver_set_flag(solver, SOLVER_FLAG_BEST_OBEY_POLICY, 1)
        solver_set_flag(solver, SOLVER_FLAG_YUM_OBSOLETES, 1)
        solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, request.configuration.installsWeakDependencies ? 0 : 1)
        guard solver_solve(solver, &job) == 0 else { throw ResolutionError(problems: words(for: solver, request)) }
        guard let transaction = solver_create_transaction(solver) else { throw Errno.noMemory }
        defer { transaction_free(transaction) }
        transaction_order(transaction, 0)
        let steps = transaction.pointee.steps.ids
        return Transaction(
            packages: steps.map { id in
                var rule: Id = 0
                let why = solver_describe_decision(solver, id, &rule)
                let reason: TransactionPackage.Reason =
                    asked[id] ?? (why == SOLVER_REASON_WEAKDEP ? .weakDependency : .dependency)
                return package(id, reason: reason)
            })
    }

    /// Each problem with the chain of requirements that led there.
    private func words(for solver: UnsafeMutablePointer<Solver>, _ request: ResolutionRequest) -> [String] {
        let files = Set(request.requests.map(\.location.file)).sorted { $0.string < $1.string }
        return (1...max(1, Id(solver_problem_count(solver)))).map { problem in
            var rules = Queue()
            queue_init(&rules)
            defer { queue_free(&rules) }
            solver_findallproblemrules(solver, problem, &rules)
            var lines: [String] = []
            for rule in rules.ids {
                var (from, to, dependency): (Id, Id, Id) = (0, 0, 0)
                let type = solver_ruleinfo(solver, rule, &from, &to, &dependency)
                let line = String(cString: solver_problemruleinfo2str(solver, type, from, to, dependency))
                if !lines.contains(line) { lines.append(line) }
            }
            let asking = request.requests.filter { one in lines.contains { $0.contains(one.spec) } }.map {
                "\($0.location)"
            }
            let place = asking.isEmpty ? files.map(\.string).joined(separator: ", ") : asking.joined(separator: ", ")
            return "\(place): error: cannot be installed together:\n"
                + lines.map { "  - \($0)" }.joined(separator: "\n")
        }
    }

    private func suggestion(for spec: String) -> String {
        if let stream = moduleStream(hiding: spec) {
            return "; it belongs to the module stream '\(stream)', and only default streams are used"
        }
        let similar = solvables(matching: "*\(spec)*").prefix(64).map {
            String(cString: pool_id2str(pool, pool.pointee.solvables[Int($0)].name))
        }
        let names = Set(similar).sorted { ($0.count, $0) < ($1.count, $1) }.prefix(3)
        return names.isEmpty ? "" : "; there is \(names.joined(separator: ", "))"
    }
}
