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
    /// The packages without which an element is not wanted: a dependency, by the element's number.
    private var conditions: [Int: Id] = [:]

    init() { queue_init(&queue) }

    deinit {
        var queue = queue
        queue_free(&queue)
    }

    /// - Parameter condition: a dependency; only if a package that provides it is installed, the element is wanted.
    mutating func add(_ how: Int32, _ what: Id, for origin: Origin, if condition: Id? = nil) {
        queue_push2(&queue, how, what)
        conditions[origins.count] = condition
        origins.append(origin)
    }

    /// One pair of the queue.
    struct Element {
        /// Among the pairs.
        var index: Int
        var origin: Origin
        var candidates: [Id]
        var condition: Id?
    }

    func elements(in pool: SolvPool) -> [Element] {
        let pairs = queue.ids
        return origins.enumerated().map { index, origin in
            let candidates = Queue.ids { pool_job2solvables(pool.handle, &$0, pairs[index * 2], pairs[index * 2 + 1]) }
            return Element(index: index, origin: origin, candidates: candidates, condition: conditions[index])
        }
    }

    /// The same job in which nothing may be left out but the elements that are taken away. One element keeps its origin, so that messages are
    /// about it.
    func strict(naming named: Int, without removed: Set<Int>) -> SolverJob {
        var job = SolverJob()
        let pairs = queue.ids
        for index in origins.indices where !removed.contains(index) {
            job.add(pairs[index * 2] & ~SOLVER_WEAK, pairs[index * 2 + 1], for: index == named ? origins[index] : .policy)
        }
        return job
    }

    /// The origin of the element that a rule or a solution names.
    ///
    /// - Parameter index: of the pair's first half in `queue`.
    func origin(at index: Int) -> Origin? {
        origins.indices.contains(index / 2) ? origins[index / 2] : nil
    }

    /// The origins that ask for each solvable.
    func askers(in pool: SolvPool) -> [Id: [Origin]] {
        var askers: [Id: [Origin]] = [:]
        for element in elements(in: pool) where element.origin != .policy {
            for id in element.candidates { askers[id, default: []].append(element.origin) }
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
