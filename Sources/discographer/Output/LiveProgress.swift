import BuildGraph
import BuildPipeline
import ConfigurationTree
import Glibc
import SystemPackage

/// The last lines of a terminal while machines are built: one for each, saying how far its stage is.
struct LiveProgress {
    private let columns: Int
    private var lines: [String: String] = [:]
    private var drawn = 0
    private var drawnAt = ContinuousClock.now

    private static let interval = Duration.milliseconds(100)

    /// `nil` unless standard output is a terminal that can move its cursor.
    static func ofStandardOutput() -> LiveProgress? {
        guard isatty(STDOUT_FILENO) == 1, let terminal = getenv("TERM").map({ String(cString: $0) }), terminal != "dumb"
        else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return LiveProgress(columns: 80) }
        return LiveProgress(columns: Int(size.ws_col))
    }

    private init(columns: Int) { self.columns = columns }

    /// Prints a line that stays, and below it how far everything is.
    mutating func show(_ line: String?, after event: BuildEvent) {
        note(event)
        let now = ContinuousClock.now
        guard line != nil || drawnAt.duration(to: now) >= Self.interval else { return }
        drawnAt = now
        // ECMA-48: the cursor up, to the first column, and everything after it erased.
        var text = drawn > 0 ? "\u{1b}[\(drawn)A\r\u{1b}[J" : ""
        if let line { text += line.printable(keepingLines: true) + "\n" }
        let current = lines.sorted { $0.key < $1.key }.map { String("\($0.key)  \($0.value)".printable().prefix(columns - 1)) }
        text += current.map { $0 + "\n" }.joined()
        drawn = current.count
        _ = try? FileDescriptor.standardOutput.writeAll(text.utf8)
    }

    private mutating func note(_ event: BuildEvent) {
        switch event {
        case .stageStarted(let machine, let stage): lines[machine] = "\(stage) ..."
        case .progress(let machine, let stage, let completed, let total, let item):
            lines[machine] = "\(stage)  \(completed) of \(total)  \(item)"
        case .transfer(let machines, let stage, let progress):
            let text =
                "\(stage)  \(progress.files) of \(progress.totalFiles) files, \(ByteCount(progress.bytes)) of \(ByteCount(progress.totalBytes))"
            // Metadata is of several machines at once.
            for machine in machines { lines[machine] = text }
        case .stageFinished(let machine, _, _), .finished(let machine, _, _, _), .failed(let machine, _):
            lines[machine] = nil
        case .output, .warning, .planned: break
        }
    }
}
