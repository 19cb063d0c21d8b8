internal import CSolv
import ConfigurationTree
import SystemPackage

/// The solver's job with the origin of each element, so that messages name the line of `packages`, not the solver's rule.
struct SolverJob: ~Copyable {
    /// Where an element comes from.
    enum Origin: Hashable {
        case request(PackageRequest)
        /// A package of the comps group that the request names.
        case member(String, of: PackageRequest)
        /// `setup`, which every root gets.
        case always(String)
        case local(FilePath)
        /// A rule for the solver that no user asked for.
        case policy

        var isMember: Bool { if case .member = self { true } else { false } }
    }

    /// libsolv's job: pairs of how and what.
    var queue = Queue()
    /// One for each pair.
    private(set) var origins: [Origin] = []

    init() { queue_init(&queue) }

    deinit {
        var queue = queue
        queue_free(&queue)
    }

    mutating func add(_ how: Int32, _ what: Id, for origin: Origin) {
        queue_push2(&queue, how, what)
        origins.append(origin)
    }

    /// The origin of the element that a rule or a solution names.
    ///
    /// - Parameter index: of the pair's first half in `queue`.
    func origin(at index: Int) -> Origin? {
        origins.indices.contains(index / 2) ? origins[index / 2] : nil
    }

    /// The origins that ask for each solvable.
    func askers(in pool: SolvPool) -> [Id: [Origin]] {
        let elements = queue.ids
        var askers: [Id: [Origin]] = [:]
        for (index, origin) in origins.enumerated() where origin != .policy {
            let ids = Queue.ids { pool_job2solvables(pool.handle, &$0, elements[index * 2], elements[index * 2 + 1]) }
            for id in ids { askers[id, default: []].append(origin) }
        }
        return askers
    }
}

/// The solver's transaction with libsolv's ids, which are valid until the pool is prepared again.
struct SolvedTransaction {
    var transaction: Transaction
    /// The solvables of `transaction.packages`.
    var ids: [Id]
    /// The origins that ask for each solvable, in the transaction or not.
    var askers: [Id: [SolverJob.Origin]]
}
