// Explains why there is no transaction in terms of `packages` and the yum configuration.
internal import CSolv
import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// A diagnostic for each of the solver's problems: the chain of requirements that led there, what hides suitable packages, and the ways
    /// out. The solver cannot be used afterwards.
    func diagnostics(
        of solver: UnsafeMutablePointer<Solver>, _ job: borrowing SolverJob, _ request: ResolutionRequest
    ) -> [ResolutionDiagnostic] {
        let all = SolverFacts.all(of: solver, job, in: self)
        return withEverythingVisible { isHidden in
            let writer = DiagnosticWriter(pool: self, request: request, isHidden: isHidden)
            return all.map(writer.diagnostic)
        }
    }

    /// Diagnostics for requests that no package or group fits. Jobs and solvers cannot be used afterwards.
    func diagnostics(unknown requests: [PackageRequest], _ request: ResolutionRequest) -> [ResolutionDiagnostic] {
        guard !requests.isEmpty else { return [] }
        return withEverythingVisible { isHidden in
            let writer = DiagnosticWriter(pool: self, request: request, isHidden: isHidden)
            let names = NearMisses.Names(requests.contains { $0.kind == .install } ? packageNames : [])
            return requests.enumerated().map { number, one in
                guard one.kind != .group else { return diagnostic(unknownGroup: one, request.configuration) }
                return writer.diagnostic(unknown: one, among: number < Self.mostSuggestions ? names : nil)
            }
        }
    }

    /// Diagnostics for packages of profiles that no repository has or that are hidden. Jobs and solvers cannot be used afterwards.
    func diagnostics(absent members: [AbsentMember], _ request: ResolutionRequest) -> [ResolutionDiagnostic] {
        guard !members.isEmpty else { return [] }
        return withEverythingVisible { isHidden in
            let writer = DiagnosticWriter(pool: self, request: request, isHidden: isHidden)
            return members.map(writer.diagnostic)
        }
    }

    /// Finding similar names takes a millisecond for each request, so only the first ones get suggestions.
    private static let mostSuggestions = 200

    /// The names of all packages, without groups and other things that libsolv makes solvables of.
    var packageNames: [String] {
        Set(solvableIDs.filter(isPackage).map(nameID(of:))).map(string)
    }

    /// A request for a module or a comps group that no repository has.
    private func diagnostic(unknownGroup one: PackageRequest, _ configuration: YumConfiguration) -> ResolutionDiagnostic {
        let name = one.spec.split(separator: "/", maxSplits: 1).first.map(String.init) ?? ""
        if (try? groups())?.groups(matching: name) != nil {
            let option = configuration.writtenOptions.last { ["excludegroups", "excludeenvs"].contains($0.name) }
            let place = option.map { " (\($0.location))" } ?? ""
            return ResolutionDiagnostic(at: [one.location], "the configuration excludes the group '@\(one.spec)'\(place)")
        }
        if let hint = moduleMetadata?.hint(for: one.spec, where: runs) { return ResolutionDiagnostic(at: [one.location], "'@\(one.spec)': \(hint)") }
        let groups = (try? groups()).map { $0.groups.map(\.id) + $0.environments.map(\.id) } ?? []
        let names = Set(groups + (moduleMetadata?.streams.map(\.module) ?? []))
        let near = NearMisses.of(one.spec, among: names).map { "'@\($0)'" }
        let hint = names.isEmpty ? "; no repository has any group" : near.isEmpty ? "" : "; did you mean \(near.alternatives)?"
        return ResolutionDiagnostic(at: [one.location], "no repository has the group '@\(one.spec)'\(hint)")
    }
}

/// Turns the solver's facts into sentences. Everything is visible in the pool while it works.
struct DiagnosticWriter {
    let pool: PackagePool
    let request: ResolutionRequest
    let hidden: HiddenPackages
    let places: ShortPlaces

    init(pool: PackagePool, request: ResolutionRequest, isHidden: (Id) -> Bool) {
        self.pool = pool
        self.request = request
        hidden = HiddenPackages(in: pool, request, isHidden: isHidden)
        places = ShortPlaces(of: request)
    }

    func diagnostic(_ facts: SolverFacts) -> ResolutionDiagnostic {
        var origins: [SolverJob.Origin] = []
        for case .asked(let origin) in facts.facts.map(\.kind) where !origins.contains(origin) { origins.append(origin) }
        origins.sort { $0.order < $1.order }
        let steps = FactOrder(facts.facts, name: pool.name, dependencyName: pool.string).groups.map(sentence)
        var because: [String] = []
        for step in steps where !because.contains(step) { because.append(step) }
        var diagnostic = ResolutionDiagnostic(
            at: origins.compactMap { $0.location(in: request) }, headline(origins, facts), because: because)
        propose(facts.solutions, for: &diagnostic)
        diagnostic.hiddenBy = causes(of: facts)
        if facts.facts.contains(where: { $0.kind == .best }) { diagnostic.best = bestOption?.location }
        if diagnostic.hiddenBy.isEmpty, let lacking = lacking(facts) {
            diagnostic.waysOut.append("add a repository that has '\(pool.text(lacking.dependency))'")
        }
        return diagnostic
    }

    /// A requirement that no package satisfies, of the newest package that has it.
    private func lacking(_ facts: SolverFacts) -> SolverFacts.Fact? {
        let all = facts.facts.filter { $0.kind == .nothingProvides }
        return all.first.flatMap { first in
            all.filter { pool.name(of: $0.from) == pool.name(of: first.from) }.min { pool.isNewer($0.from, than: $1.from) }
        }
    }

    private func headline(_ origins: [SolverJob.Origin], _ facts: SolverFacts) -> String {
        let names = origins.map(\.words)
        let lacking = lacking(facts).map { fact in
            let capability = "'\(pool.text(fact.dependency))'"
            return hiddenProviders(of: fact.dependency) == nil
                ? ": nothing provides \(capability)" : ": everything that provides \(capability) is hidden"
        }
        switch names.count {
        case 0: return "the packages cannot be installed together\(lacking ?? "")"
        case 1: return "\(names[0]) cannot be installed\(lacking ?? "")"
        case 2...4: return "\(names.list) cannot be installed together"
        default:
            return "\(names.prefix(3).joined(separator: ", ")) and \(names.count - 3) more cannot be installed together"
        }
    }

    /// One sentence for facts that differ only in the versions of the packages that they are about.
    private func sentence(_ group: [SolverFacts.Fact]) -> String {
        guard let fact = group.min(by: { pool.isNewer($0.from, than: $1.from) }) else { return "" }
        // A version may be in several repositories.
        let others = pool.nevras(group.lazy.map(\.from).filter { $0 > 0 }).count - 1
        let otherVersions = others > 0 ? "\(others) other version\(others == 1 ? "" : "s")" : nil
        let isSame = Set(group.map(\.dependency)).count == 1
        let subject = fact.from > 0 ? pool.nevra(fact.from) + (isSame ? otherVersions.map { " (and \($0))" } ?? "" : "") : ""
        let verb = isSame && others > 0 ? "require" : "requires"
        let likewise = isSame ? "" : otherVersions.map { "; likewise \($0)" } ?? ""
        let dependency = fact.dependency != 0 ? "'\(pool.text(fact.dependency))'" : ""
        switch fact.kind {
        case .asked(let origin):
            let candidates = pool.nevras(pool.newestFirst(fact.candidates))
            let isPlain = candidates.count == 1 && candidates[0].hasPrefix(origin.spec + "-")
            let shown = isPlain ? candidates[0] : "\(origin.words)" + (candidates.isEmpty ? "" : ": " + candidates.shortList)
            return "\(origin.subject(places, request)) \(shown)"
        case .requires:
            let providers = pool.nevras(pool.newestFirst(fact.candidates))
            return "\(subject) \(verb) \(dependency): \(providers.shortList)" + (hiddenProviders(of: fact.dependency) ?? "")
                + likewise
        case .nothingProvides:
            let hidden = hiddenProviders(of: fact.dependency)
            return "\(subject) \(verb) \(dependency)"
                + (hidden ?? ", which nothing provides" + self.otherVersions(of: fact.dependency)) + likewise
        case .conflicts:
            return "\(subject) conflicts with \(dependency): \(pool.nevra(fact.to))"
        case .conflictsWithItself: return "\(subject) conflicts with \(dependency), which it provides itself"
        case .obsoletes: return "\(subject) obsoletes \(dependency): \(pool.nevra(fact.to))"
        case .sameName:
            let versions = Set(group.flatMap { [$0.from, $0.to] }).map(pool.nevra).sorted()
            return "only one of \(versions.shortList) can be installed"
        case .notInstallable: return "\(subject) cannot be installed on \(request.architecture)"
        case .best:
            let place = bestOption.map { "\(places.text($0.location)): " } ?? ""
            return "\(place)best=1 accepts only the newest: \(pool.nevras(fact.candidates).shortList)"
        case .inferiorArchitecture: return "\(subject) is of an inferior architecture"
        case .other:
            return fact.from > 0 ? "\(subject) prevents the installation" : "the packages exclude each other"
        }
    }

    // MARK: What is hidden, and what would help

    private func hiddenProviders(of dependency: Id) -> String? {
        let causes = pool.newestFirst(pool.providers(of: dependency)).compactMap { id in
            hidden.cause(id).map { (id, $0) }
        }
        guard !causes.isEmpty else { return nil }
        var groups: [(ids: [Id], cause: HiddenPackages.Cause)] = []
        for (id, cause) in causes {
            if let known = groups.firstIndex(where: { $0.cause == cause && pool.nevra($0.ids[0]) == pool.nevra(id) }) {
                groups[known].ids.append(id)
            } else {
                groups.append(([id], cause))
            }
        }
        let sentences = groups.prefix(3).map { "; \(pool.described($0.ids).list) provides it, but \($0.cause.clause(places))" }
        return sentences.joined() + (groups.count > 3 ? "; and \(groups.count - 3) more are hidden" : "")
    }

    /// Packages of the dependency's name that do not satisfy it.
    private func otherVersions(of dependency: Id) -> String {
        guard let id = pool.knownID(of: pool.string(dependency)), id != dependency else { return "" }
        let fitting = Set(pool.providers(of: dependency))
        let others = pool.newestFirst(pool.providers(of: id).filter { !fitting.contains($0) })
        guard !others.isEmpty else { return "" }
        return "; there is \(pool.described(others).shortList)"
    }

    private func causes(of facts: SolverFacts) -> [HiddenPackages.Cause] {
        var causes: [HiddenPackages.Cause] = []
        for fact in facts.facts where fact.kind == .requires || fact.kind == .nothingProvides {
            for id in pool.providers(of: fact.dependency) {
                if let cause = hidden.cause(id), !causes.contains(cause) { causes.append(cause) }
            }
        }
        return causes
    }

    /// The way out that accepts older versions.
    static func olderVersions(_ location: SourceLocation?, _ places: ShortPlaces) -> String {
        "allow an older version: best=0" + (location.map { " (\(places.text($0)))" } ?? "")
    }

    var bestOption: WrittenOption? { request.configuration.writtenOptions.last { $0.name == "best" } }
}

extension DiagnosticWriter {
    /// A diagnostic for a request that no package fits: the package is hidden, it has another architecture or version, or its name is
    /// misspelt.
    ///
    /// - Parameter names: the names that it may be a misspelling of; `nil`: do not search for similar names.
    func diagnostic(unknown one: PackageRequest, among names: NearMisses.Names?) -> ResolutionDiagnostic {
        let selected = pool.newestFirst(pool.match(one.spec, contents: true).ids)
        let causes = selected.compactMap { id in hidden.cause(id).map { (id, $0) } }
        if !causes.isEmpty {
            var diagnostic = ResolutionDiagnostic(
                at: [one.location], "'\(one.spec)' cannot be installed: \(causes[0].1.clause(places))",
                because: hiddenCandidates(causes),
                waysOut: ["do not ask for '\(one.spec)' (\(places.text(one.location)))"])
            for (_, cause) in causes where !diagnostic.hiddenBy.contains(cause) { diagnostic.hiddenBy.append(cause) }
            return diagnostic
        }
        let message = "no repository has '\(one.spec)'"
        guard let names else { return ResolutionDiagnostic(at: [one.location], message) }
        let others = pool.solvables(selecting: one.spec, flags: SELECTION_WITH_BADARCH)
        if !others.isEmpty {
            return ResolutionDiagnostic(
                at: [one.location],
                "\(message) for \(request.architecture); there is \(pool.described(others).shortList)")
        }
        let versions = pool.newestFirst(sameName(as: one.spec))
        if !versions.isEmpty {
            return ResolutionDiagnostic(at: [one.location], "\(message); there is \(pool.described(versions).shortList)")
        }
        let near = suggestions(for: one.spec, among: names)
        return ResolutionDiagnostic(at: [one.location], message + (near.isEmpty ? "" : "; did you mean \(near.alternatives)?"))
    }

    func diagnostic(_ member: AbsentMember) -> ResolutionDiagnostic {
        let name = "'\(member.name)' of '@\(member.request.spec)'"
        let causes = pool.newestFirst(pool.solvables(fitting: PackageSpec(name: member.name))).compactMap { id in
            hidden.cause(id).map { (id, $0) }
        }
        guard let first = causes.first else {
            return ResolutionDiagnostic(
                at: [member.request.location], "no repository has \(name); it may be in a repository that is not enabled")
        }
        var diagnostic = ResolutionDiagnostic(
            at: [member.request.location], "\(name) cannot be installed: \(first.1.clause(places))", because: hiddenCandidates(causes))
        for (_, cause) in causes where !diagnostic.hiddenBy.contains(cause) { diagnostic.hiddenBy.append(cause) }
        diagnostic.proposals = withoutModule(member.request)
        return diagnostic
    }

    /// A sentence for each cause, with the newest package that it hides.
    private func hiddenCandidates(_ candidates: [(Id, HiddenPackages.Cause)]) -> [String] {
        var said: Set<HiddenPackages.Cause> = []
        return candidates.filter { said.insert($0.1).inserted }.map { id, cause in
            let all = pool.described(candidates.lazy.filter { $0.1 == cause }.map(\.0))
            return "\(all.first ?? pool.described(id))\(all.count > 1 ? " and \(all.count - 1) more" : ""), but \(cause.clause(places))"
        }
    }

    func suggestions(for spec: String, among names: NearMisses.Names) -> [String] {
        guard !spec.hasPrefix("/") else { return [] }
        return NearMisses.of(spec, among: names).map { "'\($0)'" }
    }

    /// Packages whose name is the beginning of the spec; no repository has the version that follows it.
    private func sameName(as spec: String) -> [Id] {
        var name = spec[...]
        while let cut = name.lastIndex(where: { "-.<>=".contains($0) }) {
            name = name[..<cut]
            let found = pool.solvables(selecting: String(name), flags: SELECTION_WITH_BADARCH)
            if !found.isEmpty { return found.filter { pool.name(of: $0) == name } }
        }
        return []
    }
}

extension PackagePool {
    /// All packages that a request could mean.
    func solvables(selecting spec: String, flags: Int32) -> [Id] {
        var selection = Queue()
        queue_init(&selection)
        defer { queue_free(&selection) }
        let standard =
            SELECTION_NAME | SELECTION_PROVIDES | SELECTION_FILELIST | SELECTION_CANON | SELECTION_DOTARCH
            | SELECTION_REL | SELECTION_GLOB
        guard selection_make(handle, &selection, spec, standard | flags) != 0 else { return [] }
        return Queue.ids { selection_solvables(handle, &selection, &$0) }
    }

    /// Whether the left package has the higher version; names do not matter.
    func isNewer(_ left: Id, than right: Id) -> Bool { compareVersions(left, right) > 0 }

    /// Sorted by name, with the highest version of each name first.
    func newestFirst(_ ids: [Id]) -> [Id] {
        ids.sorted { left, right in
            if nameID(of: left) != nameID(of: right) { return name(of: left) < name(of: right) }
            return isNewer(left, than: right) || !isNewer(right, than: left) && left < right
        }
    }
}
