// The solver's problems in the words of `packages` and the yum configuration.
internal import CSolv
import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// Each problem with the chain of requirements that led there.
    func words(
        for solver: UnsafeMutablePointer<Solver>, _ job: borrowing SolverJob, _ request: ResolutionRequest
    ) -> [String] {
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

    func suggestion(for spec: String) -> String {
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
