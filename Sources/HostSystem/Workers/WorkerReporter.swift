import Foundation
import Glibc
import SystemPackage

/// The worker's way to talk: messages leave on descriptor 3, and whatever else the process or its children print on
/// 1 and 2 is its log.
public final class WorkerReporter: Sendable {
    let messages: FileDescriptor
    let input: WorkerInput
    /// What `Isolation.keptFolder` asks for; `nil` where the kernel gives none.
    public let keptFolder: HiddenFolder?

    /// Takes over standard output: what was descriptor 1 becomes the message channel, and 1 is joined with 2.
    init() throws {
        input = try WorkerInput()
        messages = try FileDescriptor.standardOutput.duplicate()
        guard fcntl(messages.rawValue, F_SETFD, FD_CLOEXEC) == 0 else { throw Errno(rawValue: errno) }
        _ = try FileDescriptor.standardError.duplicate(as: .standardOutput)
        keptFolder = nil
    }

    private init(_ messages: FileDescriptor, _ input: WorkerInput, keptFolder: HiddenFolder?) {
        self.messages = messages
        self.input = input
        self.keptFolder = keptFolder
    }

    /// The same, for a job that has such a folder.
    func keeping(_ folder: HiddenFolder?) -> WorkerReporter { WorkerReporter(messages, input, keptFolder: folder) }

    public func callAsFunction(_ event: WorkerEvent) { send(.event(event)) }

    public func progress(_ completed: Int, of total: Int, _ item: String) {
        send(.event(.progress(completed: completed, total: total, item: item)))
    }

    /// Other work waits for what was done; see `WorkerEvent.done`.
    public func done(_ what: String) { send(.event(.done(what))) }

    /// The next thing that the pipeline has to say (`Worker.run`'s `words`); `nil` when there is nothing more.
    ///
    /// - Parameter waits: `false`: `nil` also when there is nothing yet.
    /// - Throws: `Errno` of read(2), `DecodingError`.
    public func nextWord(waits: Bool = true) throws -> String? {
        // The pipe stays open as the lifeline: an empty line is the end.
        guard let line = try input.nextLine(waits: waits), !line.isEmpty else { return nil }
        return try JSONDecoder().decode(String.self, from: Data(line))
    }

    /// What `nextWord` reads. As JSON: a word may have the line ends of a file's name in it.
    static func line(ofWord word: String) -> [UInt8]? {
        (try? JSONEncoder().encode(word)).map { Array($0) + [UInt8(ascii: "\n")] }
    }

    public func warn(_ text: String) { send(.event(.warning(text))) }

    /// Says a line in the machine's log, and nowhere else.
    public func log(_ line: String) { _ = try? FileDescriptor.standardError.writeAll("\(line)\n".utf8) }

    func send(_ message: WorkerMessage) {
        // A reader that is gone means that the build is gone: the monitor ends this process.
        if let line = Self.line(message) { _ = try? messages.writeAll(line) }
    }

    static func line(_ message: WorkerMessage) -> Data? {
        guard var line = try? JSONEncoder().encode(message) else { return nil }
        line.append(UInt8(ascii: "\n"))
        return line
    }
}
