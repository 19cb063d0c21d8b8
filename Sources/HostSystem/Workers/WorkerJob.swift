// What the worker program is asked to do and what it answers. A job and its answers are values; they cross a pipe as JSON, a line each.
public import SystemPackage

/// Work that is done in a process of its own, because it needs namespaces, changes process-wide state (librpm), or mounts.
///
/// A job is one Swift type: its stored properties are all that the worker is told.
public protocol JobDescription: Codable, Sendable {
    associatedtype Outcome: Codable & Sendable

    /// How the job is called on the worker's command line and in errors, such as `install`.
    static var name: String { get }

    /// What the job's process may see and write.
    var isolation: Isolation { get }
}

/// A job as the worker knows it. Where that takes libraries which the pipeline does without, the conformance is in a target that the
/// worker alone is linked with.
public protocol WorkerJob: JobDescription {
    /// Does the work; called in the isolated process, on its main thread, before any other thread exists.
    func run(reporting: WorkerReporter) throws -> Outcome
}

/// Work that a person does by hand in an isolated process, which has the caller's terminal and takes its place.
public protocol WorkerSession: Codable, Sendable {
    /// How the session is called on the worker's command line.
    static var name: String { get }

    /// What the session's process may see and write.
    var isolation: Isolation { get }

    /// Does the work, in the isolated process; the result is the program's exit status.
    func run() throws -> Int32
}

/// What an isolated process may see: always its own mounts, process ids, IPC and host name.
public struct Isolation: Hashable, Codable, Sendable {
    /// Loopback only.
    public var network = false
    /// Existing folders that stay writable; the rest of the host becomes read-only, and /tmp, /var/tmp and /run are private and empty.
    public var writablePaths: [FilePath]
    /// Stay visible, read-only, even where the rest is hidden.
    public var readablePaths: [FilePath]
    /// Nothing of the host is there but the paths above, its programs (/usr) read-only, and a minimal /dev: who leaves a chroot
    /// finds no more than that.
    public var hidesHost = false
    public var hostname: String?
    /// A folder that the job alone reaches, by `WorkerReporter.keptFolder`, as one mount whatever is mounted at or below it.
    public var keptFolder: FilePath?
    /// For callers that are not root, and work in which owners do not matter. What builds do is done in `UserNamespace`.
    public var userNamespace = false

    public init(writablePaths: [FilePath], readablePaths: [FilePath] = [], hostname: String? = nil) {
        self.writablePaths = writablePaths
        self.readablePaths = readablePaths
        self.hostname = hostname
    }
}

extension Isolation {
    /// What a process must see of the host to run at all; some of them are symlinks into /usr on most hosts.
    static let programs: [FilePath] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
}

/// What a worker says while it works.
public enum WorkerEvent: Codable, Hashable, Sendable {
    case progress(completed: Int, total: Int, item: String)
    /// What a scriptlet or a program printed; `source` says which, such as `bash-5.2.15-2.x86_64 %post`.
    case output(source: String, text: String)
    case warning(String)
    /// Something that other work waits for, in the job's own words.
    case done(String)
}

/// Why a worker's job failed, typed enough for the caller to decide by case.
public struct WorkerFailure: Error, Codable, Hashable, Sendable, CustomStringConvertible {
    public var kind: FailureKind
    /// For people: what is wrong, of which file or package, and what would be right. All of a kind at once, a line each.
    public var message: String

    public init(kind: FailureKind, message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}

/// One line of the worker's answer.
enum WorkerMessage: Codable {
    case event(WorkerEvent)
    case failure(WorkerFailure)
    /// The outcome, as JSON of the job's `Outcome`.
    case outcome(String)
}
