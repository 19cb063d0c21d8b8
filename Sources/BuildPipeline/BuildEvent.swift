public import BuildGraph
public import HostSystem
public import SystemPackage

/// Which stage of a machine an event is about.
public struct StageLabel: Hashable, Sendable, CustomStringConvertible {
    /// Such as `image`. `resolve` alone is not a stage of the graph, since the whole batch shares it.
    public var name: String
    /// Which of several, such as `system.qcow2`; empty where there is one.
    public var subject: String

    public init(_ name: String, _ subject: String = "") {
        self.name = name
        self.subject = subject
    }

    init(_ node: BuildGraph.Node) { self.init(node.name, node.stage.subject) }

    public static let resolve = StageLabel("resolve")

    /// The artefacts' exchange.
    public static let publish = StageLabel("publish")

    public var description: String { subject.isEmpty ? name : "\(name) \(subject)" }
}

/// How a stage ended well.
public struct StageEnd: Hashable, Sendable {
    /// The result was there.
    public var isCached: Bool
    public var seconds: Double
    /// The machine for which it was done, when that is another one of the same batch.
    public var sharedWith: String?

    public init(isCached: Bool, seconds: Double, sharedWith: String? = nil) {
        self.isCached = isCached
        self.seconds = seconds
        self.sharedWith = sharedWith
    }
}

/// Something that happened in a build. One stream of these; the terminal, `--json` and the logs are its listeners. Machines are named `group/machine`.
public enum BuildEvent: Sendable {
    case stageStarted(machine: String, StageLabel)
    case progress(machine: String, StageLabel, completed: Int, total: Int, item: String)
    /// A few times a second while files are fetched, for all machines that wait for them.
    case transfer(machines: [String], StageLabel, TransferProgress)
    case stageFinished(machine: String, StageLabel, StageEnd)
    case output(machine: String, source: String, text: String)
    case warning(machines: [String], BuildWarning)
    /// Asked for with `--explain`, before the machine's first stage.
    case planned(machine: String, [StageForecast])
    /// `folder`: where the artefacts are.
    case finished(machine: String, folder: FilePath, [Artefact], seconds: Double)
    case failed(machine: String, BuildFailure)
}

/// A warning, and what it counts for.
public struct BuildWarning: Hashable, Sendable, CustomStringConvertible {
    public var warning: Warning
    /// About the run and not about what is built, such as having to wait: `--strict` does not count it.
    public var isNotice = false
    /// Why the machine's `toleratedWarnings` expect it; `nil` when they do not.
    public var toleranceReason: String?

    public init(_ warning: Warning, isNotice: Bool = false, toleranceReason: String? = nil) {
        self.warning = warning
        self.isNotice = isNotice
        self.toleranceReason = toleranceReason
    }

    /// Whether it fails a machine with `--strict`.
    public var countsAsError: Bool { !isNotice && toleranceReason == nil }

    /// As it stands behind `warning: `.
    public var description: String { warning.text + (toleranceReason.map { " (tolerated: \($0))" } ?? "") }
}

/// Why a machine was not built.
public struct BuildFailure: Error, Sendable, CustomStringConvertible {
    public var machine: String
    public var stage: StageLabel
    public var cause: String
    public var log: FilePath
    /// Where the root is kept as it stood, when that was asked for.
    public var keptRoot: FilePath?

    public var description: String {
        "\(machine): \(stage) failed: \(cause)\n  the log is \(log)"
            + (keptRoot.map { "\n  the root is kept in \($0); 'discographer shell \(machine)' enters it" } ?? "")
    }
}
