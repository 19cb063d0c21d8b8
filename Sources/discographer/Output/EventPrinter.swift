import BuildPipeline
import ConfigurationTree
import Foundation
import Synchronization
import SystemPackage

/// Prints a build's events: plain lines for people and logs, or JSON for programs.
final class EventPrinter: Sendable {
    enum Style { case plain, json }

    private let style: Style
    private let verbose: Bool
    private let paths: BuildPaths
    /// What stands at the end of a terminal; `nil` for logs and programs.
    private let live: Mutex<LiveProgress?>
    private let warnings = Mutex(WarningLimit())

    init(style: Style, verbose: Bool, paths: BuildPaths) {
        self.style = style
        self.verbose = verbose
        self.paths = paths
        live = Mutex(style == .plain ? LiveProgress.ofStandardOutput() : nil)
    }

    func take(_ event: BuildEvent) {
        live.withLock { live in
            if style == .json {
                // All fields of events can be encoded.
                try? printJSON(EventRecord(event, paths: paths))
                return
            }
            let line = plain(event)
            guard live != nil else {
                if let line { printLine(line) }
                return
            }
            live?.show(line, after: event)
        }
    }

    private func plain(_ event: BuildEvent) -> String? {
        switch event {
        case .stageStarted, .progress, .transfer: nil
        case .stageFinished(let machine, let stage, let end):
            "\(machine)  \(padded("\(stage)", 8))  \(words(end))"
        case .output(let machine, let source, let text):
            verbose ? text.split(separator: "\n").map { "\(machine)  \(source): \($0)" }.joined(separator: "\n") : nil
        case .warning(let machines, let warning): line(machines, warning)
        case .planned(let machine, let stages): PlanCommand.lines(machine, stages)
        case .finished(let machine, let folder, let artefacts, let seconds):
            (warningsKeptBack(of: machine)
                + artefacts.map { "\(machine)  \(padded($0.format, 8))  \(folder.appending($0.path)) (\(ByteCount($0.size)))" }
                + ["\(machine)  built in \(String(format: "%.1f s", seconds))"]).joined(separator: "\n")
        case .failed(let machine, let failure): (warningsKeptBack(of: machine) + ["\(failure)"]).joined(separator: "\n")
        }
    }

    private func line(_ machines: [String], _ warning: BuildWarning) -> String? {
        guard verbose || warning.toleranceReason == nil else { return nil }
        let shown = verbose ? machines : warnings.withLock { $0.admit(machines) }
        return shown.isEmpty ? nil : "\(shown.joined(separator: ", "))  warning: \(warning)"
    }

    private func warningsKeptBack(of machine: String) -> [String] {
        let count = warnings.withLock { $0.end(machine) }
        guard count > 0 else { return [] }
        return ["\(machine)  warning: and \(count) more in \(paths.buildLog(ofMachine: machine))"]
    }

    private func words(_ end: StageEnd) -> String {
        if end.isCached { return "cached" }
        return String(format: "%.1f s", end.seconds) + (end.sharedWith.map { ", shared with \($0)" } ?? "")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
