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
    /// What stands at the end of a terminal; `nil` for logs and programs.
    private let live: Mutex<LiveProgress?>

    init(style: Style, verbose: Bool) {
        self.style = style
        self.verbose = verbose
        live = Mutex(style == .plain ? LiveProgress.ofStandardOutput() : nil)
    }

    func take(_ event: BuildEvent) {
        live.withLock { live in
            let line = style == .json ? json(event) : plain(event)
            guard live != nil else {
                if let line { style == .json ? printJSON(line) : printLine(line) }
                return
            }
            live?.show(line, after: event)
        }
    }

    private func plain(_ event: BuildEvent) -> String? {
        switch event {
        case .stageStarted, .progress, .transfer: nil
        case .stageFinished(let machine, let stage, let cached, let seconds):
            "\(machine)  \(padded(stage.rawValue, 8))  \(cached ? "cached" : String(format: "%.1f s", seconds))"
        case .output(let machine, let source, let text):
            verbose ? text.split(separator: "\n").map { "\(machine)  \(source): \($0)" }.joined(separator: "\n") : nil
        case .warning(let machine, let text): "\(machine)  warning: \(text)"
        case .finished(let machine, let artefacts, let seconds):
            (artefacts.map { "\(machine)  \(padded($0.format, 8))  \($0.path) (\($0.size))" }
                + ["\(machine)  built in \(String(format: "%.1f s", seconds))"]).joined(separator: "\n")
        case .failed(_, let failure): "\(failure)"
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func json(_ event: BuildEvent) -> String {
        var fields: [String: JSONValue] = [:]
        switch event {
        case .stageStarted(let machine, let stage):
            fields = ["event": "stageStarted", "machine": .text(machine), "stage": .text(stage.rawValue)]
        case .progress(let machine, let stage, let completed, let total, let item):
            fields = [
                "event": "progress", "machine": .text(machine), "stage": .text(stage.rawValue),
                "completed": .number(Double(completed)),
                "total": .number(Double(total)), "item": .text(item),
            ]
        case .transfer(let machine, let stage, let bytes, let total, let files, let totalFiles):
            fields = [
                "event": "transfer", "machine": .text(machine), "stage": .text(stage.rawValue),
                "bytes": .number(Double(bytes.bytes)), "totalBytes": .number(Double(total.bytes)),
                "files": .number(Double(files)), "totalFiles": .number(Double(totalFiles)),
            ]
        case .stageFinished(let machine, let stage, let cached, let seconds):
            fields = [
                "event": "stageFinished", "machine": .text(machine), "stage": .text(stage.rawValue),
                "cached": .truth(cached), "seconds": .number(seconds),
            ]
        case .output(let machine, let source, let text):
            fields = ["event": "output", "machine": .text(machine), "source": .text(source), "text": .text(text)]
        case .warning(let machine, let text):
            fields = ["event": "warning", "machine": .text(machine), "text": .text(text)]
        case .finished(let machine, let artefacts, let seconds):
            fields = [
                "event": "finished", "machine": .text(machine), "seconds": .number(seconds),
                "artefacts": .list(
                    artefacts.map {
                        .map([
                            "path": .text($0.path.string), "format": .text($0.format),
                            "size": .number(Double($0.size.bytes)),
                        ])
                    }),
            ]
        case .failed(let machine, let failure):
            fields = [
                "event": "failed", "machine": .text(machine), "stage": .text(failure.stage.rawValue),
                "cause": .text(failure.cause),
                "log": .text(failure.log.string),
            ]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(JSONValue.map(fields))).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

private enum JSONValue: Encodable, ExpressibleByStringLiteral {
    case text(String)
    case number(Double)
    case truth(Bool)
    case list([JSONValue])
    case map([String: JSONValue])

    init(stringLiteral value: String) { self = .text(value) }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .truth(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .map(let value): try container.encode(value)
        }
    }
}
