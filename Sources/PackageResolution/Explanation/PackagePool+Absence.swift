internal import CSolv
import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// Why the packages that a spec names are in the transaction, or why they are not. Needs the pool as it was when the transaction was
    /// solved; the pool has to be prepared again afterwards.
    func reasons(for specs: [String], in solved: SolvedTransaction, _ request: ResolutionRequest) throws
        -> [PackageReason]
    {
        let graph = requirements(of: solved, request)
        let paths = specs.filter(needsFilelists)
        if !paths.isEmpty { try loadFilelists(of: paths) }
        return withEverythingVisible { isHidden in
            let writer = DiagnosticWriter(pool: self, request: request, isHidden: isHidden)
            let absences = Absences(writer: writer, transaction: solved.ids)
            return specs.map { spec in
                let named = Set(match(spec, contents: true).ids)
                var reason = PackageReason(
                    spec: spec, graph: graph, present: solved.ids.indices.filter { named.contains(solved.ids[$0]) },
                    absent: [], suggestions: [])
                guard reason.present.isEmpty else { return reason }
                let candidates = named.isEmpty ? solvables(selecting: spec, flags: SELECTION_WITH_BADARCH) : Array(named)
                reason.absent = newestFirst(candidates).prefix(Self.mostCandidates).map { id in
                    PackageReason.Absent(
                        nevra: nevra(id), repository: repositoryName(of: id) ?? "",
                        reasons: named.isEmpty
                            ? ["\(architecture(of: id)) does not run on \(request.architecture)"] : absences.reasons(id))
                }
                if candidates.isEmpty { reason.suggestions = writer.suggestions(for: spec, among: NearMisses.Names(packageNames)) }
                return reason
            }
        }
    }

    private static let mostCandidates = 5
}

/// Finds out why a package is not in a transaction. Everything is visible in the pool while it works.
private struct Absences {
    let writer: DiagnosticWriter
    let transaction: [Id]
    private let members: Set<Id>

    init(writer: DiagnosticWriter, transaction: [Id]) {
        self.writer = writer
        self.transaction = transaction
        members = Set(transaction)
    }

    private var pool: PackagePool { writer.pool }
    private static let mostReasons = 4

    func reasons(_ id: Id) -> [String] {
        if let cause = writer.hidden.cause(id) { return [cause.clause(writer.places)] }
        var reasons: [String] = []
        if let other = transaction.first(where: { pool.name(of: $0) == pool.name(of: id) }) {
            reasons.append("\(pool.described(other)) was chosen: \(preference(for: other, over: id))")
        }
        reasons += obsoleting(id) + conflicts(id) + alternatives(id)
        if reasons.isEmpty { reasons += weak(id) }
        if reasons.isEmpty { reasons.append("nothing in the transaction needs it, and no line of packages asks for it") }
        return Array(reasons.prefix(Self.mostReasons))
    }

    private func preference(for chosen: Id, over id: Id) -> String {
        let order = pool.compareVersions(chosen, id)
        if pool.repositoryPriority(of: chosen) > pool.repositoryPriority(of: id) { return "its repository has a better priority" }
        if order > 0 { return "it is newer" }
        if order < 0 { return "the newer one was not requested, or cannot be installed with the others" }
        return pool.architectureID(of: chosen) == pool.architectureID(of: id) ? "it is the same version" : "its architecture is preferred"
    }

    private func obsoleting(_ id: Id) -> [String] {
        transaction.flatMap { member in
            pool.dependencies(of: member, SOLVABLE_OBSOLETES)
                .filter { pool.obsoletes($0, id) }
                .map { "\(pool.nevra(member)) obsoletes '\(pool.text($0))'" }
        }
    }

    private func conflicts(_ id: Id) -> [String] {
        let own = pool.dependencies(of: id, SOLVABLE_CONFLICTS).flatMap { dependency in
            pool.providers(of: dependency).filter(members.contains).map {
                "it conflicts with '\(pool.text(dependency))': \(pool.nevra($0))"
            }
        }
        let theirs = transaction.flatMap { member in
            pool.dependencies(of: member, SOLVABLE_CONFLICTS)
                .filter { pool.providers(of: $0).contains(id) }
                .map { "\(pool.nevra(member)) conflicts with '\(pool.text($0))'" }
        }
        return own + theirs
    }

    /// Requirements that the package would satisfy too.
    private func alternatives(_ id: Id) -> [String] {
        var said: Set<Id> = []
        return transaction.flatMap { member -> [String] in
            pool.dependencies(of: member, SOLVABLE_REQUIRES).compactMap { dependency in
                guard said.insert(dependency).inserted else { return nil }
                let providers = pool.providers(of: dependency)
                guard providers.contains(id), let chosen = providers.first(where: members.contains) else { return nil }
                return
                    "it also provides '\(pool.text(dependency))', which \(pool.nevra(member)) requires, but \(pool.described(chosen)) was chosen"
            }
        }
    }

    private func weak(_ id: Id) -> [String] {
        let recommending = transaction.filter { member in
            pool.dependencies(of: member, SOLVABLE_RECOMMENDS).contains { pool.providers(of: $0).contains(id) }
        }
        let supplemented = transaction.filter { member in
            pool.dependencies(of: id, SOLVABLE_SUPPLEMENTS).contains { pool.providers(of: $0).contains(member) }
        }
        let clauses =
            recommending.map { "\(pool.nevra($0)) recommends it" }
            + supplemented.map { "it supplements \(pool.nevra($0))" }
        guard let first = clauses.first else { return [] }
        guard !writer.request.configuration.installsWeakDependencies else {
            return [first + ", but it cannot be installed with the others"]
        }
        let option = writer.request.configuration.writtenOptions.last { $0.name == "install_weak_deps" }
        return [first + ", but install_weak_deps=0" + (option.map { " (\(writer.places.text($0.location)))" } ?? "")]
    }
}

extension PackagePool {
    /// Obsoletes match names, not what a package provides.
    fileprivate func obsoletes(_ dependency: Id, _ id: Id) -> Bool {
        string(dependency) == name(of: id) && providers(of: dependency).contains(id)
    }
}
