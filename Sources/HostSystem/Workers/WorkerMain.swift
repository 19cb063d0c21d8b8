// The worker's side: what discographer-worker's main function calls.
internal import CLinux
import Foundation
import Glibc
import SystemPackage

/// Exit statuses of the worker, in part from sysexits(3).
enum WorkerExit: Int32 {
    case success = 0
    /// The host does not let this user build. The worker runs in the place of discographer then, so this is discographer's own status for it (DESIGN section 6).
    case rootless = 2
    /// The job failed and sent a reason.
    case failure = 1
    case usage = 64
    case isolation = 71
}

/// Reads a job from standard input, isolates this process as the job demands, runs the job, and exits.
///
/// Standard input stays open as the lifeline: the worker and all its descendants are killed when its other end closes.
public func workerMain(
    arguments: [String], jobs: [any WorkerJob.Type], sessions: [any WorkerSession.Type] = []
) -> Never {
    if arguments.count == 3, let session = sessions.first(where: { $0.name == arguments[1] }) {
        perform(session, description: arguments[2])
    }
    if arguments.count == 3, arguments[1] == NamespaceEntry.name { enterNamespace(arguments[2]) }
    umask(0o022)
    OpenFiles.setLimitOfWorkers()
    makeBrokenPipesErrors()
    guard arguments.count == 2, let type = jobs.first(where: { $0.name == arguments[1] }) else {
        FileHandle.standardError.write(Data("discographer-worker is started by discographer, not by hand\n".utf8))
        exit(WorkerExit.usage.rawValue)
    }
    do {
        let reporter = try WorkerReporter()
        try perform(type, reporter: reporter)
        exit(WorkerExit.success.rawValue)
    } catch {
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        exit(WorkerExit.isolation.rawValue)
    }
}

/// Runs a session, which has this process's terminal. The terminal is its only lifeline, and nothing sends messages.
private func perform<Session: WorkerSession>(_ type: Session.Type, description: String) -> Never {
    umask(0o022)
    OpenFiles.setLimitOfWorkers()
    // ^C and ^\ are meant for the program in the foreground.
    signal(SIGINT, SIG_IGN)
    signal(SIGQUIT, SIG_IGN)
    do {
        let session = try JSONDecoder().decode(Session.self, from: Data(description.utf8))
        try isolate(session.isolation, lifeline: nil)
        exit(try session.run())
    } catch {
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        exit(WorkerExit.failure.rawValue)
    }
}

/// Performs a `NamespaceEntry`: becomes another program, or exits.
private func enterNamespace(_ description: String) -> Never {
    do {
        try JSONDecoder().decode(NamespaceEntry.self, from: Data(description.utf8)).perform()
        exit(WorkerExit.success.rawValue)
    } catch {
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        exit(WorkerExit.rootless.rawValue)
    }
}

private func perform<Job: WorkerJob>(_ type: Job.Type, reporter: WorkerReporter) throws {
    guard let description = try reporter.input.nextLine() else { throw Errno.brokenPipe }
    let job = try JSONDecoder().decode(Job.self, from: Data(description))
    do {
        let keptFolder = try isolate(job.isolation, lifeline: .standardInput)
        let outcome = try job.run(reporting: reporter.keeping(keptFolder))
        let json = String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self)
        reporter.send(.outcome(json))
    } catch let failure as WorkerFailure {
        reporter.send(.failure(failure))
        exit(WorkerExit.failure.rawValue)
    } catch {
        reporter.send(.failure(WorkerFailure(kind: FailureKind(rawValue: "\(Swift.type(of: error))"), message: "\(error)")))
        exit(WorkerExit.failure.rawValue)
    }
}

/// - Returns: the isolation's kept folder, if there is one.
@discardableResult
private func isolate(_ isolation: Isolation, lifeline: FileDescriptor?) throws -> ParkedDescriptor? {
    func copies(_ paths: [FilePath]) -> [UnsafePointer<CChar>?] { paths.map { UnsafePointer(strdup($0.string)) } }
    let writable = copies(isolation.writablePaths)
    let readable = copies(visiblePaths(isolation))
    let hostname = isolation.hostname.flatMap { strdup($0) }
    let keptFolder = isolation.keptFolder.flatMap { strdup($0.string) }
    var keptDescriptor: Int32 = -1
    defer {
        free(keptFolder)
        for path in writable + readable { free(UnsafeMutablePointer(mutating: path)) }
        free(hostname)
    }
    var step: UnsafePointer<CChar>?
    let status = writable.withUnsafeBufferPointer { writable in
        readable.withUnsafeBufferPointer { readable in
            var description = discographer_isolation(
                new_user_namespace: isolation.userNamespace, new_network_namespace: !isolation.network,
                read_only_host: true, hidden_host: isolation.hidesHost,
                writable_paths: writable.baseAddress, writable_path_count: writable.count,
                readable_paths: readable.baseAddress, readable_path_count: readable.count, hostname: hostname,
                kept_folder: keptFolder, kept_descriptor: -1)
            defer { keptDescriptor = description.kept_descriptor }
            return discographer_isolate(&description, lifeline?.rawValue ?? -1, &step)
        }
    }
    guard status == 0 else {
        throw HostSystemError.isolationFailed(
            step: step.map { String(cString: $0) } ?? "", errno: Errno(rawValue: errno))
    }
    // Not permitted in a container with SYS_ADMIN but without NET_ADMIN; the interface stays down there.
    if !isolation.network, discographer_bring_up_loopback() != 0, errno != EPERM {
        throw HostSystemError.isolationFailed(step: "bringing up the loopback interface", errno: Errno(rawValue: errno))
    }
    return keptDescriptor < 0 ? nil : try ParkedDescriptor(FileDescriptor(rawValue: keptDescriptor))
}

/// The paths that must stay visible when the rest is hidden.
private func visiblePaths(_ isolation: Isolation) -> [FilePath] {
    guard isolation.hidesHost else {
        let hidden: [FilePath] = ["/tmp", "/var/tmp", "/run"]
        return isolation.readablePaths.filter { path in hidden.contains(where: path.starts(with:)) && exists(path) }
    }
    return Isolation.programs.filter(isFolder) + isolation.readablePaths.filter(exists)
}
