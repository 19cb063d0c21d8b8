import BuildGraph
import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem
import PackageInstallation
import PackageResolution
import SystemPackage

/// All that has to be done for one machine: its stages, in a graph that it shares with others, and the artefacts that are published in the end. It follows from the
/// tree, the transaction and the build host's tools alone; the cache has no say.
struct MachinePlan: Sendable {
    let group: MachineGroup
    let machine: Machine
    let configuration: YumConfiguration
    let transaction: Transaction
    let fetch: Identity
    let install: Identity
    let compose: Identity
    let disk: Identity
    let publication: Publication
    let configPath: FilePath

    var name: String { machine.fullName }

    /// What a plan is made for.
    struct Context: Sendable {
        var options: BuildOptions
        var inputs: HostInputs
        var store: LocalStageStore
    }

    /// - Parameters:
    ///   - keys: those of all repositories that need them, and those of which are recorded in the root's database.
    ///   - graph: gets the machine's stages.
    /// - Throws: `DiskPlanError`, `FileError`, `HostSystemError` for tools that are missing.
    init(
        of machine: Machine, in group: MachineGroup, configuration: YumConfiguration, transaction: Transaction, keys: PackageKeys,
        _ context: Context, graph: inout BuildGraph
    ) throws {
        self.group = group
        self.machine = machine
        self.configuration = configuration
        self.transaction = transaction
        let options = context.options
        configPath = options.paths.configPath
        let name = machine.fullName
        let plan = try DiskPlan(machine.description, group: group.name, machine: machine.name)
        try Self.checkRoom(for: transaction, configuration, machine, plan)

        let request = FetchStage.Request(
            transaction: transaction, configuration: configuration, architecture: machine.description.hardware.architecture,
            isLocked: options.locked, cachePath: options.paths.cachePath, access: options.repositoryAccess)
        fetch = try graph.add(FetchStage(request), needs: [], for: name)
        install = try graph.add(
            InstallStage(of: machine, in: group, configuration, transaction, keys, request.fetcher, context), needs: [fetch], for: name)
        compose = try graph.add(ComposeStage(of: machine, in: group, configuration, plan, context), needs: [install], for: name)
        disk = try graph.add(DiskStage(of: machine, plan, transaction, context), needs: [install, compose], for: name)

        var artefacts = ArtefactPlan(machine: machine, group: group, plan: plan, disk: disk, context: context)
        try artefacts.addOutputs(to: &graph)
        publication = Publication(files: artefacts.files)
    }

    /// Finds out early that the packages cannot fit on the disks. What they take in the end is more: overlays, and the file systems' own tables.
    ///
    /// - Throws: `StageError`.
    private static func checkRoom(for transaction: Transaction, _ configuration: YumConfiguration, _ machine: Machine, _ plan: DiskPlan) throws {
        // How much is left out is not known before the packages are there.
        guard !configuration.transactionFlags.contains(.nodocs), configuration.languages.isEmpty, machine.description.excludedPaths.isEmpty else {
            return
        }
        let room = plan.fileSystems.filter { $0.mountPoint != nil && $0.fileSystem != .swap }.reduce(0) { $0 + $1.size }
        guard transaction.installedSize.bytes > room else { return }
        let place = (machine.description.places["disks"]?.description ?? machine.path.appending("machine.yaml").string)
        throw StageError(
            "the packages take \(transaction.installedSize) when they are installed, and the file systems of the machine have \(ByteCount(room)); raise 'size' of the disks (\(place))"
        )
    }

    /// What in its description keeps a machine from being built.
    static func problems(of machine: Machine) -> [Diagnostic] {
        let description = machine.description
        let file = machine.path.appending("machine.yaml")
        let own = SourceLocation(file: isRegularFile(file) ? file : machine.path)
        var problems: [Diagnostic] = []
        func fail(_ key: String, _ message: String, hint: String? = nil) {
            problems.append(Diagnostic(.error, at: description.place(of: key) ?? own, message, hint: hint))
        }
        do {
            let plan = try DiskPlan(description, group: machine.groupName, machine: machine.name)
            if let problem = BootPlan(of: machine, plan)?.problem { fail("boot.kernelArguments", problem) }
        } catch let error as DiskPlanError {
            for problem in error.problems { fail(problem.key, problem.message) }
        } catch { fail("disks", "\(error)") }
        for hypervisor in description.hypervisors {
            fail(
                "hypervisors", "files for the hypervisor '\(hypervisor.rawValue)' are not supported",
                hint: "use 'outputs: [ovf]' for VirtualBox and VMware")
        }
        return problems
    }
}

/// The public keys of a machine's repositories, as files.
struct PackageKeys: Sendable {
    /// The whole keyring.
    var trusted: [FilePath]
    /// Those of repositories that packages come from, which the root's own database gets.
    var recorded: [FilePath]

    /// Whose keys they are; most machines of a batch have the same.
    struct Request: Hashable {
        fileprivate var trusted: [Repository]
        fileprivate var recorded: [Repository]

        init(_ configuration: YumConfiguration, _ transaction: Transaction) {
            let used = Set(transaction.packages.map(\.repository))
            // Local packages are checked against all keys (localpkg_gpgcheck).
            trusted = configuration.repositories.filter { $0.gpgcheck || configuration.localPackagesAreChecked }
            recorded = configuration.repositories.filter { $0.gpgcheck && used.contains($0.id) }
        }
    }

    /// Fetches what is not there.
    ///
    /// - Throws: `DownloadError`, `CancellationError`.
    init(_ request: Request, _ fetcher: PackageFetcher) async throws {
        trusted = try await fetcher.keys(of: request.trusted)
        recorded = try await fetcher.keys(of: request.recorded)
    }
}
