// Puts the solver's proposals into words: withdraw a request, allow an older version or another architecture.
internal import CSolv
import ConfigurationTree
import SystemPackage

extension DiagnosticWriter {
    func propose(_ solutions: [SolverFacts.Solution], for diagnostic: inout ResolutionDiagnostic) {
        for solution in solutions {
            let groups = solution.groups
            let modules = groups.filter(pool.namesModule)
            // All packages of a profile are wanted: a line that forbids one of them would be the next error.
            let proposals = modules.isEmpty ? [proposal(solution)] : modules.flatMap(withoutModule)
            for one in proposals where !diagnostic.proposals.contains(one) { diagnostic.proposals.append(one) }
            for one in groups.map(withdrawal) where modules.isEmpty && !diagnostic.otherProposals.contains(one) {
                diagnostic.otherProposals.append(one)
            }
        }
    }

    private func proposal(_ solution: SolverFacts.Solution) -> Proposal {
        var parts: [String] = []
        var edits: [Proposal.Edit] = []
        let isForbidden = solution.elements.contains { if case .drop(.always) = $0 { true } else { false } }
        for element in solution.elements {
            // When 'setup', which every machine gets, is to be forbidden, a line that asks for it has to go.
            if isForbidden, case .drop(.request(let one)) = element, one.spec == "setup" {
                edits.append(.remove(one))
                continue
            }
            let part: String
            switch element {
            case .drop(let origin):
                part = origin.withdrawal(places, request)
                origin.withdrawalEdit.map { edits.append($0) }
            case .allowOlder:
                part = Self.olderVersions(bestOption?.location, places)
                edits.append(.allowOlder)
            case .allowArchitecture(let id): part = "ask for '\(pool.name(of: id)).\(pool.architecture(of: id))' by architecture"
            }
            if !parts.contains(part) { parts.append(part) }
        }
        // Other packages may need a forbidden one, so forbidding has to be tried. The other edits are the solver's own proposals.
        let forbids = edits.contains { if case .add = $0 { true } else { false } }
        return Proposal(text: parts.joined(separator: ", and "), edits: forbids ? edits : [])
    }

    /// Proposals to take another profile of the stream that a line asks for, or to remove the line.
    func withoutModule(_ line: PackageRequest) -> [Proposal] {
        let others = pool.otherProfiles(line).map { other in
            Proposal(
                text: "ask for another profile: '@\(other)' in place of '@\(line.spec)' (\(places.text(line.location)))",
                edits: [.remove(line), .add(PackageRequest(.group, other, at: line.location))])
        }
        return others + [withdrawal(line)]
    }

    private func withdrawal(_ line: PackageRequest) -> Proposal {
        Proposal(text: "do not ask for '@\(line.spec)' (\(places.text(line.location)))", edits: [.remove(line)])
    }
}

extension SolverFacts.Solution {
    /// The lines that ask for groups or modules and would lose a package.
    fileprivate var groups: [PackageRequest] {
        elements.compactMap { if case .drop(.member(_, let line)) = $0 { line } else { nil } }
    }
}

extension SolverJob.Origin {
    fileprivate var withdrawalEdit: Proposal.Edit? {
        switch self {
        case .request(let one): .remove(one)
        case .member(let name, let group): .add(PackageRequest(.forbid, name, at: SourceLocation(file: group.location.file)))
        case .always(let name): .add(PackageRequest(.forbid, name, at: SourceLocation(file: "packages")))
        case .local(let path): .removeLocal(path)
        case .policy: nil
        }
    }
}
