// The parts of sentences in diagnostics, and their order.
internal import CSolv
import ConfigurationTree
import SystemPackage

/// Facts in the order of an explanation: what was requested, what that requires, and so on down to the contradiction.
struct FactOrder {
    /// Each group of facts becomes one sentence.
    private(set) var groups: [[SolverFacts.Fact]] = []

    init(_ facts: [SolverFacts.Fact], name: (Id) -> String, dependencyName: (Id) -> String) {
        var waiting = facts
        var reached: Set<Id> = []
        func take(_ condition: (SolverFacts.Fact) -> Bool) -> [SolverFacts.Fact] {
            let taken = waiting.filter(condition)
            waiting.removeAll { condition($0) }
            return taken
        }
        func origin(_ fact: SolverFacts.Fact) -> SolverJob.Origin? {
            if case .asked(let origin) = fact.kind { origin } else { nil }
        }
        let asked = take { origin($0) != nil }
        for fact in asked.sorted(by: { (origin($0)?.order ?? ("", 0, "")) < (origin($1)?.order ?? ("", 0, "")) }) {
            groups.append([fact])
            reached.formUnion(fact.candidates)
        }
        // Requirements level by level, then the contradiction.
        while true {
            let level = take { $0.kind == .requires && reached.contains($0.from) }
            guard !level.isEmpty else { break }
            append(
                level.sorted { left, right in
                    (name(left.from), dependencyName(left.dependency)) < (name(right.from), dependencyName(right.dependency))
                }, name, dependencyName)
            for fact in level { reached.formUnion(fact.candidates) }
        }
        append(waiting, name, dependencyName)
    }

    private mutating func append(
        _ facts: [SolverFacts.Fact], _ name: (Id) -> String, _ dependencyName: (Id) -> String
    ) {
        for fact in facts {
            let same = groups.firstIndex { group in
                guard let first = group.first, first.kind == fact.kind else { return false }
                switch fact.kind {
                case .asked: return false
                case .sameName: return name(first.from) == name(fact.from)
                case .requires, .nothingProvides:
                    return name(first.from) == name(fact.from)
                        && dependencyName(first.dependency) == dependencyName(fact.dependency)
                        && Set(first.candidates.map(name)) == Set(fact.candidates.map(name))
                default:
                    return first.dependency == fact.dependency && first.candidates == fact.candidates
                        && first.to == fact.to && name(first.from) == name(fact.from)
                }
            }
            if let same { groups[same].append(fact) } else { groups.append([fact]) }
        }
    }
}

extension SolverJob.Origin {
    /// What was requested, without quotes.
    var spec: String {
        switch self {
        case .request(let request): request.spec
        case .member(let name, _), .always(let name): name
        case .local(let path): path.lastComponent?.string ?? path.string
        case .policy: ""
        }
    }

    /// What was requested.
    var words: String {
        if case .member(let name, let group) = self { return "'\(name)' of '@\(group.spec)'" }
        return "'\(spec)'"
    }

    /// The beginning of a sentence about the request, up to its verb.
    func subject(_ places: ShortPlaces, _ request: ResolutionRequest) -> String {
        switch self {
        case .request(let one): "\(places.text(one.location)) asks for"
        case .member(_, let group): "'@\(group.spec)' (\(places.text(group.location))) brings"
        case .always: "every machine gets"
        case .local: "rpms/ brings"
        case .policy: ""
        }
    }

    /// The way out that withdraws the request.
    func withdrawal(_ places: ShortPlaces, _ request: ResolutionRequest) -> String {
        switch self {
        case .request(let one): "do not ask for '\(one.spec)' (\(places.text(one.location)))"
        case .member(let name, let group):
            "leave out '\(name)' of '@\(group.spec)': add a line '-\(name)' to \(places.text(SourceLocation(file: group.location.file)))"
        case .always(let name): "forbid '\(name)': add a line '-\(name)' to packages"
        case .local(let path): "remove \(path)"
        case .policy: ""
        }
    }

    func location(in request: ResolutionRequest) -> SourceLocation? {
        switch self {
        case .request(let one), .member(_, let one): one.location
        case .always: request.requests.first.map { SourceLocation(file: $0.location.file) }
        case .local(let path): SourceLocation(file: path)
        case .policy: nil
        }
    }

    var order: (String, Int, String) {
        switch self {
        case .request(let one), .member(_, let one): (one.location.file.string, one.location.line ?? 0, spec)
        case .local(let path): (path.string, 0, "")
        case .always, .policy: ("\u{10FFFF}", 0, spec)
        }
    }
}

extension [String] {
    /// `a`, `a and b`, `a, b and c`.
    var list: String { joined(lastBefore: "and") }

    /// `a`, `a or b`, `a, b or c`.
    var alternatives: String { joined(lastBefore: "or") }

    /// All of at most four items, or the first three and the number of the others.
    var shortList: String {
        count > 4 ? prefix(3).joined(separator: ", ") + " and \(count - 3) more" : list
    }

    private func joined(lastBefore word: String) -> String {
        count < 2 ? first ?? "" : dropLast().joined(separator: ", ") + " \(word) \(self[count - 1])"
    }
}
