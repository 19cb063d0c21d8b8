internal import CLinux
import Foundation
import Glibc
public import SystemPackage

/// What one scriptlet may take before it is ended.
public struct ScriptletLimits: Hashable, Codable, Sendable {
    /// 0: no limit.
    public var seconds = 1800
    /// Processes at once. Not a resource limit of the kernel's: those do not hold for root (setrlimit(2), RLIMIT_NPROC).
    public var processes = 1024

    public init() {}
}

/// Watches over one scriptlet after another in a worker, and leaves nothing running between them. One in a process.
public final class ScriptletWatch {
    private let limits: ScriptletLimits
    private let root: FileDescriptor
    private let output: FileDescriptor
    private var lastWords = Data()
    private var standardDescriptors: [FileDescriptor] = []

    /// - Parameters:
    ///   - root: the installroot, a mount. librpm opens the device nodes that it makes; while a scriptlet runs, none can be opened.
    ///   - output: the file in memory that scriptlets print to; of more than 64 MiB, the middle is forgotten.
    /// - Throws: `HostSystemError.systemCall`.
    public init(_ limits: ScriptletLimits, root: FilePath, output: FileDescriptor, reporter: WorkerReporter) throws {
        self.limits = limits
        self.root = try FileDescriptor.open(root, .readOnly, options: [.directory, .closeOnExec])
        for allowed in [false, true] where discographer_allow_devices(self.root.rawValue, allowed) != 0 {
            throw HostSystemError.systemCall(what: "keeping devices from scriptlets", errno: Errno(rawValue: errno))
        }
        self.output = output
        var description = discographer_watch_limits(
            seconds: UInt32(clamping: limits.seconds), most_processes: UInt32(clamping: limits.processes),
            output: output.rawValue, most_output: 64 << 20, messages: reporter.messages.rawValue)
        guard discographer_watch_start(&description) == 0 else {
            throw HostSystemError.systemCall(what: "watching over scriptlets", errno: Errno(rawValue: errno))
        }
    }

    private var outOfTime: String {
        "it did not end within \(limits.seconds) s and was stopped ('scriptletTimeLimit' of machine.yaml)"
    }

    /// A scriptlet begins; what this process itself prints meanwhile, as Lua scriptlets do, is the scriptlet's too.
    ///
    /// - Parameter scriptlet: for people, such as `bash-5.2.15-2.x86_64 %post`.
    public func begin(_ scriptlet: String) {
        let failure = WorkerFailure(kind: "scriptlet", message: "\(scriptlet): \(outOfTime)")
        lastWords = WorkerReporter.line(.failure(failure)) ?? Data()
        fflush(nil)
        standardDescriptors = [FileDescriptor.standardOutput, .standardError].compactMap { descriptor in
            let copy = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 3)
            dup2(output.rawValue, descriptor.rawValue)
            return copy < 0 ? nil : FileDescriptor(rawValue: copy)
        }
        // It worked at the beginning.
        _ = discographer_allow_devices(root.rawValue, false)
        lastWords.withUnsafeBytes { bytes in
            discographer_watch_begin(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
    }

    /// The scriptlet ended; all that it left running is stopped.
    ///
    /// - Returns: why it was stopped, if it was, and the names of the programs that it left running.
    public func end() -> (reason: String?, leftRunning: [String]) {
        let verdict = discographer_watch_end()
        fflush(nil)
        for (descriptor, copy) in zip([FileDescriptor.standardOutput, .standardError], standardDescriptors) {
            dup2(copy.rawValue, descriptor.rawValue)
            try? copy.close()
        }
        standardDescriptors = []
        let names = stopOtherProcesses()
        _ = discographer_allow_devices(root.rawValue, true)
        var reasons: [String] = []
        if verdict & UInt32(DISCOGRAPHER_WATCH_TIME) != 0 {
            reasons.append(outOfTime)
        }
        if verdict & UInt32(DISCOGRAPHER_WATCH_PROCESSES) != 0 {
            reasons.append("it had more than \(limits.processes) processes and was stopped")
        }
        return (reasons.isEmpty ? nil : reasons.joined(separator: "; "), reasons.isEmpty ? names : [])
    }
}

/// Ends every other process of this namespace, of which the caller must be the first process, and waits for them.
///
/// - Returns: the names of the programs that were running, sorted.
public func stopOtherProcesses() -> [String] {
    // Only as the first process of a namespace is "all processes" what this one started. Nobody else is there: the common case.
    guard getpid() == 1, kill(-1, 0) == 0 else { return [] }
    let processes = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter {
        $0 != "1" && Int32($0) != nil
    }
    // A process that has ended has no command line (proc(5)).
    let running = processes.filter { !((try? readBytes(FilePath("/proc/\($0)/cmdline"))) ?? []).isEmpty }
    let names = running.compactMap { try? readText(FilePath("/proc/\($0)/comm")) }
    kill(-1, SIGKILL)
    while waitpid(-1, nil, 0) > 0 || errno == EINTR {}
    return names.map { $0.hasSuffix("\n") ? String($0.dropLast()) : $0 }.sorted()
}
