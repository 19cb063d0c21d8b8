internal import CSolv
import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// Why each package is in the transaction. Needs the pool as it was when the transaction was solved.
    func requirements(of solved: SolvedTransaction, _ request: ResolutionRequest) -> RequirementGraph {
        let indices = Dictionary(zip(solved.ids, Int32(0)...)) { first, _ in first }
        var askers: [Int: [RequirementGraph.Asker]] = [:]
        for (id, origins) in solved.askers {
            if let index = indices[id] { askers[Int(index)] = origins.compactMap(\.asker).sorted { $0.order < $1.order } }
        }
        return RequirementGraph(
            packages: solved.transaction.packages, askers: askers,
            links: links(among: solved.ids, indices, weak: request.configuration.installsWeakDependencies))
    }

    private func links(among ids: [Id], _ indices: [Id: Int32], weak: Bool) -> RequirementLinks {
        if let known = lastLinks, known.ids == ids, known.weak == weak { return known.links }
        var builder = RequirementLinks.Builder()
        // Many packages share a dependency, so each is looked up once.
        var capabilities: [Id: Int] = [:]
        func capability(_ dependency: Id) -> Int {
            if let known = capabilities[dependency] { return known }
            let new = builder.add(text(dependency), providers: providers(of: dependency, among: indices))
            capabilities[dependency] = new
            return new
        }
        for (from, id) in ids.enumerated() {
            for dependency in dependencies(of: id, SOLVABLE_REQUIRES) {
                builder.add(.requires, from: from, capability: capability(dependency))
            }
            guard weak else { continue }
            for dependency in dependencies(of: id, SOLVABLE_RECOMMENDS) {
                builder.add(.recommends, from: from, capability: capability(dependency))
            }
            for dependency in dependencies(of: id, SOLVABLE_SUPPLEMENTS) {
                let what = builder.add(text(dependency), providers: [Int32(from)])
                for part in parts(of: dependency) {
                    for other in providers(of: part, among: indices) where other != from {
                        builder.add(.supplements, from: Int(other), to: from, capability: what)
                    }
                }
            }
        }
        let links = builder.links(packageCount: ids.count)
        if remembersAnswers { lastLinks = (ids, weak, links) }
        return links
    }

    private func providers(of dependency: Id, among indices: [Id: Int32]) -> [Int32] {
        providers(of: dependency).compactMap { indices[$0] }
    }

    /// The simple dependencies in a boolean one.
    private func parts(of dependency: Id) -> [Id] {
        var (name, evr): (Id, Id) = (0, 0)
        switch discographer_relation(handle, dependency, &name, &evr) {
        case REL_AND, REL_OR, REL_WITH: return parts(of: name) + parts(of: evr)
        case REL_COND, REL_UNLESS, REL_WITHOUT: return parts(of: name)
        default: return [dependency]
        }
    }
}

extension SolverJob.Origin {
    /// The asker to show; `nil` for rules that no user asked for.
    var asker: RequirementGraph.Asker? {
        switch self {
        case .request(let request): RequirementGraph.Asker(text: request.spec, location: request.location)
        case .member(_, let request): RequirementGraph.Asker(text: "@\(request.spec)", location: request.location)
        case .always(let name): RequirementGraph.Asker(text: name, location: nil)
        case .local(let path):
            RequirementGraph.Asker(
                text: path.lastComponent?.string ?? path.string, location: SourceLocation(file: path))
        case .policy: nil
        }
    }
}

extension RequirementGraph.Asker {
    /// Lines of files come before packages of every root.
    fileprivate var order: (Int, String, Int) {
        (location == nil ? 1 : 0, location?.file.string ?? "", location?.line ?? 0)
    }
}
