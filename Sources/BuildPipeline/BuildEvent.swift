public import ConfigurationTree
public import SystemPackage

/// The stages of DESIGN section 4 that a person waits for, in order.
public enum Stage: String, Hashable, Codable, Sendable, CaseIterable {
    case resolve, fetch, install, compose, disks, convert
}

/// Something that happened in a build. One stream of these; the terminal, `--json` and the logs are its listeners.
public enum BuildEvent: Sendable {
    case stageStarted(machine: String, Stage)
    case progress(machine: String, Stage, completed: Int, total: Int, item: String)
    /// A few times a second while files are fetched.
    case transfer(machine: String, Stage, bytes: ByteCount, total: ByteCount, files: Int, totalFiles: Int)
    case stageFinished(machine: String, Stage, cached: Bool, seconds: Double)
    case output(machine: String, source: String, text: String)
    case warning(machine: String, String)
    case finished(machine: String, artefacts: [Artefact], seconds: Double)
    case failed(machine: String, BuildFailure)
}

/// A file that was asked for.
public struct Artefact: Hashable, Codable, Sendable {
    public var path: FilePath
    public var format: String
    public var size: ByteCount
}

/// Why a machine was not built.
public struct BuildFailure: Error, Sendable, CustomStringConvertible {
    public var machine: String
    public var stage: Stage
    public var cause: String
    public var log: FilePath
    /// Where the root is kept as it stood, when that was asked for.
    public var keptRoot: FilePath?

    public var description: String {
        "\(machine): \(stage.rawValue) failed: \(cause)\n  the log is \(log)"
            + (keptRoot.map { "\n  the root as it stood is \($0); 'discographer shell \(machine)' enters it" } ?? "")
    }
}
