public import ConfigurationTree
import SystemPackage

/// One reason why a machine has no transaction, in terms of what its owner can edit.
public struct ResolutionProblem: Hashable, Sendable, CustomStringConvertible {
    /// The lines that asked for what cannot be had; empty when it is no line's fault.
    public var locations: [SourceLocation]
    /// What is wrong, in one line.
    public var message: String
    /// How that came about, a sentence a step: from what was asked for down to what cannot be.
    public var because: [String]
    /// What would help, each alone.
    public var waysOut: [String]
    /// What hides packages that would do.
    var hiddenBy: [HiddenPackages.Cause] = []
    /// Where best=1 is written, when an older version might do.
    var best: SourceLocation?
    /// What the solver says would help; those that do become ways out.
    var proposals: [Proposal] = []
    /// What is worth a try where one of `proposals` does not help.
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
        // Names of packages, groups and modules are others' text: none of them makes a line of its own. What is no line's fault may have lines.
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

    /// What a person still reads; `--json` has them all.
    private static let mostSteps = 24
}

extension [ResolutionProblem] {
    /// As somebody goes through the files.
    var inOrderOfLines: [ResolutionProblem] {
        sorted { left, right in
            func order(_ one: ResolutionProblem) -> (String, Int) {
                (one.locations.first?.file.string ?? "", one.locations.first?.line ?? 0)
            }
            return order(left) < order(right)
        }
    }
}

/// Why there is no transaction; every problem at once.
public struct ResolutionError: Error, CustomStringConvertible {
    public var problems: [ResolutionProblem]

    public init(_ problems: [ResolutionProblem]) { self.problems = problems }

    /// Problems that are texts already.
    public init(problems: [String]) { self.problems = problems.map { ResolutionProblem($0) } }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
