import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// The transaction for a request.
    ///
    /// - Throws: `ResolutionError` with a diagnostic for each reason and its ways out. Ways out that are not the solver's own were tried.
    func solved(_ request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
        do { return try solution(for: request, report: report) } catch let error as ResolutionError {
            var trials = Trials(pool: self, request: request, diagnostics: error.diagnostics)
            throw ResolutionError(error.diagnostics.map { withWaysOut($0, request, &trials) })
        }
    }

    private static let mostCauses = 4

    private func withWaysOut(_ diagnostic: ResolutionDiagnostic, _ request: ResolutionRequest, _ trials: inout Trials) -> ResolutionDiagnostic {
        trials.beginDiagnostic()
        var ways = waysToUnhide(diagnostic, request, &trials)
        let proposals = diagnostic.proposals.filter { $0.edits.isEmpty || trials.help($0.edits) }
        ways += proposals.map(\.text)
        if proposals.count < diagnostic.proposals.count {
            ways += diagnostic.otherProposals.filter { trials.help($0.edits) }.map(\.text)
        }
        var complete = diagnostic
        complete.waysOut = []
        for way in ways + diagnostic.waysOut where !complete.waysOut.contains(way) { complete.waysOut.append(way) }
        return complete
    }

    private func waysToUnhide(_ diagnostic: ResolutionDiagnostic, _ request: ResolutionRequest, _ trials: inout Trials) -> [String] {
        guard !diagnostic.hiddenBy.isEmpty || diagnostic.best != nil else { return [] }
        let places = ShortPlaces(of: request)
        let causes = Array(diagnostic.hiddenBy.filter(\.isLiftable).prefix(Self.mostCauses))
        var ways = diagnostic.hiddenBy.filter { !$0.isLiftable }.compactMap { $0.remedy(places) }
        for line in trials.left > 0 ? linesThatEnable(diagnostic.hiddenBy) : [] {
            let file = diagnostic.locations.first?.file ?? "packages"
            if trials.help([.add(PackageRequest(.group, line, at: SourceLocation(file: file)))]) {
                ways.append("enable its module stream: a line '@\(line)' in packages")
            }
        }
        func remaining(_ lifted: [HiddenPackages.Cause], best: Bool? = nil) -> ResolutionDiagnostic? {
            var request = request.lifting(lifted)
            request.configuration.best = best ?? request.configuration.best
            return trials.diagnostics(of: request)?.first { $0.locations.first == diagnostic.locations.first }
        }
        if let place = diagnostic.best, trials.left > 0, remaining([], best: false) == nil {
            ways.append(DiagnosticWriter.olderVersions(place, places))
        }
        let alone = causes.filter { trials.left > 0 && remaining([$0]) == nil }
        ways += alone.compactMap { $0.remedy(places) }
        var lifted = causes
        while alone.isEmpty, !lifted.isEmpty, trials.left > 0 {
            guard let next = remaining(lifted) else {
                ways.append(lifted.inOrderOfLines(\.location).compactMap { $0.remedy(places) }.joined(separator: ", and "))
                break
            }
            let more = next.hiddenBy.filter { $0.isLiftable && !lifted.contains($0) }
            if more.isEmpty { break }
            lifted += more.prefix(Self.mostCauses)
        }
        return ways
    }

    /// The text after the `@` of each line that would enable a stream with a wanted package.
    private func linesThatEnable(_ causes: [HiddenPackages.Cause]) -> [String] {
        guard let modules = moduleMetadata else { return [] }
        let streams = causes.compactMap { if case .module(let stream, _) = $0.kind { stream } else { nil } }
        return streams.prefix(Self.mostCauses).compactMap { modules.newest($0, where: runs) }.map { modules.line(for: $0) }
    }
}

/// Tries to solve changed requests. The number of trials is limited, in total and for each diagnostic, because the user waits for the
/// diagnostics themselves.
private struct Trials {
    let pool: PackagePool
    let request: ResolutionRequest
    let diagnostics: [ResolutionDiagnostic]
    /// How many trials are left for the current diagnostic.
    private(set) var left = 0
    private var leftForAll = 32
    private var known: [[Proposal.Edit]: Bool] = [:]

    private static let mostOfADiagnostic = 8

    init(pool: PackagePool, request: ResolutionRequest, diagnostics: [ResolutionDiagnostic]) {
        self.pool = pool
        self.request = request
        self.diagnostics = diagnostics
    }

    mutating func beginDiagnostic() { left = min(Self.mostOfADiagnostic, leftForAll) }

    /// Whether the edits leave fewer diagnostics than before, and none about a new line. Results are kept, because several diagnostics often
    /// have the same way out.
    mutating func help(_ edits: [Proposal.Edit]) -> Bool {
        if let known = known[edits] { return known }
        guard left > 0 else { return false }
        let helps = areHelped(by: edits)
        known[edits] = helps
        return helps
    }

    private mutating func areHelped(by edits: [Proposal.Edit]) -> Bool {
        guard let remaining = diagnostics(of: request.applying(edits)) else { return true }
        let places = edits.compactMap { if case .add(let line) = $0, line.kind != .forbid { line.location } else { nil } }
        return remaining.count < diagnostics.count && !remaining.contains { !$0.locations.allSatisfy { !places.contains($0) } }
    }

    /// `nil` when there is a transaction.
    mutating func diagnostics(of request: ResolutionRequest) -> [ResolutionDiagnostic]? {
        left -= 1
        leftForAll -= 1
        do {
            _ = try pool.solution(for: request, report: { _ in })
            return nil
        } catch let error as ResolutionError {
            return error.diagnostics
        } catch {
            return diagnostics
        }
    }
}

extension ResolutionRequest {
    /// The request without causes that hide packages.
    fileprivate func lifting(_ causes: [HiddenPackages.Cause]) -> ResolutionRequest {
        var request = self
        for cause in causes {
            switch cause.kind {
            case .forbidden(let line): request.requests.removeAll { $0 == line }
            case .excluded(let glob, nil): request.configuration.excludes.removeAll { $0 == glob }
            default: continue
            }
        }
        return request
    }
}

extension ShortPlaces {
    /// Short names for all files that a machine's request comes from.
    init(of request: ResolutionRequest) {
        self.init(
            request.requests.map(\.location.file) + request.configuration.writtenOptions.map(\.location.file)
                + request.localPackages)
    }
}
