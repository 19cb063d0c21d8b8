public import BuildStore
public import HostSystem
public import SystemPackage

/// A step of a build as a value: it holds all that it reads. Equal values with equal needs are one step, done once for all machines.
///
/// The identity is made of the value's canonical encoding, so that no stored property can be forgotten; what a stage needs to run and what has no say in its
/// result is in `RunOnly`.
public protocol Stage: Encodable, Sendable {
    /// What the stage is called in messages, events and records, such as `install`.
    static var name: String { get }

    /// Raised when the stage's code makes something else of the same value.
    static var version: Int { get }

    /// Whether stages that need this one depend on its result and not on its inputs (early cut-off). For stages whose result is cheap to digest.
    static var countsByContent: Bool { get }

    /// Whether the result is kept in the store. A stage that is not kept runs whenever a stage that needs it runs.
    static var isKept: Bool { get }

    /// Which of several steps of the same stage this is, such as the name of a disk and a format; empty where there is one.
    var subject: String { get }

    /// What it takes of the host while it runs.
    var demand: ResourceDemand { get }

    /// Does the work. Fills the folder of `work`, if the stage is kept.
    ///
    /// - Throws: what is wrong, in words.
    func run(_ work: StageWork) async throws -> StageContent
}

extension Stage {
    public static var countsByContent: Bool { false }
    public static var isKept: Bool { true }
    public var subject: String { "" }
    public var demand: ResourceDemand { ResourceDemand() }
}

/// What a stage is given when it runs.
public struct StageWork: Sendable {
    /// To be filled; it has another path when the stage is done. For a stage that is not kept, nothing.
    public var folder: FilePath
    /// The results that the stage needs, in the order in which they were named.
    public var needs: [StageResult]
    /// What the stages that are not kept handed over, by the stage's name.
    public var handedOver: [String: any Sendable]
    /// Tells what happens.
    public var report: @Sendable (WorkerEvent) -> Void
    /// Tells how far a transfer from the network is.
    public var transfer: @Sendable (TransferProgress) -> Void
    /// Writes to the log.
    public var log: @Sendable (String) -> Void
    /// Hands something over to the stages that need this one, which is not kept.
    public var handOver: @Sendable (any Sendable) -> Void
}

/// How far a transfer is.
public struct TransferProgress: Hashable, Sendable {
    public var bytes: UInt64
    public var totalBytes: UInt64
    public var files: Int
    public var totalFiles: Int
    /// A file that has just arrived.
    public var finished: String?

    public init(bytes: UInt64, totalBytes: UInt64, files: Int, totalFiles: Int, finished: String? = nil) {
        self.bytes = bytes
        self.totalBytes = totalBytes
        self.files = files
        self.totalFiles = totalFiles
        self.finished = finished
    }
}

/// What a stage takes of the host while it runs.
public struct ResourceDemand: Hashable, Sendable {
    /// Processors.
    public var processors: Int
    /// Bytes.
    public var memory: UInt64
    /// Bytes that its result takes in the cache.
    public var disk: UInt64

    public init(processors: Int = 1, memory: UInt64 = 64 << 20, disk: UInt64 = 0) {
        self.processors = processors
        self.memory = memory
        self.disk = disk
    }
}
