internal import CLinux
import Foundation
import Glibc
public import SystemPackage

/// The limits at which a scriptlet is stopped.
public struct ScriptletLimits: Hashable, Codable, Sendable {
    /// 0 for no limit.
    public var seconds = 1800
    /// Processes at once. The kernel's own limit (RLIMIT_NPROC, setrlimit(2)) does not apply to root.
    public var processes = 1024

    public init() {}
}

/// Stops scriptlets of a worker that exceed their limits, and everything that a scriptlet leaves running. There is at most one in a process.
public final class ScriptletSupervisor {
    private let limits: ScriptletLimits
    private let root: FileDescriptor
    private let output: FileDescriptor
    /// What the watching thread writes for a Lua scriptlet that does not end. Allocated, since that thread reads it at its fixed address.
    private var timeoutMessage: UnsafeMutableBufferPointer<CChar>?
    private var standardDescriptors: [FileDescriptor] = []

    /// - Parameters:
    ///   - root: the installroot, a mount. Device nodes in it cannot be opened while a scriptlet runs; librpm must open those that it makes.
    ///   - output: the file in memory that scriptlets print to. The middle of more than 64 MiB is dropped.
    /// - Throws: `HostSystemError.systemCall`.
    public init(_ limits: ScriptletLimits, root: FilePath, output: FileDescriptor, reporter: WorkerReporter) throws {
        self.limits = limits
        self.root = try FileDescriptor.open(root, .readOnly, options: [.directory, .closeOnExec])
        for allowed in [false, true] where discographer_allow_devices(self.root.rawValue, allowed) != 0 {
            throw HostSystemError.systemCall(what: "disabling device nodes of the root", errno: Errno(rawValue: errno))
        }
        self.output = output
        var description = discographer_watch_limits(
            seconds: UInt32(clamping: limits.seconds), most_processes: UInt32(clamping: limits.processes),
            output: output.rawValue, most_output: 64 << 20, messages: reporter.messages.rawValue)
        guard discographer_watch_start(&description) == 0 else {
            throw HostSystemError.systemCall(what: "starting the watch over scriptlets", errno: Errno(rawValue: errno))
        }
    }

    deinit { timeoutMessage?.deallocate() }

    private var outOfTime: String {
        "it did not end within \(limits.seconds) s and was stopped ('scriptletTimeLimit' of machine.yaml)"
    }

    /// To be called when a scriptlet begins. Until it ends, the output of this process, in which Lua scriptlets run, also goes to the file.
    ///
    /// - Parameter scriptlet: for people, such as `bash-5.2.15-2.x86_64 %post`.
    public func begin(_ scriptlet: String) {
        let failure = WorkerFailure(kind: .scriptlet, message: "\(scriptlet): \(outOfTime)")
        let message = WorkerReporter.line(.failure(failure)) ?? Data()
        fflush(nil)
        standardDescriptors = [FileDescriptor.standardOutput, .standardError].compactMap { descriptor in
            let copy = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 3)
            dup2(output.rawValue, descriptor.rawValue)
            return copy < 0 ? nil : FileDescriptor(rawValue: copy)
        }
        // Cannot fail: `init` has tried it.
        _ = discographer_allow_devices(root.rawValue, false)
        let previous = timeoutMessage
        let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: message.count)
        _ = buffer.initialize(from: message.lazy.map(CChar.init(bitPattern:)))
        timeoutMessage = buffer
        discographer_watch_begin(buffer.baseAddress, buffer.count)
        previous?.deallocate()
    }

    /// To be called when the scriptlet has ended. Stops everything that it left running.
    ///
    /// - Returns: why it was stopped, if it was, and the names of programs that it left running.
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

/// Kills every other process of this PID namespace and waits for them. The caller must be the namespace's first process.
///
/// - Returns: the names of the programs that were running, sorted.
public func stopOtherProcesses() -> [String] {
    // For any other process, kill(-1) would reach more than its own children. In most cases there is no other process.
    guard getpid() == 1, kill(-1, 0) == 0 else { return [] }
    let processes = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter {
        $0 != "1" && Int32($0) != nil
    }
    // A process that has ended does not have a command line (proc(5)).
    let running = processes.filter { !((try? readBytes(FilePath("/proc/\($0)/cmdline"))) ?? []).isEmpty }
    let names = running.compactMap { try? readText(FilePath("/proc/\($0)/comm")) }
    kill(-1, SIGKILL)
    while waitpid(-1, nil, 0) > 0 || errno == EINTR {}
    return names.map { $0.hasSuffix("\n") ? String($0.dropLast()) : $0 }.sorted()
}
