// With strict=0 (dnf.conf(5)), what cannot be installed is left out and reported instead of being an error.
internal import CSolv
import ConfigurationTree

extension PackagePool {
    /// Reports everything that was asked for and is left out, with the reason: also each name that a glob pattern fits and each member of a group.
    func reportLeftOut(of solved: SolvedTransaction, _ job: borrowing SolverJob, _ request: ResolutionRequest, _ report: (String) -> Void) {
        let installed = Set(solved.ids)
        let left = job.elements(in: self).filter { $0.origin != .policy && $0.candidates.allSatisfy { !installed.contains($0) } }
        var said: Set<String> = []
        for element in left.sorted(by: { $0.origin.order < $1.origin.order }) where isWanted(element, installed) {
            let names = Set(element.candidates.map(name(of:)))
            let isNamed = names.isEmpty || names.contains(element.origin.spec) || element.origin.isMember
            let alternatives = names.sorted().map { "'\($0)'" }.alternatives
            let what = isNamed ? element.origin.words : "\(alternatives) of \(element.origin.words)"
            guard said.insert(what).inserted else { continue }
            let reason = said.count <= Self.mostReasons ? reason(for: element, job, without: left.map(\.index), request) : nil
            let place = element.origin.location(in: request).map { "\($0): " } ?? ""
            report("\(place)\(what) cannot be installed\(reason.map { ": \($0)" } ?? ""); left out (strict=0)")
        }
    }

    /// Each reason takes a run of the solver.
    private static let mostReasons = 20
    private static let mostSteps = 3

    /// A conditional member of a group, `(member if other)`, is not wanted without the other package.
    private func isWanted(_ element: SolverJob.Element, _ installed: Set<Id>) -> Bool {
        guard let condition = element.condition else { return true }
        return providers(of: condition).contains(where: installed.contains)
    }

    /// Why an element cannot be installed with those that are.
    private func reason(for element: SolverJob.Element, _ job: borrowing SolverJob, without left: [Int], _ request: ResolutionRequest) -> String? {
        let others = Set(left).subtracting([element.index])
        var strict = job.strict(naming: element.index, without: others)
        guard let solver = try? solver(request) else { return nil }
        defer { solver_free(solver) }
        guard solver_solve(solver, &strict.queue) != 0 else { return nil }
        // The first step says what was asked for.
        let steps = diagnostics(of: solver, strict, request).flatMap { $0.because.dropFirst() }
        return steps.isEmpty ? nil : steps.prefix(Self.mostSteps).joined(separator: "; ")
    }

    /// Reports lines that only enable a module stream of which no package is installed.
    func reportUnused(_ modules: ModuleSelection, _ solved: SolvedTransaction, _ report: (String) -> Void) {
        guard let metadata = moduleMetadata, !modules.choices.isEmpty else { return }
        let installed = Set(solved.ids.map(nevraWithEpoch))
        for choice in modules.choices where metadata.onlyEnables(choice) {
            let versions = choice.candidates.filter(currentModules.active.indices.contains).map { metadata.streams[$0] }
            guard let newest = versions.max(by: { $0.version < $1.version }), !versions.contains(where: { !installed.isDisjoint(with: $0.artifacts) })
            else { continue }
            let profiles = newest.profiles.keys.sorted().map { "'@\(newest.nameStream)/\($0)'" }
            report(
                "\(choice.request.location): '@\(choice.request.spec)' enables '\(newest.nameStream)', which has no default profile, and nothing of it is installed"
                    + (profiles.isEmpty ? "" : "; to install a profile, use \(profiles.alternatives)"))
        }
    }
}
