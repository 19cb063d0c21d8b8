internal import CSolv

/// One of the solver's problems: the rules that contradict each other, and the solutions that the solver proposes.
struct SolverFacts {
    /// A rule of libsolv: solvables and dependencies are ids of the pool.
    struct Fact: Hashable {
        enum Kind: Hashable {
            case asked(SolverJob.Origin)
            case requires, nothingProvides, conflicts, conflictsWithItself, obsoletes, sameName
            case notInstallable, best, inferiorArchitecture, other
        }

        var kind: Kind
        var from: Id = 0
        var to: Id = 0
        var dependency: Id = 0
        /// Solvables that can satisfy it.
        var candidates: [Id] = []
    }

    /// One way out; all of its elements are necessary.
    struct Solution: Hashable {
        enum Element: Hashable {
            case drop(SolverJob.Origin)
            case allowOlder
            case allowArchitecture(Id)
        }

        var elements: [Element]
    }

    var facts: [Fact] = []
    var solutions: [Solution] = []

    /// All problems that the solver found.
    static func all(
        of solver: UnsafeMutablePointer<Solver>, _ job: borrowing SolverJob, in pool: PackagePool
    ) -> [SolverFacts] {
        var all: [SolverFacts] = []
        var problem: Id = 0
        while true {
            problem = solver_next_problem(solver, problem)
            guard problem != 0 else { return all }
            all.append(
                SolverFacts(
                    facts: facts(of: problem, solver, job, in: pool), solutions: solutions(of: problem, solver, job)))
        }
    }

    private static func facts(
        of problem: Id, _ solver: UnsafeMutablePointer<Solver>, _ job: borrowing SolverJob, in pool: PackagePool
    ) -> [Fact] {
        var facts: [Fact] = []
        for rule in Queue.ids({ solver_findallproblemrules(solver, problem, &$0) }) {
            var fact = Fact(kind: .other)
            let type = solver_ruleinfo(solver, rule, &fact.from, &fact.to, &fact.dependency)
            switch type {
            case SOLVER_RULE_JOB, SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP, SOLVER_RULE_JOB_UNKNOWN_PACKAGE:
                let index = Int(solver_rule2jobidx(solver, rule)) - 1
                guard let origin = job.origin(at: index), origin != .policy else { continue }
                fact = Fact(kind: .asked(origin), candidates: job.candidates(at: index, in: pool))
            case SOLVER_RULE_PKG_REQUIRES:
                // Hidden packages count for the solver, but do not satisfy anything.
                fact.candidates = pool.providers(of: fact.dependency).filter(pool.isConsidered)
                fact.kind = fact.candidates.isEmpty ? .nothingProvides : .requires
            case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP: fact.kind = .nothingProvides
            case SOLVER_RULE_PKG_CONFLICTS, SOLVER_RULE_PKG_CONSTRAINS: fact.kind = .conflicts
            case SOLVER_RULE_PKG_SELF_CONFLICT: fact.kind = .conflictsWithItself
            case SOLVER_RULE_PKG_OBSOLETES, SOLVER_RULE_PKG_IMPLICIT_OBSOLETES, SOLVER_RULE_YUMOBS:
                fact.kind = .obsoletes
            case SOLVER_RULE_PKG_SAME_NAME: fact.kind = .sameName
            case SOLVER_RULE_PKG_NOT_INSTALLABLE:
                guard pool.isConsidered(fact.from) else { continue }
                fact.kind = .notInstallable
            case SOLVER_RULE_BEST:
                fact.kind = .best
                fact.candidates = Queue.ids { solver_ruleliterals(solver, rule, &$0) }.filter { $0 > 0 }
                // Such a rule takes the place of the request's own rule.
                for index in job.elements(choosing: fact.candidates, in: pool) {
                    guard let origin = job.origin(at: index) else { continue }
                    let asked = Fact(kind: .asked(origin), candidates: job.candidates(at: index, in: pool))
                    if !facts.contains(asked) { facts.append(asked) }
                }
            case SOLVER_RULE_INFARCH: fact.kind = .inferiorArchitecture
            default: break
            }
            if !facts.contains(fact) { facts.append(fact) }
        }
        return facts
    }

    private static func solutions(
        of problem: Id, _ solver: UnsafeMutablePointer<Solver>, _ job: borrowing SolverJob
    ) -> [Solution] {
        var solutions: [Solution] = []
        var number: Id = 0
        while true {
            number = solver_next_solution(solver, problem, number)
            guard number != 0 else { return solutions }
            var solution = Solution(elements: [])
            var (element, what, with): (Id, Id, Id) = (0, 0, 0)
            while true {
                element = solver_next_solutionelement(solver, problem, number, element, &what, &with)
                guard element != 0 else { break }
                switch what {
                case SOLVER_SOLUTION_JOB:
                    // Counted from 1.
                    if let origin = job.origin(at: Int(with) - 1) { solution.elements.append(.drop(origin)) }
                case SOLVER_SOLUTION_BEST: solution.elements.append(.allowOlder)
                case SOLVER_SOLUTION_INFARCH: solution.elements.append(.allowArchitecture(with))
                default: break
                }
            }
            if !solution.elements.isEmpty, !solutions.contains(solution) { solutions.append(solution) }
        }
    }
}

extension SolverJob {
    /// The elements that ask for one of these among others: indices in `queue`.
    fileprivate func elements(choosing ids: [Id], in pool: SolvPool) -> [Int] {
        guard let id = ids.first else { return [] }
        return origins.indices.filter { origins[$0] != .policy && candidates(at: $0 * 2, in: pool).contains(id) }.map { $0 * 2 }
    }

    fileprivate func candidates(at index: Int, in pool: SolvPool) -> [Id] {
        let elements = queue.ids
        guard elements.indices.contains(index + 1) else { return [] }
        return Queue.ids { pool_job2solvables(pool.handle, &$0, elements[index], elements[index + 1]) }
    }
}
