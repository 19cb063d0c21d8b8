import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// The transaction for a request.
    ///
    /// - Throws: `ResolutionError` with every problem in words and the ways out; those that are more than the solver's own were tried.
    func solved(_ request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
        do { return try solution(for: request, report: report) } catch let error as ResolutionError {
            var trials = Trials(pool: self, request: request, problems: error.problems)
            throw ResolutionError(error.problems.map { withWaysOut($0, request, &trials) })
        }
    }

    private static let mostCauses = 4

    private func withWaysOut(_ problem: ResolutionProblem, _ request: ResolutionRequest, _ trials: inout Trials) -> ResolutionProblem {
        trials.beginProblem()
        var ways = waysOfWhatHides(problem, request, &trials)
        let proposals = problem.proposals.filter { $0.edits.isEmpty || trials.help($0.edits) }
        ways += proposals.map(\.text)
        if proposals.count < problem.proposals.count {
            ways += problem.otherProposals.filter { trials.help($0.edits) }.map(\.text)
        }
        var complete = problem
        complete.waysOut = []
        for way in ways + problem.waysOut where !complete.waysOut.contains(way) { complete.waysOut.append(way) }
        return complete
    }

    private func waysOfWhatHides(_ problem: ResolutionProblem, _ request: ResolutionRequest, _ trials: inout Trials) -> [String] {
        guard !problem.hiddenBy.isEmpty || problem.best != nil else { return [] }
        let places = ShortPlaces(of: request)
        let causes = Array(problem.hiddenBy.filter(\.isLiftable).prefix(Self.mostCauses))
        var ways = problem.hiddenBy.filter { !$0.isLiftable }.compactMap { $0.remedy(places) }
        for line in trials.left > 0 ? linesThatEnable(problem.hiddenBy) : [] {
            let file = problem.locations.first?.file ?? "packages"
            if trials.help([.add(PackageRequest(.group, line, at: SourceLocation(file: file)))]) {
                ways.append("enable its module stream: a line '@\(line)' in packages")
            }
        }
        func remaining(_ lifted: [HiddenPackages.Cause], best: Bool? = nil) -> ResolutionProblem? {
            var request = request.lifting(lifted)
            request.configuration.best = best ?? request.configuration.best
            return trials.problems(of: request)?.first { $0.locations.first == problem.locations.first }
        }
        if let place = problem.best, trials.left > 0, remaining([], best: false) == nil {
            ways.append(ProblemWords.olderVersions(place, places))
        }
        let alone = causes.filter { trials.left > 0 && remaining([$0]) == nil }
        ways += alone.compactMap { $0.remedy(places) }
        var lifted = causes
        while alone.isEmpty, !lifted.isEmpty, trials.left > 0 {
            guard let next = remaining(lifted) else {
                ways.append(lifted.inOrderOfLines.compactMap { $0.remedy(places) }.joined(separator: ", and "))
                break
            }
            let more = next.hiddenBy.filter { $0.isLiftable && !lifted.contains($0) }
            if more.isEmpty { break }
            lifted += more.prefix(Self.mostCauses)
        }
        return ways
    }

    /// What stands behind the `@` of a line that would enable a stream of which something is wanted.
    private func linesThatEnable(_ causes: [HiddenPackages.Cause]) -> [String] {
        guard let modules = moduleMetadata else { return [] }
        let streams = causes.compactMap { if case .module(let stream, _) = $0.kind { stream } else { nil } }
        return streams.prefix(Self.mostCauses).compactMap { modules.newest($0, where: runs).flatMap { modules.line(for: $0) } }
    }
}

/// Attempts to solve a request that was changed. What people wait for is the problem itself: there are but a few, and of those some for each
/// problem.
private struct Trials {
    let pool: PackagePool
    let request: ResolutionRequest
    let problems: [ResolutionProblem]
    /// For the problem at hand.
    private(set) var left = 0
    private var leftForAll = 32
    private var known: [[Proposal.Edit]: Bool] = [:]

    private static let mostOfAProblem = 8

    init(pool: PackagePool, request: ResolutionRequest, problems: [ResolutionProblem]) {
        self.pool = pool
        self.request = request
        self.problems = problems
    }

    mutating func beginProblem() { left = min(Self.mostOfAProblem, leftForAll) }

    /// Whether there is a problem less than before, and none with a line that is new. Several problems often have the same way out.
    mutating func help(_ edits: [Proposal.Edit]) -> Bool {
        if let known = known[edits] { return known }
        guard left > 0 else { return false }
        let helps = areHelped(by: edits)
        known[edits] = helps
        return helps
    }

    private mutating func areHelped(by edits: [Proposal.Edit]) -> Bool {
        guard let remaining = problems(of: request.applying(edits)) else { return true }
        let places = edits.compactMap { if case .add(let line) = $0, line.kind != .forbid { line.location } else { nil } }
        return remaining.count < problems.count && !remaining.contains { !$0.locations.allSatisfy { !places.contains($0) } }
    }

    /// `nil`: there is a transaction.
    mutating func problems(of request: ResolutionRequest) -> [ResolutionProblem]? {
        left -= 1
        leftForAll -= 1
        do {
            _ = try pool.solution(for: request, report: { _ in })
            return nil
        } catch let error as ResolutionError {
            return error.problems
        } catch {
            return problems
        }
    }
}

extension [HiddenPackages.Cause] {
    fileprivate var inOrderOfLines: [HiddenPackages.Cause] {
        sorted { left, right in
            func order(_ one: HiddenPackages.Cause) -> (String, Int) {
                (one.location?.file.string ?? "", one.location?.line ?? 0)
            }
            return order(left) < order(right)
        }
    }
}

extension ResolutionRequest {
    /// The request without what hides packages.
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
    /// Of all files that a machine's request comes from.
    init(of request: ResolutionRequest) {
        self.init(
            request.requests.map(\.location.file) + request.configuration.writtenOptions.map(\.location.file)
                + request.localPackages)
    }
}
