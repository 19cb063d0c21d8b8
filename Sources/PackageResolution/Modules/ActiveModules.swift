// Finds the module streams that are active in a root that starts empty: enabled streams, default streams, and the streams that they need.
// As in libdnf (libdnf/module/ModulePackageContainer.cpp), libsolv decides: each version of a stream is a solvable that conflicts with the
// other streams of its module.
internal import CSolv
import Foundation
import SystemPackage

/// The module streams that the solver found.
struct ActiveModules {
    /// Indices of `ModuleMetadata.streams`: all versions of the streams that are active.
    var indices: Set<Int> = []
    /// Why some enabled streams are not active, one sentence for each reason; empty when all are active.
    var conflicts: [String] = []
}

extension ModuleMetadata {
    /// - Parameters:
    ///   - platform: `module_platform_id`, such as `platform:el9`; `nil`: streams for any platform are accepted.
    ///   - enabled: the stream of each module that a line asks for.
    func activeStreams(architecture: String, platform: String?, enabled: [String: String] = [:]) throws -> ActiveModules {
        let pool = try SolvPool(architecture: architecture)
        let repo = try pool.addRepository("available")
        if let platform { Self.add(platform: platform, to: repo, in: pool) }
        let ids = streams.map { add($0, to: repo, in: pool, platform: platform) }
        repo_internalize(repo)
        pool_createwhatprovides(pool.handle)

        var wanted: [(id: Id, isEnabled: Bool)] = []
        for stream in streams {
            let isEnabled = enabled[stream.module] == stream.stream
            guard isEnabled || enabled[stream.module] == nil && defaults[stream.module]?.stream == stream.stream else { continue }
            wanted.append((pool.id(of: "module(\(stream.nameStream))"), isEnabled))
        }
        guard !wanted.isEmpty else { return ActiveModules() }
        // Try all of them in their latest versions first; then give up default streams, then latest versions, then enabled streams.
        let attempts: [(best: Bool, weak: (Bool) -> Bool)] = [
            (true, { _ in false }), (true, { !$0 }), (false, { !$0 }), (false, { _ in true }),
        ]
        var active = ActiveModules()
        for (number, attempt) in attempts.enumerated() {
            let jobs = wanted.map { one in
                (one.id, (attempt.best ? SOLVER_FORCEBEST : 0) | (attempt.weak(one.isEnabled) ? SOLVER_WEAK : 0))
            }
            let conflicts = number == attempts.count - 2
            guard let names = Self.install(jobs, in: pool, conflicts: { if conflicts { active.conflicts = $0 } }) else { continue }
            active.indices = Set(ids.indices.filter { names.contains(pool.nameID(of: ids[$0])) })
            break
        }
        return active
    }

    private func add(
        _ stream: Stream, to repo: UnsafeMutablePointer<Repo>, in pool: SolvPool, platform: String?
    ) -> Id {
        let id = repo_add_solvable(repo)
        let solvable = pool.solvable(id)
        solvable.pointee.name = pool.id(of: "\(stream.nameStream):\(stream.context)")
        solvable.pointee.evr = pool.id(of: String(stream.version))
        solvable.pointee.arch = pool.id(of: stream.architecture)
        func add(_ kind: solv_knownid, _ text: String, _ marker: Id) {
            let dependency = text.hasPrefix("(") ? pool.richDependency(text) ?? 0 : pool.id(of: text)
            solvable_add_deparray(pool.solvable(id), Id(kind.rawValue), dependency, marker)
        }
        add(SOLVABLE_PROVIDES, "module(\(stream.module))", -1)
        add(SOLVABLE_CONFLICTS, "module(\(stream.module))", 0)
        add(SOLVABLE_PROVIDES, "module(\(stream.nameStream))", -1)
        for (module, streams) in stream.requirements.flatMap({ $0.sorted { $0.key < $1.key } }) {
            if module == "platform", platform == nil { continue }
            for unwanted in streams where unwanted.hasPrefix("-") {
                add(SOLVABLE_CONFLICTS, "module(\(module):\(unwanted.dropFirst()))", 0)
            }
            let usable = streams.filter { !$0.hasPrefix("-") }.map { "module(\(module):\($0))" }
            switch usable.count {
            case 0: add(SOLVABLE_REQUIRES, "module(\(module))", -1)
            case 1: add(SOLVABLE_REQUIRES, usable[0], -1)
            default: add(SOLVABLE_REQUIRES, "(" + usable.joined(separator: " or ") + ")", -1)
            }
        }
        return id
    }

    /// Adds the stream of the module `platform` that the machine has, as libdnf does (ModulePackage::createPlatformSolvable).
    ///
    /// - Parameter platform: such as `platform:el9`.
    private static func add(platform: String, to repo: UnsafeMutablePointer<Repo>, in pool: SolvPool) {
        let id = repo_add_solvable(repo)
        let solvable = pool.solvable(id)
        solvable.pointee.name = pool.id(of: platform)
        solvable.pointee.evr = pool.id(of: "0")
        solvable.pointee.arch = pool.id(of: "noarch")
        let module = platform.prefix { $0 != ":" }
        for text in ["module(\(module))", "module(\(platform))"] {
            solvable_add_deparray(pool.solvable(id), Id(SOLVABLE_PROVIDES.rawValue), pool.id(of: text), -1)
        }
    }

    /// The names of what a solution installs; `nil` when there is no solution, and `conflicts` gets the reasons.
    private static func install(
        _ jobs: [(id: Id, flags: Int32)], in pool: SolvPool, conflicts: ([String]) -> Void
    ) -> Set<Id>? {
        guard let solver = solver_create(pool.handle) else { return nil }
        defer { solver_free(solver) }
        solver.setInstallationFlags()
        var job = Queue()
        queue_init(&job)
        defer { queue_free(&job) }
        for (id, flags) in jobs { queue_push2(&job, SOLVER_SOLVABLE_PROVIDES | SOLVER_INSTALL | flags, id) }
        guard solver_solve(solver, &job) == 0 else {
            conflicts(reasons(of: solver, in: pool))
            return nil
        }
        guard let transaction = solver_create_transaction(solver) else { return nil }
        defer { transaction_free(transaction) }
        return Set(transaction.pointee.steps.ids.map(pool.nameID(of:)))
    }

    /// A sentence for each rule that takes part in a problem of the solver.
    private static func reasons(of solver: UnsafeMutablePointer<Solver>, in pool: SolvPool) -> [String] {
        func stream(_ id: Id) -> String {
            let parts = pool.name(of: id).split(separator: ":")
            return "'\(parts.prefix(2).joined(separator: ":"))'"
        }
        func words(_ dependency: Id) -> String {
            pool.text(dependency).replacingOccurrences(of: "module(", with: "'")
                .replacingOccurrences(of: ")", with: "'")
        }
        var sentences: [String] = []
        var problem: Id = 0
        while case let next = solver_next_problem(solver, problem), next != 0 {
            problem = next
            for rule in Queue.ids({ solver_findallproblemrules(solver, problem, &$0) }) {
                var (from, to, dependency): (Id, Id, Id) = (0, 0, 0)
                let sentence: String
                switch solver_ruleinfo(solver, rule, &from, &to, &dependency) {
                case SOLVER_RULE_PKG_REQUIRES: sentence = "\(stream(from)) needs \(words(dependency))"
                case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP: sentence = "\(stream(from)) needs \(words(dependency)), which no repository has"
                case SOLVER_RULE_PKG_CONFLICTS where stream(from) != stream(to):
                    sentence = "\(stream(from)) and \(stream(to)) exclude each other"
                case SOLVER_RULE_PKG_NOT_INSTALLABLE: sentence = "\(stream(from)) is for another architecture"
                default: continue
                }
                if !sentences.contains(sentence) { sentences.append(sentence) }
            }
        }
        return sentences
    }
}

extension UnsafeMutablePointer<Solver> {
    /// Sets the flags that dnf sets for an installation (libdnf's Goal): yum's obsoletes, any vendor, and the best candidate by policy rather
    /// than the one that satisfies most jobs.
    func setInstallationFlags() {
        solver_set_flag(self, SOLVER_FLAG_ALLOW_VENDORCHANGE, 1)
        solver_set_flag(self, SOLVER_FLAG_KEEP_ORPHANS, 1)
        solver_set_flag(self, SOLVER_FLAG_BEST_OBEY_POLICY, 1)
        solver_set_flag(self, SOLVER_FLAG_YUM_OBSOLETES, 1)
    }
}
