internal import CSolv

/// Everything that the solver's answer depends on, as long as the pool holds the same packages.
struct SolverQuestion: Hashable {
    /// The job: what to do, and the solvables or the dependency that it is about.
    private var elements: [[Id]]
    private var considered: [UInt8]?
    private var solvableCount: Id
    private var filelists: PackagePool.Filelists
    let installsWeakDependencies: Bool

    init(_ job: borrowing SolverJob, in pool: PackagePool, installsWeakDependencies: Bool) {
        let queue = job.queue.ids
        elements = stride(from: 0, to: queue.count - 1, by: 2).map { index in
            let (how, what) = (queue[index], queue[index + 1])
            guard how & SOLVER_SELECTMASK == SOLVER_SOLVABLE_ONE_OF else { return [how, what] }
            // The list is in another place each time, so its content counts.
            return [how] + pool.providers(at: Int(what))
        }
        considered = pool.consideredBits
        solvableCount = pool.endOfSolvables
        filelists = pool.filelists
        self.installsWeakDependencies = installsWeakDependencies
    }
}

/// The solver's answer.
struct SolverDecisions {
    var ids: [Id]
    /// The same as values; their reasons do not say yet which packages were requested.
    var packages: [TransactionPackage]
}
