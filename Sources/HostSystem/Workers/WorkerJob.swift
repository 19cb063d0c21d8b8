// What the worker program is asked to do and what it answers. A job and its answers are values; they cross a pipe as JSON, a line each.
public import SystemPackage

/// Work for a process of its own: it needs namespaces, changes process-wide state (librpm), or mounts.
///
/// A job is one Swift type: its stored properties are all that the worker is told.
public protocol JobDescription: Codable, Sendable {
    associatedtype Outcome: Codable & Sendable

    /// The job's name on the worker's command line and in errors, such as `install`.
    static var name: String { get }

    /// What the job's process may see and write.
    var isolation: Isolation { get }
}

/// A job that the worker can run. If it needs libraries that the pipeline does not, the conformance is in a target that only the worker is linked with.
public protocol WorkerJob: JobDescription {
    /// Does the work. Called in the isolated process, on its main thread, before any other thread exists.
    func run(reporting: WorkerReporter) throws -> Outcome
}

/// A program that a person uses in an isolated process, with the caller's terminal and in the caller's place.
public protocol WorkerSession: Codable, Sendable {
    /// The session's name on the worker's command line.
    static var name: String { get }

    /// What the session's process may see and write.
    var isolation: Isolation { get }

    /// Does the work in the isolated process. Returns the program's exit status.
    func run() throws -> Int32
}

/// What an isolated process can see. Mounts, process ids, IPC and host name are always its own.
public struct Isolation: Hashable, Codable, Sendable {
    /// Loopback only.
    public var network = false
    /// Existing folders that stay writable; the rest of the host becomes read-only, and /tmp, /var/tmp and /run are private and empty.
    public var writablePaths: [FilePath]
    /// Paths that stay visible, read-only, when the rest is hidden.
    public var readablePaths: [FilePath]
    /// Only the paths above, the host's programs (/usr, read-only) and a minimal /dev are visible: a program that leaves a chroot does not find more either.
    public var hidesHost = false
    public var hostname: String?
    /// A folder that only the job can reach, through `WorkerReporter.keptFolder`, as one mount whatever is mounted at or below it.
    public var keptFolder: FilePath?
    /// Makes a user namespace, for callers that are not root and work in which owners do not matter. Builds use `UserNamespace`.
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
    case warning(Warning)
    /// Something that other work waits for, in the job's own words.
    case done(String)
}

/// Why a worker's job failed, typed enough for the caller to decide by case.
public struct WorkerFailure: Error, Codable, Hashable, Sendable, CustomStringConvertible {
    public var kind: FailureKind
    /// For people: what is wrong with which file or package, and what was expected. All failures of the kind together, one a line.
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
