import ConfigurationTree
import Foundation
import HostSystem
import PackageResolution
import Synchronization
import SystemPackage

/// Where a machine's build is, told to the listener and to the machine's log.
final class StageProgress: Sendable {
    private let listener: @Sendable (BuildEvent) -> Void
    private let machine: String
    private let state = Mutex(State())

    private struct State {
        var current = Stage.fetch
        var log: FileHandle?
        /// The running stage's own, beside its result.
        var stageLog: FileHandle?
    }

    init(listener: @escaping @Sendable (BuildEvent) -> Void, machine: String) {
        self.listener = listener
        self.machine = machine
    }

    /// The stage that runs, or that failed.
    var current: Stage { state.withLock { $0.current } }

    /// Begins the log anew.
    func openLog(_ path: FilePath) {
        _ = FileManager.default.createFile(atPath: path.string, contents: nil)
        let handle = FileHandle(forWritingAtPath: path.string)
        state.withLock { $0.log = handle }
    }

    /// From now on, and until the stage ends, what is logged is kept in the folder too: who finds the stage's result in the cache finds its log there.
    func keepLog(in folder: FilePath) {
        let path = folder.appending(Self.stageLogName)
        _ = FileManager.default.createFile(atPath: path.string, contents: nil)
        let handle = FileHandle(forWritingAtPath: path.string)
        state.withLock { $0.stageLog = handle }
    }

    private static let stageLogName = "stage.log"

    func log(_ text: String) {
        let bytes = Data((text.hasSuffix("\n") ? text : text + "\n").utf8)
        state.withLock { state in
            for log in [state.log, state.stageLog] { try? log?.write(contentsOf: bytes) }
        }
    }

    /// - Parameter result: the folder of the stage's result.
    func cached(_ stage: Stage, result: FilePath? = nil) {
        let log = result?.appending(Self.stageLogName)
        self.log("== \(stage.rawValue): nothing changed" + (log.map { exists($0) ? "; the log of the run that made it is \($0)" : "" } ?? ""))
        listener(.stageFinished(machine: machine, stage, cached: true, seconds: 0))
    }

    func report(_ stage: Stage, _ completed: Int, _ total: Int, _ item: String) {
        log("\(completed)/\(total) \(item)")
        listener(.progress(machine: machine, stage, completed: completed, total: total, item: item))
    }

    func report(_ stage: Stage, _ fetch: FetchProgress) {
        if let name = fetch.finished { report(stage, fetch.files, fetch.totalFiles, name) }
        listener(.transfer(machine: machine, stage, fetch))
    }

    func take(_ event: WorkerEvent, _ stage: Stage) {
        switch event {
        case .progress(let completed, let total, let item): report(stage, completed, total, item)
        case .output(let source, let text):
            log("\(source):\n\(text)")
            listener(.output(machine: machine, source: source, text: text))
        case .warning(let text):
            log("warning: \(text)")
            listener(.warning(machine: machine, text))
        case .done: break
        }
    }

    func run<Value>(_ stage: Stage, _ body: () async throws -> Value) async throws -> Value {
        try Task.checkCancellation()
        state.withLock { $0.current = stage }
        log("== \(stage.rawValue)")
        listener(.stageStarted(machine: machine, stage))
        let begin = ContinuousClock.now
        defer { state.withLock { $0.stageLog = nil } }
        let value = try await body()
        listener(.stageFinished(machine: machine, stage, cached: false, seconds: begin.duration(to: .now).inSeconds))
        return value
    }
}

extension BuildEvent {
    static func transfer(machine: String, _ stage: Stage, _ fetch: FetchProgress) -> BuildEvent {
        .transfer(
            machine: machine, stage, bytes: ByteCount(fetch.bytes), total: ByteCount(fetch.totalBytes),
            files: fetch.files, totalFiles: fetch.totalFiles)
    }
}
