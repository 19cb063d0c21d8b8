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
    /// Machines that are built at once.
    public var jobs: Int
    public var diskWriter: DiskWriterKind
    /// Seconds since 1970 that files get which have no better time.
    public var sourceDateEpoch: Int
    /// What `${env:NAME}` of yum's configuration may name.
    public var environment: [String: String]
    /// Each machine gets what its packages.lock says; one without a lock fails.
    public var locked = false
    /// What a failed installation or composition has made is kept, for `discographer shell`.
    public var keepsFailedRoots = false
    /// Nothing is asked of the network.
    public var isOffline = false
    /// Ids of repositories whose metadata may be older than what was seen before.
    public var acceptedRollbacks: Set<String> = []

    public init(
        paths: BuildPaths, tools: ToolTable, worker: Worker, outputs: [OutputFormat]?, jobs: Int,
        diskWriter: DiskWriterKind, sourceDateEpoch: Int,
        environment: [String: String]
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
        RepositoryAccess(isOffline: isOffline, acceptedRollbacks: acceptedRollbacks) { [worker] signed in
            _ = try await worker.run(
                VerifySignatureJob(file: signed.file, signature: signed.signature, keys: signed.keys))
        }
    }
}
