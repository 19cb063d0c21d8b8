import Foundation
import Glibc
import SystemPackage

/// The worker's connection to the pipeline: messages go out on what was descriptor 1. Everything that the process or its children print on 1 and 2 is its
/// log.
public final class WorkerReporter: Sendable {
    let messages: FileDescriptor
    let input: WorkerInput
    /// The folder of `Isolation.keptFolder`; `nil` if there is none or the kernel does not support it.
    public let keptFolder: ParkedDescriptor?

    /// Takes over standard output: makes descriptor 1 the message channel under another number, and lets 1 go to where 2 goes.
    init() throws {
        input = try WorkerInput()
        messages = try FileDescriptor.standardOutput.duplicate()
        guard fcntl(messages.rawValue, F_SETFD, FD_CLOEXEC) == 0 else { throw Errno(rawValue: errno) }
        _ = try FileDescriptor.standardError.duplicate(as: .standardOutput)
        keptFolder = nil
    }

    private init(_ messages: FileDescriptor, _ input: WorkerInput, keptFolder: ParkedDescriptor?) {
        self.messages = messages
        self.input = input
        self.keptFolder = keptFolder
    }

    /// The same reporter with a kept folder.
    func keeping(_ folder: ParkedDescriptor?) -> WorkerReporter { WorkerReporter(messages, input, keptFolder: folder) }

    public func callAsFunction(_ event: WorkerEvent) { send(.event(event)) }

    public func progress(_ completed: Int, of total: Int, _ item: String) {
        send(.event(.progress(completed: completed, total: total, item: item)))
    }

    /// Reports something that other work waits for; see `WorkerEvent.done`.
    public func done(_ what: String) { send(.event(.done(what))) }

    /// The pipeline's next message (`words` of `Worker.run`); `nil` after the last one.
    ///
    /// - Parameter waits: `false` to return `nil` also when there is none yet.
    /// - Throws: `Errno` of read(2), `DecodingError`.
    public func nextWord(waits: Bool = true) throws -> String? {
        // An empty line is the end, since the pipe stays open as the lifeline.
        guard let line = try input.nextLine(waits: waits), !line.isEmpty else { return nil }
        return try JSONDecoder().decode(String.self, from: Data(line))
    }

    /// A line for `nextWord`. In JSON, since a word may contain a file's name with a line feed.
    static func line(ofWord word: String) -> [UInt8]? {
        (try? JSONEncoder().encode(word)).map { Array($0) + [UInt8(ascii: "\n")] }
    }

    /// Reports something that did not fail the job; `package` and `path` as in `Warning`.
    public func warn(_ text: String, package: String? = nil, path: String? = nil) {
        send(.event(.warning(Warning(text, package: package, path: path))))
    }

    /// Writes a line only to the machine's log.
    public func log(_ line: String) { _ = try? FileDescriptor.standardError.writeAll("\(line)\n".utf8) }

    func send(_ message: WorkerMessage) {
        // Writing fails when the build has ended; the monitor ends this process then.
        if let line = Self.line(message) { _ = try? messages.writeAll(line) }
    }

    static func line(_ message: WorkerMessage) -> Data? {
        guard var line = try? JSONEncoder().encode(message) else { return nil }
        line.append(UInt8(ascii: "\n"))
        return line
    }
}
