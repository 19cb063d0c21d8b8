import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// The transaction for a request.
    ///
    /// - Throws: `ResolutionError` with every problem in words and the ways out; those that let a forbidden or excluded package in
    ///   were tried.
    func solved(_ request: ResolutionRequest, report: (String) -> Void) throws -> SolvedTransaction {
        do { return try solution(for: request, report: report) } catch let error as ResolutionError {
            var trials = Self.mostTrials
            throw ResolutionError(error.problems.map { withProposals($0, request, &trials) })
        }
    }

    /// What people wait for is the problem itself.
    private static let mostTrials = 12
    private static let mostCauses = 4

    private func withProposals(
        _ problem: ResolutionProblem, _ request: ResolutionRequest, _ trials: inout Int
    ) -> ResolutionProblem {
        guard !problem.hiddenBy.isEmpty || problem.best != nil else { return problem }
        let places = ShortPlaces(of: request)
        let causes = Array(problem.hiddenBy.filter(\.isLiftable).prefix(Self.mostCauses))
        var ways = problem.hiddenBy.filter { !$0.isLiftable }.compactMap { $0.remedy(places) }
        func remaining(_ lifted: [HiddenPackages.Cause], best: Bool? = nil) -> ResolutionProblem? {
            trials -= 1
            var request = request.lifting(lifted)
            request.configuration.best = best ?? request.configuration.best
            do {
                _ = try solution(for: request, report: { _ in })
                return nil
            } catch let error as ResolutionError {
                return error.problems.first { $0.locations.first == problem.locations.first }
            } catch {
                return problem
            }
        }
        if let place = problem.best, trials > 0, remaining([], best: false) == nil {
            ways.append(ProblemWords.olderVersions(place, places))
        }
        let alone = causes.filter { trials > 0 && remaining([$0]) == nil }
        ways += alone.compactMap { $0.remedy(places) }
        var lifted = causes
        while alone.isEmpty, !lifted.isEmpty, trials > 0 {
            guard let next = remaining(lifted) else {
                ways.append(lifted.inOrderOfLines.compactMap { $0.remedy(places) }.joined(separator: ", and "))
                break
            }
            let more = next.hiddenBy.filter { $0.isLiftable && !lifted.contains($0) }
            if more.isEmpty { break }
            lifted += more.prefix(Self.mostCauses)
        }
        var complete = problem
        complete.waysOut = ways + problem.waysOut
        return complete
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
