import BuildGraph
import BuildStore
import ConfigurationTree
import Foundation
import Glibc
import HostSystem
import Synchronization
import SystemPackage

/// Where a machine's build is, told to the listener and to the machine's log.
final class MachineProgress: Sendable {
    private let machine: String
    private let logFile: FilePath
    private let tolerated: [ToleratedWarning]
    /// What was told of the machine before: the log begins with it.
    private let earlier: [BuildWarning]
    private let listener: @Sendable (BuildEvent) -> Void
    private let state: Mutex<State>

    private struct State {
        var log: FileHandle?
        var isLogOpen = false
        /// The machine's stages in order, and those that were told to have ended.
        var nodes: [BuildGraph.Node]
        var ended: Set<Identity> = []
        /// Logs of the runs that made cached results.
        var cachedLogs: [Identity: FilePath] = [:]
        var isOver = false
        var toldWarnings: Set<Warning> = []
    }

    init(
        machine: String, logFile: FilePath, tolerated: [ToleratedWarning], earlier: [BuildWarning], nodes: [BuildGraph.Node],
        listener: @escaping @Sendable (BuildEvent) -> Void
    ) {
        self.machine = machine
        self.logFile = logFile
        self.tolerated = tolerated
        self.earlier = earlier
        self.listener = listener
        state = Mutex(State(nodes: nodes))
    }

    /// Writes to the log, which begins anew with the first line of a run. A warning says once that a log cannot be written.
    func log(_ text: String) {
        let handle = state.withLock { state -> FileHandle? in
            if !state.isLogOpen {
                state.isLogOpen = true
                do {
                    try createDirectories(logFile.removingLastComponent())
                    guard FileManager.default.createFile(atPath: logFile.string, contents: nil) else { throw Errno.ioError }
                    state.log = FileHandle(forWritingAtPath: logFile.string)
                    for warning in earlier { try? state.log?.write(contentsOf: Data("warning: \(warning)\n".utf8)) }
                } catch {
                    listener(.warning(machines: [machine], BuildWarning(Warning("the log cannot be written: \(error)"), isNotice: true)))
                }
            }
            return state.log
        }
        try? handle?.write(contentsOf: Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
    }

    /// - Parameter owner: the machine for which the stage is done.
    func take(_ node: BuildGraph.Node, _ event: StageEvent, owner: String) {
        guard !state.withLock({ $0.isOver }) else { return }
        let label = StageLabel(node)
        switch event {
        case .started:
            tellCached(before: node)
            log("== \(label)")
            listener(.stageStarted(machine: machine, label))
        case .told(.progress(let completed, let total, let item)):
            log("\(completed)/\(total) \(item)")
            listener(.progress(machine: machine, label, completed: completed, total: total, item: item))
        case .told(.output(let source, let text)):
            log("\(source):\n\(text)")
            listener(.output(machine: machine, source: source, text: text))
        case .told(.warning(let warning)):
            warn(warning)
        case .told(.done): break
        case .transferred(let progress):
            if let name = progress.finished {
                log("\(progress.files)/\(progress.totalFiles) \(name)")
                listener(.progress(machine: machine, label, completed: progress.files, total: progress.totalFiles, item: name))
            }
            listener(.transfer(machines: [machine], label, progress))
        case .logged(let text): log(text)
        case .waiting: notice("\(label): another build is making the same result; waiting for it")
        case .damaged(let damage): notice("\(label): the cached result is damaged and is made again: \(damage)")
        case .finished(true, _, let log): state.withLock { $0.cachedLogs[node.identity] = log }
        case .finished(false, let seconds, _):
            state.withLock { _ = $0.ended.insert(node.identity) }
            listener(
                .stageFinished(
                    machine: machine, label, StageEnd(isCached: false, seconds: seconds, sharedWith: owner == machine ? nil : owner)))
        }
    }

    /// Reports the warnings that this run did not report before.
    func tellWarnings(_ warnings: [Warning]) {
        for warning in warnings where !state.withLock({ $0.toldWarnings.contains(warning) }) { warn(warning) }
    }

    /// Reports failures of scriptlets that machine.yaml tolerates, once each.
    func tellTolerated(_ failures: [ToleratedFailure]) {
        for failure in failures {
            let warning = Warning("\(failure.package) \(failure.scriptlet) failed", package: failure.package)
            guard state.withLock({ $0.toldWarnings.insert(warning).inserted }) else { continue }
            tell(BuildWarning(Warning("\(warning), and is tolerated: \(failure.reason)", package: failure.package), isNotice: true))
        }
    }

    private func warn(_ warning: Warning) {
        state.withLock { _ = $0.toldWarnings.insert(warning) }
        tell(BuildWarning(warning, toleranceReason: tolerated.reason(for: warning.text, package: warning.package)))
    }

    /// Says something about the run that has no say in what is built.
    func notice(_ text: String) { tell(BuildWarning(Warning(text), isNotice: true)) }

    private func tell(_ warning: BuildWarning) {
        log("warning: \(warning)")
        listener(.warning(machines: [machine], warning))
    }

    /// Reports stages that did not run, since their results are there or no other stage asked for them, before the first stage that runs after them.
    private func tellCached(before node: BuildGraph.Node?) {
        let cached = state.withLock { state -> [(BuildGraph.Node, FilePath?)] in
            let byIdentity = Dictionary(state.nodes.map { ($0.identity, $0) }) { first, _ in first }
            var wanted: Set<Identity> = node == nil ? Set(byIdentity.keys) : []
            var waiting = node?.needs ?? []
            while let identity = waiting.popLast() {
                guard wanted.insert(identity).inserted else { continue }
                waiting += byIdentity[identity]?.needs ?? []
            }
            let found = state.nodes.filter { wanted.contains($0.identity) && !state.ended.contains($0.identity) }
            state.ended.formUnion(found.map(\.identity))
            return found.map { ($0, state.cachedLogs[$0.identity]) }
        }
        for (node, log) in cached {
            let label = StageLabel(node)
            self.log("== \(label): nothing changed" + (log.map { exists($0) ? "; the log of the run that made it is \($0)" : "" } ?? ""))
            listener(.stageFinished(machine: machine, label, StageEnd(isCached: true, seconds: 0)))
        }
    }

    func begin(_ label: StageLabel) {
        tellCached(before: nil)
        log("== \(label)")
        listener(.stageStarted(machine: machine, label))
    }

    /// The machine is built. Reports the stages that did not have to run.
    func finish(_ event: BuildEvent) {
        tellCached(before: nil)
        end(event)
    }

    func fail(_ failure: BuildFailure) {
        log("\(failure)")
        end(.failed(machine: machine, failure))
    }

    private func end(_ event: BuildEvent) {
        state.withLock { state in
            state.isOver = true
            try? state.log?.close()
            state.log = nil
        }
        listener(event)
    }
}
