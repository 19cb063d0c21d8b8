import BuildGraph
public import ConfigurationTree
public import DiskImages
public import HostSystem
import PackageInstallation
import PackageResolution

/// What the caller decides of a build besides the configuration.
public struct BuildOptions: Sendable {
    public var paths: BuildPaths
    public var tools: ToolTable
    public var worker: Worker
    /// Instead of what machine.yaml says.
    public var outputs: [OutputFormat]?
    /// Stages that run at once; `nil`: as many as there are processors.
    public var jobs: Int?
    /// What stages may take of the memory together, in bytes; `nil`: what the host has to give.
    public var memory: UInt64?
    /// What stages may write to the cache at once, in bytes; `nil`: what its disk has room for.
    public var disk: UInt64?
    /// What the results of stages may take in the cache, in bytes; `nil`: there is no limit.
    public var cacheLimit: UInt64?
    public var diskWriter: DiskWriterKind
    /// Seconds since 1970 that files get which have no better time.
    public var sourceDateEpoch: Int
    /// What `${env:NAME}` of yum's configuration may name.
    public var environment: [String: String]
    /// Each machine gets what its packages.lock says; one without a lock fails.
    public var locked = false
    /// What a failed installation or composition has made is kept, for `discographer shell`.
    public var keepsFailedRoots = false
    /// Whether cached results and artefacts are read whole before they are used.
    public var verifies = false
    /// Whether the listener gets a forecast of each machine's stages, with reasons.
    public var explains = false
    /// Whether a warning that machine.yaml does not tolerate fails its machine.
    public var isStrict = false
    /// Nothing is asked of the network.
    public var isOffline = false
    /// Ids of repositories whose metadata may be older than what was seen before.
    public var acceptedRollbacks: Set<String> = []

    public init(
        paths: BuildPaths, tools: ToolTable, worker: Worker, outputs: [OutputFormat]? = nil, jobs: Int? = nil,
        diskWriter: DiskWriterKind = .direct, sourceDateEpoch: Int, environment: [String: String]
    ) {
        self.paths = paths
        self.tools = tools
        self.worker = worker
        self.outputs = outputs
        self.jobs = jobs
        self.diskWriter = diskWriter
        self.sourceDateEpoch = sourceDateEpoch
        self.environment = environment
    }
}

extension BuildOptions {
    var repositoryAccess: RepositoryAccess {
        RepositoryAccess(isOffline: isOffline, acceptedRollbacks: acceptedRollbacks) { [worker, tools] signed in
            _ = try await worker.run(
                VerifySignatureJob(file: signed.file, signature: signed.signature, keys: signed.keys, gpgv: tools.tool("gpgv")))
        }
    }

    /// The host's limits, and the caller's where they are lower.
    var limits: ResourceDemand {
        var limits = HostResources.available(in: paths.cachePath)
        limits.processors = OpenFiles.machinesAtOnce(jobs ?? limits.processors)
        limits.memory = min(limits.memory, memory ?? .max)
        limits.disk = min(limits.disk, disk ?? .max)
        return limits
    }
}
