public import ConfigurationTree
import SystemPackage

/// One reason why a machine has no transaction, in terms of what its owner can edit.
public struct ResolutionDiagnostic: Hashable, Sendable, CustomStringConvertible {
    /// The lines at fault; empty when no line is.
    public var locations: [SourceLocation]
    /// What is wrong, in one line.
    public var message: String
    /// The steps that led there, one sentence each: from the request down to the contradiction.
    public var because: [String]
    /// What would help; each one is enough.
    public var waysOut: [String]
    /// What hides suitable packages.
    var hiddenBy: [HiddenPackages.Cause] = []
    /// Where best=1 is written, when an older version might fit.
    var best: SourceLocation?
    /// The solver's proposals; those that help become ways out.
    var proposals: [Proposal] = []
    /// Proposals to try when one of `proposals` does not help.
    var otherProposals: [Proposal] = []

    public init(
        at locations: [SourceLocation] = [], _ message: String, because: [String] = [], waysOut: [String] = []
    ) {
        self.locations = locations
        self.message = message
        self.because = because
        self.waysOut = waysOut
    }

    /// `file:line: error: what is wrong`, then the steps, then the ways out.
    public var description: String {
        // Names of packages, groups and modules come from repositories and must not add lines. A message without location may have several.
        var lines = [(locations.first.map { "\($0): error: " } ?? "") + message.printable(keepingLines: locations.isEmpty)]
        lines += because.prefix(Self.mostSteps).map { "  - \($0.printable())" }
        if because.count > Self.mostSteps { lines.append("  - and \(because.count - Self.mostSteps) more steps") }
        switch waysOut.count {
        case 0: break
        case 1: lines.append("  way out: \(waysOut[0].printable())")
        default: lines += ["  ways out, one of:"] + waysOut.map { "  * \($0.printable())" }
        }
        return lines.joined(separator: "\n")
    }

    /// More steps are hard to read; `--json` has them all.
    private static let mostSteps = 24
}

extension Sequence {
    /// Sorted by file and line.
    func inOrderOfLines(_ location: (Element) -> SourceLocation?) -> [Element] {
        func order(_ one: Element) -> (String, Int) {
            let place = location(one)
            return (place?.file.string ?? "", place?.line ?? 0)
        }
        return sorted { order($0) < order($1) }
    }
}

/// Why there is no transaction, with all diagnostics at once.
public struct ResolutionError: Error, CustomStringConvertible {
    public var diagnostics: [ResolutionDiagnostic]

    public init(_ diagnostics: [ResolutionDiagnostic]) { self.diagnostics = diagnostics }

    /// Diagnostics that are complete texts.
    public init(problems: [String]) { diagnostics = problems.map { ResolutionDiagnostic($0) } }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
