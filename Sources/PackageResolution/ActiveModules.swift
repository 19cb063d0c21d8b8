// Which module streams are active in a root that starts empty: the default ones and what they need, found by libsolv as libdnf does it
// (libdnf/module/ModulePackageContainer.cpp): every version of a stream is a solvable that conflicts with the module's other streams.
internal import CSolv
import SystemPackage

extension ModuleMetadata {
    /// Indices of `streams`: all versions of the streams that are active.
    ///
    /// - Parameter platform: `platform:el9`, what `module_platform_id` says; `nil`: any will do.
    func activeStreams(architecture: String, platform: String?) throws -> Set<Int> {
        guard let pool = pool_create() else { throw Errno.noMemory }
        defer { pool_free(pool) }
        pool_setdisttype(pool, Int32(DISTTYPE_RPM))
        pool_setarch(pool, architecture)
        pool_set_flag(pool, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1)
        pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
        guard let repo = repo_create(pool, "available") else { throw Errno.noMemory }
        let ids = streams.map { add($0, to: repo, in: pool, platform: platform) }
        repo_internalize(repo)
        pool_createwhatprovides(pool)

        var wanted: [Id] = []
        for stream in streams where defaults[stream.module] == stream.stream {
            wanted.append(pool_str2id(pool, "module(\(stream.module):\(stream.stream))", 1))
        }
        guard !wanted.isEmpty else { return [] }
        // At best all of them in their latest versions; else what is possible.
        let attempts = [SOLVER_FORCEBEST, SOLVER_FORCEBEST | SOLVER_WEAK, SOLVER_WEAK]
        for flags in attempts {
            guard let names = Self.install(wanted, flags, in: pool) else { continue }
            return Set(ids.indices.filter { names.contains(pool.pointee.solvables[Int(ids[$0])].name) })
        }
        return []
    }

    private func add(
        _ stream: Stream, to repo: UnsafeMutablePointer<Repo>, in pool: UnsafeMutablePointer<Pool>, platform: String?
    ) -> Id {
        let id = repo_add_solvable(repo)
        let solvable = pool.pointee.solvables + Int(id)
        solvable.pointee.name = pool_str2id(pool, "\(stream.module):\(stream.stream):\(stream.context)", 1)
        solvable.pointee.evr = pool_str2id(pool, String(stream.version), 1)
        solvable.pointee.arch = pool_str2id(pool, stream.architecture, 1)
        func add(_ kind: solv_knownid, _ text: String, _ marker: Id) {
            let dependency = text.hasPrefix("(") ? pool_parserpmrichdep(pool, text) : pool_str2id(pool, text, 1)
            solvable_add_deparray(pool.pointee.solvables + Int(id), Id(kind.rawValue), dependency, marker)
        }
        add(SOLVABLE_PROVIDES, "module(\(stream.module))", -1)
        add(SOLVABLE_CONFLICTS, "module(\(stream.module))", 0)
        add(SOLVABLE_PROVIDES, "module(\(stream.module):\(stream.stream))", -1)
        for (module, streams) in stream.requirements.flatMap({ $0.sorted { $0.key < $1.key } }) {
            if module == "platform", isMet(streams, by: platform) { continue }
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

    private func isMet(_ streams: [String], by platform: String?) -> Bool {
        guard let platform else { return true }
        let stream = platform.drop { $0 != ":" }.dropFirst()
        return streams.isEmpty || streams.contains(String(stream))
    }

    /// The names of what a solution installs.
    private static func install(_ wanted: [Id], _ flags: Int32, in pool: UnsafeMutablePointer<Pool>) -> Set<Id>? {
        guard let solver = solver_create(pool) else { return nil }
        defer { solver_free(solver) }
        solver.setInstallationFlags()
        var job = Queue()
        queue_init(&job)
        defer { queue_free(&job) }
        for id in wanted { queue_push2(&job, SOLVER_SOLVABLE_PROVIDES | SOLVER_INSTALL | flags, id) }
        guard solver_solve(solver, &job) == 0, let transaction = solver_create_transaction(solver) else { return nil }
        defer { transaction_free(transaction) }
        return Set(transaction.pointee.steps.ids.map { pool.pointee.solvables[Int($0)].name })
    }
}

extension UnsafeMutablePointer<Solver> {
    /// What dnf sets for an installation (libdnf's Goal): obsoletes as yum has them, vendors do not matter, and the best candidate is
    /// chosen by policy rather than by what the fewest jobs need.
    func setInstallationFlags() {
        solver_set_flag(self, SOLVER_FLAG_ALLOW_VENDORCHANGE, 1)
        solver_set_flag(self, SOLVER_FLAG_KEEP_ORPHANS, 1)
        solver_set_flag(self, SOLVER_FLAG_BEST_OBEY_POLICY, 1)
        solver_set_flag(self, SOLVER_FLAG_YUM_OBSOLETES, 1)
    }
}
