// The pipeline's side of a worker process.
import Foundation
import Glibc
import Subprocess
public import SystemPackage

/// The program that does jobs in processes of their own.
public struct Worker: Sendable {
    /// Where `discographer-worker` is.
    public var program: FilePath

    public init(program: FilePath) { self.program = program }

    /// The worker beside the running program, as both are installed and built together.
    ///
    /// - Throws: `Errno` when /proc cannot be read.
    public static func besideThisProgram() throws -> Worker {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return Worker(program: FilePath(own).removingLastComponent().appending("discographer-worker"))
    }

    /// Does the job in a process and namespaces of its own and waits for it.
    ///
    /// Cancelling the task kills the worker and all its descendants; so does the death of this process, whatever its cause.
    ///
    /// - Parameters:
    ///   - words: said to the job while it is done, a line each (`WorkerReporter.nextWord`).
    ///   - onEvent: called in order, for each thing the worker says.
    ///   - onLog: whatever the worker and its children printed besides.
    /// - Throws: `WorkerFailure` as the job threw it; `HostSystemError.workerDied` when it ended without saying why.
    public func run<Job: JobDescription>(
        _ job: Job, words: AsyncStream<String> = .nothing,
        onEvent: @escaping @Sendable (WorkerEvent) -> Void = { _ in },
        onLog: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Job.Outcome {
        makeBrokenPipesErrors()
        var line = try JSONEncoder().encode(job)
        line.append(UInt8(ascii: "\n"))
        var options = PlatformOptions()
        // A terminal's ^C is for the pipeline to handle.
        options.createSession = true
        options.teardownSequence = []
        let environment = Dictionary(
            uniqueKeysWithValues: minimalEnvironment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        let configuration = Configuration(
            executable: .path(program), arguments: [Job.name], environment: .custom(environment),
            workingDirectory: "/", platformOptions: options)
        let result = try await Subprocess.run(
            configuration, input: .inputWriter, output: .sequence, error: .sequence
        ) { [line] execution -> Answer<Job> in
            async let log = Self.collect(execution.standardError, forward: onLog)
            let writer = execution.standardInputWriter
            // That nobody listens, or no longer, is told by the answer, or by its absence.
            _ = try? await writer.write(Array(line))
            // Ends with this scope.
            async let _: Void = {
                for await word in words { if let line = WorkerReporter.line(ofWord: word) { _ = try? await writer.write(line) } }
                _ = try? await writer.write(Array("\n".utf8))
            }()
            var answer = Answer<Job>()
            var reader = LineReader()
            for try await chunk in execution.standardOutput {
                for message in reader.lines(adding: chunk.withUnsafeBytes { Array($0) }) {
                    try answer.take(JSONDecoder().decode(WorkerMessage.self, from: Data(message)), onEvent: onEvent)
                }
            }
            answer.log = try await log
            try await writer.finish()
            return answer
        }
        try Task.checkCancellation()
        if let failure = result.closureResult.failure { throw failure }
        guard result.terminationStatus.isSuccess, let outcome = result.closureResult.outcome else {
            throw HostSystemError.workerDied(
                job: Job.name, status: result.terminationStatus.inWords, ending: ending(of: result.closureResult.log))
        }
        return outcome
    }

    /// Becomes the session: the program that runs now ends, and its terminal and descriptors are the session's.
    ///
    /// - Throws: `HostSystemError.systemCall` when the worker cannot be started; it does not return otherwise.
    public func become<Session: WorkerSession>(_ session: Session) throws -> Never {
        let description = String(decoding: try JSONEncoder().encode(session), as: UTF8.self)
        let strings: [String] = [program.string, Session.name, description]
        let words: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        let pairs = minimalEnvironment.map { "\($0.key)=\($0.value)" }.sorted()
        let environment: [UnsafeMutablePointer<CChar>?] = pairs.map { strdup($0) } + [nil]
        // What a program inherits: libdispatch's threads, of which this is one, block every signal, and ^C is the command's to answer.
        for number in [SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        execve(program.string, words, environment)
        throw HostSystemError.systemCall(what: "starting \(program)", errno: Errno(rawValue: errno))
    }

    /// The end of the log is kept for errors; all of it is forwarded.
    private static func collect(
        _ sequence: SubprocessOutputSequence, forward: @Sendable (String) -> Void
    ) async throws -> String {
        var kept = LogEnding()
        var decoder = TextDecoder()
        for try await chunk in sequence {
            let bytes = chunk.withUnsafeBytes { Array($0) }
            kept.append(bytes)
            let text = decoder.text(adding: bytes)
            if !text.isEmpty { forward(text) }
        }
        let text = decoder.end()
        if !text.isEmpty { forward(text) }
        return kept.text
    }
}

extension AsyncStream<String> {
    public static var nothing: AsyncStream<String> { AsyncStream { $0.finish() } }
}

private struct Answer<Job: JobDescription>: Sendable {
    var outcome: Job.Outcome?
    var failure: WorkerFailure?
    var log = ""

    mutating func take(_ message: WorkerMessage, onEvent: (WorkerEvent) -> Void) throws {
        switch message {
        case .event(let event): onEvent(event)
        case .failure(let failure): self.failure = failure
        case .outcome(let json): outcome = try JSONDecoder().decode(Job.Outcome.self, from: Data(json.utf8))
        }
    }
}

/// The last bytes of a log.
struct LogEnding {
    private static let length = 1 << 14
    private var bytes: [UInt8] = []

    mutating func append(_ more: [UInt8]) {
        bytes += more
        // Rarely, so that a byte is not moved for each chunk after it.
        if bytes.count > 2 * Self.length { bytes.removeFirst(bytes.count - Self.length) }
    }

    var text: String { String(decoding: bytes.suffix(Self.length).drop { Self.continues($0) }, as: UTF8.self) }

    private static func continues(_ byte: UInt8) -> Bool { byte & 0b1100_0000 == 0b1000_0000 }
}

/// Decodes a stream of UTF-8 whose chunks may end within a character.
struct TextDecoder {
    private var rest: [UInt8] = []

    mutating func text(adding bytes: [UInt8]) -> String {
        let all = rest + bytes
        let complete = all.count - Self.lengthOfIncompleteCharacter(at: all)
        rest = Array(all[complete...])
        return String(decoding: all[..<complete], as: UTF8.self)
    }

    /// What is left at the end of the stream: nothing, or a character that was cut off.
    mutating func end() -> String {
        defer { rest = [] }
        return String(decoding: rest, as: UTF8.self)
    }

    /// The first byte of a character tells its length, at most four (RFC 3629 section 4).
    private static func lengthOfIncompleteCharacter(at end: [UInt8]) -> Int {
        for length in 1...3 where length <= end.count {
            let byte = end[end.count - length]
            if byte & 0b1100_0000 == 0b1000_0000 { continue }
            let wanted =
                switch byte {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 1
                }
            return wanted > length ? length : 0
        }
        return 0
    }
}

/// Cuts a stream of bytes into lines at LF.
struct LineReader {
    private var rest: [UInt8] = []

    mutating func lines(adding bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var begin = bytes.startIndex
        while let end = bytes[begin...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(rest + bytes[begin..<end])
            rest = []
            begin = end + 1
        }
        rest += bytes[begin...]
        return lines
    }
}
