internal import CSolv
import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// Why each package is in the transaction. The pool is as it was when the transaction was solved.
    func requirements(of solved: SolvedTransaction, _ request: ResolutionRequest) -> RequirementGraph {
        let indices = Dictionary(zip(solved.ids, 0...)) { first, _ in first }
        var askers: [Int: [RequirementGraph.Asker]] = [:]
        for (id, origins) in solved.askers {
            if let index = indices[id] { askers[index] = origins.compactMap(\.asker).sorted { $0.order < $1.order } }
        }
        var links = Links()
        for (from, id) in solved.ids.enumerated() {
            for dependency in dependencies(of: id, SOLVABLE_REQUIRES) {
                links.add(.requires, from: from, to: providers(of: dependency, among: indices), text(dependency))
            }
            guard request.configuration.installsWeakDependencies else { continue }
            for dependency in dependencies(of: id, SOLVABLE_RECOMMENDS) {
                links.add(.recommends, from: from, to: providers(of: dependency, among: indices), text(dependency))
            }
            for dependency in dependencies(of: id, SOLVABLE_SUPPLEMENTS) {
                for part in parts(of: dependency) {
                    for other in providers(of: part, among: indices) {
                        links.add(.supplements, from: other, to: [from], text(dependency))
                    }
                }
            }
        }
        return RequirementGraph(
            packages: solved.transaction.packages, askers: askers,
            requirements: links.requirements { solved.transaction.packages[$0].name })
    }

    func dependencies(of id: Id, _ key: solv_knownid) -> [Id] {
        var queue = Queue()
        queue_init(&queue)
        defer { queue_free(&queue) }
        solvable_lookup_idarray(pool.pointee.solvables + Int(id), Id(key.rawValue), &queue)
        let marker = Id(SOLVABLE_PREREQMARKER.rawValue)
        return queue.ids.filter { $0 != marker }
    }

    /// The solvables that provide a dependency, as far as they can be seen.
    func providers(of dependency: Id) -> [Id] {
        var providers: [Id] = []
        var place = Int(pool_whatprovides(pool, dependency))
        while case let id = pool.pointee.whatprovidesdata[place], id != 0 {
            if id != SystemSolvable.id { providers.append(id) }
            place += 1
        }
        return providers
    }

    func text(_ dependency: Id) -> String { pool_dep2str(pool, dependency).map { String(cString: $0) } ?? "" }

    private func providers(of dependency: Id, among indices: [Id: Int]) -> [Int] {
        providers(of: dependency).compactMap { indices[$0] }
    }

    /// The simple dependencies that a rich one is made of.
    private func parts(of dependency: Id) -> [Id] {
        var (name, evr): (Id, Id) = (0, 0)
        switch discographer_relation(pool, dependency, &name, &evr) {
        case REL_AND, REL_OR, REL_WITH: return parts(of: name) + parts(of: evr)
        case REL_COND, REL_UNLESS, REL_WITHOUT: return parts(of: name)
        default: return [dependency]
        }
    }
}

/// SYSTEMSOLVABLE of solv/pool.h: provides what the system itself has.
private enum SystemSolvable {
    static let id: Id = 1
}

/// Requirements while they are collected.
private struct Links {
    private struct Link: Hashable {
        var from: Int
        var to: Int
        var strength: RequirementGraph.Requirement.Strength
    }

    /// The capabilities, each with the other packages of the transaction that provide it too.
    private var links: [Link: [(capability: String, others: [Int])]] = [:]

    mutating func add(
        _ strength: RequirementGraph.Requirement.Strength, from: Int, to providers: [Int], _ capability: String
    ) {
        // What a package brings itself is no reason for another one.
        guard !providers.contains(from) else { return }
        for to in providers {
            let link = Link(from: from, to: to, strength: strength)
            guard !(links[link] ?? []).contains(where: { $0.capability == capability }) else { continue }
            links[link, default: []].append((capability, providers.filter { $0 != to }))
        }
    }

    /// Sorted; of each the capabilities that nobody else provides first, a package's name before sonames and paths.
    func requirements(name: (Int) -> String) -> [RequirementGraph.Requirement] {
        links.map { link, capabilities in
            let named = name(link.to)
            let sorted = capabilities.sorted { left, right in
                func order(_ one: (capability: String, others: [Int])) -> (Int, Int, Int, String) {
                    let isName = one.capability == named || one.capability.hasPrefix(named + " ")
                    return (one.others.isEmpty ? 0 : 1, isName ? 0 : 1, one.capability.count, one.capability)
                }
                return order(left) < order(right)
            }
            return RequirementGraph.Requirement(
                from: link.from, to: link.to, strength: link.strength, capabilities: sorted.map(\.capability),
                alternatives: sorted.first?.others ?? [])
        }
        .sorted { ($0.to, $0.from, $0.strength.rawValue) < ($1.to, $1.from, $1.strength.rawValue) }
    }
}

extension SolverJob.Origin {
    /// For people; `nil` for what nobody asked for.
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
    /// Lines of files before what is part of every root.
    fileprivate var order: (Int, String, Int) {
        (location == nil ? 1 : 0, location?.file.string ?? "", location?.line ?? 0)
    }
}
