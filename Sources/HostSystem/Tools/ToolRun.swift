// Running external programs: by absolute path, with an explicit environment, output captured and limited.
import Dispatch
import Subprocess
import Synchronization
public import SystemPackage

/// The environment external programs get unless told otherwise: nothing of the caller's leaks in.
public let minimalEnvironment: [String: String] = [
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/",
]

extension Tool {
    /// Runs the program and waits for it; its standard output is the result.
    ///
    /// - Parameters:
    ///   - environment: the whole environment.
    ///   - input: what the program reads from standard input; `nil` for nothing.
    /// - Throws: `HostSystemError.toolFailed` for any end but exit status 0, with the command line as one would type it and
    ///   the end of what was printed.
    @discardableResult
    public func run(
        _ arguments: [String], environment: [String: String] = minimalEnvironment, input: String? = nil,
        workingDirectory: FilePath? = nil
    ) async throws -> String {
        try await HostSystem.run(
            path, arguments, environment: environment, input: input, workingDirectory: workingDirectory
        ).text
    }

    /// As `run`, for the jobs of workers, which are not asynchronous: blocks the thread until the program ends.
    ///
    /// Never call this in the program that coordinates a build. Its code runs on threads of the cooperative pool, of which a host with
    /// one processor has one; this function needs another one, and would wait forever.
    ///
    /// - Parameters:
    ///   - reporter: gets a warning for each line that the program prints on standard error, when it succeeds.
    ///   - onOutput: called with each piece of what the program prints on standard output; the result is empty then.
    @discardableResult
    public func runBlocking(
        _ arguments: [String], environment: [String: String] = minimalEnvironment, input: String? = nil,
        workingDirectory: FilePath? = nil, warning reporter: WorkerReporter? = nil, onOutput: (@Sendable (String) -> Void)? = nil
    ) throws -> String {
        let result = Mutex<Result<ToolOutput, any Error>?>(nil)
        let finished = DispatchSemaphore(value: 0)
        Task.detached { [path] in
            let outcome: Result<ToolOutput, any Error>
            do {
                outcome = .success(
                    try await HostSystem.run(
                        path, arguments, environment: environment, input: input, workingDirectory: workingDirectory, onOutput: onOutput))
            } catch {
                outcome = .failure(error)
            }
            result.withLock { $0 = outcome }
            finished.signal()
        }
        finished.wait()
        guard let outcome = result.withLock({ $0 }) else { throw Errno.canceled }
        let output = try outcome.get()
        for line in output.errors.split(whereSeparator: \.isNewline) where !line.allSatisfy(\.isWhitespace) {
            reporter?.warn(line.contains(name) ? String(line) : "\(name): \(line)")
        }
        return output.text
    }
}

/// What a program printed.
private struct ToolOutput {
    var text: String
    /// On standard error.
    var errors: String
}

/// Output beyond this is an error of the program that printed it.
private let outputLimit = 16 << 20

private func run(
    _ executable: FilePath, _ arguments: [String], environment: [String: String], input: String?,
    workingDirectory: FilePath?, onOutput: (@Sendable (String) -> Void)? = nil
) async throws -> ToolOutput {
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
    let pairs = Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
    let configuration = Configuration(
        executable: .path(executable), arguments: Arguments(arguments), environment: .custom(pairs),
        workingDirectory: workingDirectory, platformOptions: options)
    let status: TerminationStatus
    let output: String?
    let errors: String?
    if let onOutput {
        let result = try await Subprocess.run(configuration, input: .none, output: .sequence, error: .sequence) { execution -> String in
            async let errors = text(of: execution.standardError)
            for try await chunk in execution.standardOutput { onOutput(chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }) }
            return try await errors
        }
        (status, output, errors) = (result.terminationStatus, "", result.closureResult)
    } else if let input {
        makeBrokenPipesErrors()
        // Not `.string(input)`: Subprocess ends this process when the program ends before it has read that.
        let result = try await Subprocess.run(
            configuration, input: .inputWriter, output: .string(limit: outputLimit), error: .string(limit: outputLimit)
        ) { execution in
            // What the program did not care to read is told by its exit status, if it matters.
            _ = try? await execution.standardInputWriter.write(input)
        }
        (status, output, errors) = (result.terminationStatus, result.standardOutput, result.standardError)
    } else {
        let result = try await Subprocess.run(
            configuration, input: .none, output: .string(limit: outputLimit), error: .string(limit: outputLimit))
        (status, output, errors) = (result.terminationStatus, result.standardOutput, result.standardError)
    }
    guard status.isSuccess else {
        throw HostSystemError.toolFailed(
            commandLine: commandLine([executable.string] + arguments), status: ToolStatus(status),
            ending: ending(of: (output ?? "") + (errors ?? "")))
    }
    return ToolOutput(text: output ?? "", errors: errors ?? "")
}

private func text(of sequence: SubprocessOutputSequence) async throws -> String {
    var bytes: [UInt8] = []
    for try await chunk in sequence where bytes.count < outputLimit { bytes += chunk.withUnsafeBytes { Array($0) } }
    return String(decoding: bytes, as: UTF8.self)
}

/// The words as one would type them into a POSIX shell.
public func commandLine(_ words: [String]) -> String {
    words.map { word in
        let plain =
            !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0)) }
        return plain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
}

/// The last lines of a program's output: as much as a log's reader wants to see first.
public func ending(of output: String, lines: Int = 20) -> String {
    output.split(separator: "\n").suffix(lines).joined(separator: "\n")
}
