import BuildGraph
public import ConfigurationTree
import HostSystem
import SystemPackage

/// An event as other programs read it: one JSON object, whose fields docs/formats.md describes. Paths are relative to the cache, and places in the tree to the tree.
public struct EventRecord: Codable, Sendable {
    /// `stageStarted`, `progress`, `transfer`, `stageFinished`, `output`, `warning`, `planned`, `finished` or `failed`.
    public var event: String
    /// `group/machine`; of an event that is about several: the first.
    public var machine: String?
    /// All machines that an event is about.
    public var machines: [String]?
    /// The stage's name, such as `image`.
    public var stage: String?
    /// Which of several stages of that name, such as `system.qcow2`.
    public var subject: String?
    public var completed: Int?
    public var total: Int?
    public var item: String?
    public var bytes: UInt64?
    public var totalBytes: UInt64?
    public var files: Int?
    public var totalFiles: Int?
    public var cached: Bool?
    public var seconds: Double?
    public var sharedWith: String?
    public var source: String?
    public var text: String?
    /// The package that a warning is about, and the file in the machine's root.
    public var package: String?
    public var path: String?
    /// The reason in `toleratedWarnings`.
    public var tolerated: String?
    public var stages: [StageForecast]?
    public var artefacts: [Artefact]?
    public var cause: String?
    public var log: String?
    public var keptRoot: String?

    public init(_ event: BuildEvent, paths: BuildPaths) {
        func relative(_ path: FilePath, to folder: FilePath = paths.cachePath) -> String {
            var path = path
            _ = path.removePrefix(folder)
            return path.string
        }
        func record(_ name: String, _ machines: [String], _ label: StageLabel? = nil) -> EventRecord {
            EventRecord(name, machines, label)
        }
        switch event {
        case .stageStarted(let machine, let label): self = record("stageStarted", [machine], label)
        case .progress(let machine, let label, let completed, let total, let item):
            self = record("progress", [machine], label)
            (self.completed, self.total, self.item) = (completed, total, item)
        case .transfer(let machines, let label, let progress):
            self = record("transfer", machines, label)
            (bytes, totalBytes, files, totalFiles) = (progress.bytes, progress.totalBytes, progress.files, progress.totalFiles)
        case .stageFinished(let machine, let label, let end):
            self = record("stageFinished", [machine], label)
            (cached, seconds, sharedWith) = (end.isCached, end.seconds, end.sharedWith)
        case .output(let machine, let source, let text):
            self = record("output", [machine])
            (self.source, self.text) = (source, text)
        case .warning(let machines, let told):
            self = record("warning", machines)
            (text, package, path, tolerated) = (told.warning.text, told.warning.package, told.warning.path, told.toleranceReason)
        case .planned(let machine, let stages):
            self = record("planned", [machine])
            self.stages = stages.map { stage in
                var stage = stage
                if let origin = stage.difference?.origin { stage.difference?.origin = relative(FilePath(origin), to: paths.configPath) }
                if let difference = stage.difference { stage.reason = difference.description }
                return stage
            }
        case .finished(let machine, let folder, let artefacts, let seconds):
            self = record("finished", [machine])
            self.artefacts = artefacts.map { artefact in
                var artefact = artefact
                artefact.path = relative(folder.appending(artefact.path))
                return artefact
            }
            self.seconds = seconds
        case .failed(let machine, let failure):
            self = record("failed", [machine], failure.stage)
            (cause, log, keptRoot) = (failure.cause, relative(failure.log), failure.keptRoot.map { relative($0) })
        }
    }

    private init(_ event: String, _ machines: [String], _ label: StageLabel?) {
        self.event = event
        machine = machines.first
        self.machines = machines.count == 1 ? nil : machines
        stage = label?.name
        subject = label.flatMap { $0.subject.isEmpty ? nil : $0.subject }
    }
}
