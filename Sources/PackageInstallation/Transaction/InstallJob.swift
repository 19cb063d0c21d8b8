public import ConfigurationTree
import Glibc
public import HostSystem
public import SystemPackage

/// A package file to install.
public struct PackageFile: Hashable, Codable, Sendable {
    public var path: FilePath {
        get { written.path }
        set { written.path = newValue }
    }
    private var written: WrittenPath
    /// `name-[epoch:]version-release.arch`, for people.
    public var nevra: String
    /// Whether its repository asks for a signature by one of the job's keys.
    public var isSigned: Bool
    /// Whether `nevra` is what others said of the package: it is refused when it says otherwise itself.
    public var isNamedByMetadata: Bool
    /// The file that is meant, where others may put another one in its place; `nil` in the cache.
    public var identity: FileIdentity?

    public init(path: FilePath, nevra: String, isSigned: Bool, isNamedByMetadata: Bool = false, identity: FileIdentity? = nil) {
        written = WrittenPath(path)
        self.nevra = nevra
        self.isSigned = isSigned
        self.isNamedByMetadata = isNamedByMetadata
        self.identity = identity
    }
}

/// What became of one scriptlet.
public struct ScriptletResult: Hashable, Codable, Sendable {
    /// `name-version-release.arch`.
    public var package: String
    /// As rpm names it: `%post`, `%posttrans`, `%transfiletriggerin`, ...
    public var scriptlet: String
    public var output: String
    /// rpm's own words for the failure.
    public var failure: String
    public var isTolerated = false
}

/// What the installation made.
public struct InstallOutcome: Hashable, Codable, Sendable {
    public var packageCount: Int
    /// Those that failed; each is on the machine's list of tolerated ones, or the job would have failed.
    public var failedScriptlets: [ScriptletResult]
    /// rpm's and the job's own; the events of the job have them too.
    public var warnings: [Warning] = []
    /// Where scriptlets have put what they saw of the machine (`GuestConstants`); a folder before its entries.
    public var constantPlaces: [FilePath] = []
}

extension ToleratedScriptlet {
    func covers(_ failure: ScriptletResult) -> Bool { covers(package: failure.package, scriptlet: failure.scriptlet) }

    /// - Parameters:
    ///   - package: `name-version-release.arch`.
    ///   - scriptlet: as rpm names it.
    public func covers(package: String, scriptlet: String) -> Bool {
        // Neither version nor release has a hyphen.
        let name = package.split(separator: "-", omittingEmptySubsequences: false).dropLast(2).joined(separator: "-")
        return name == self.package && scriptlet == self.scriptlet
    }
}

/// Installs packages into a root with librpm, in a process of its own: librpm's chroot, macros, log and signal handling are process-wide.
public struct InstallJob: WorkerJob {
    public typealias Outcome = InstallOutcome

    public static let name = "install"
    /// What scriptlets see as the host's name: the same for all machines, so that those with the same packages share one root.
    public static let hostName = GuestConstants.hostName

    /// An existing folder; underlays may be in it already.
    public var installRoot: FilePath
    /// Taken when `Worker.install` says that they are good.
    public var packages: [PackageFile]
    /// Where unpacked copies of packages may be, by their numbers in `packages`.
    var copies: FilePath?
    /// Armoured public keys: this machine's whole keyring.
    public var keys: [FilePath]
    /// Those that the root's own database gets as `gpg-pubkey`, as dnf does with keys that it had to ask for.
    public var recordedKeys: [FilePath] = []
    public var sourceDateEpoch: Int
    public var transactionFlags: [TransactionFlag] = []
    /// `%_install_langs`: files of other languages stay out; empty for all.
    public var languages: [String] = []
    /// What is at or below these paths stays out, as with rpm's --excludepath.
    public var excludedPaths: [FilePath] = []
    /// Whether a root whose rpm reads only Berkeley DB gets its database in that form.
    public var convertsDatabase = true
    public var toleratedScriptlets: [ToleratedScriptlet]
    public var scriptletLimits = ScriptletLimits()
    /// Whether another process may make packages' files before their turn. The root is the same.
    public var preparesFiles = true
    /// What /tmp and /var/tmp may each hold in memory; `nil`: they are on disk, as on build hosts with little memory. The root is the same.
    public var temporaryBytes = ProcessMemory.limit.flatMap { $0 / 8 >= 1 << 30 ? $0 / 8 : nil }

    /// The same job, which finds unpacked copies in the folder.
    func with(copies: FilePath) -> InstallJob {
        var job = self
        job.copies = copies
        return job
    }

    public init(
        installRoot: FilePath, packages: [PackageFile], keys: [FilePath], sourceDateEpoch: Int,
        toleratedScriptlets: [ToleratedScriptlet]
    ) {
        self.installRoot = installRoot
        self.packages = packages
        self.keys = keys
        self.sourceDateEpoch = sourceDateEpoch
        self.toleratedScriptlets = toleratedScriptlets
    }

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [installRoot],
            readablePaths: Array(
                Set((packages.map(\.path) + keys).map { $0.removingLastComponent() } + [copies].compactMap(\.self))),
            hostname: Self.hostName)
        isolation.hidesHost = true
        if preparesFiles, copies != nil { isolation.keptFolder = installRoot.removingLastComponent() }
        return isolation
    }

    /// - Throws: `WorkerFailure` of kind `signature`, `dependencies`, `transaction` or `scriptlet`, each with all of its kind.
    public func run(reporting: WorkerReporter) throws -> InstallOutcome {
        let timestamps = InstallTimestamps()
        let mounts = try ScriptletFileSystems(installRoot: installRoot)
        try prepareConstantUname()
        try confine()
        if !unameIsConstant {
            reporting.log("uname says what the build host's kernel is: it is older than 5.0, or this container watches system calls itself")
        }
        let transaction = try RPMTransaction(job: self, mounts: mounts, reporter: reporting)
        var outcome = try transaction.run()
        if convertsDatabase { try transaction.convertDatabase() }
        try mounts.end()
        try transaction.cleanTemporaryFolders()
        try transaction.coveredFiles.make(in: installRoot, folders: mounts.covered)
        try mounts.keepAttributes()
        try transaction.seeds.remove()
        outcome.warnings = transaction.toldWarnings
        let leftovers = Leftovers(root: installRoot, timestamps: timestamps)
        try leftovers.remove(databasePath: transaction.database.path)
        outcome.constantPlaces = try ConstantPlaces.find(in: installRoot)
        try leftovers.clampPasswordAges(epoch: sourceDateEpoch)
        try timestamps.clampTimes(in: installRoot, to: sourceDateEpoch)
        return outcome
    }
}
