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
        var inputs: StageInputs
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

    /// What in its description keeps a machine from being built.
    static func problems(of machine: Machine) -> [Diagnostic] {
        let file = machine.path.appending("machine.yaml")
        let location = SourceLocation(file: exists(file) ? file : machine.path)
        var problems: [Diagnostic] = []
        do { _ = try DiskPlan(machine.description, group: machine.groupName, machine: machine.name) } catch {
            problems += "\(error)".split(separator: "\n").map { Diagnostic(.error, at: location, String($0)) }
        }
        for hypervisor in machine.description.hypervisors {
            problems.append(
                Diagnostic(
                    .error, at: location, "files for the hypervisor '\(hypervisor.rawValue)' are not supported",
                    hint: "use 'outputs: [ovf]' for VirtualBox and VMware"))
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

extension InstallStage {
    init(
        of machine: Machine, in group: MachineGroup, _ configuration: YumConfiguration, _ transaction: Transaction, _ keys: PackageKeys,
        _ fetcher: PackageFetcher, _ context: MachinePlan.Context
    ) throws {
        let inputs = context.inputs
        let signed = Set(configuration.repositories.filter(\.gpgcheck).map(\.id))
        let requests = (group.packages + machine.packages).filter { $0.kind == .install }
        let places = Dictionary(requests.map { ($0.spec, $0.location.description) }) { first, _ in first }
        packages = try transaction.packages(inOrderOf: configuration.repositories).map { package in
            let local = package.checksum == nil ? try FileInput(contentOf: FilePath(package.location)) : nil
            return PackageInput(
                origin: local?.path.string ?? places[package.name], package: package, local: local,
                isSigned: local == nil ? signed.contains(package.repository) : configuration.localPackagesAreChecked)
        }
        self.keys = try keys.trusted.map(inputs.file)
        recordedKeys = try keys.recorded.map(inputs.file)
        transactionFlags = configuration.transactionFlags
        languages = configuration.languages
        excludedPaths = machine.description.excludedPaths
        tolerated = machine.description.toleratedScriptlets
        underlays = try (group.rootUnderlays + machine.rootUnderlays).map { try LayerInput($0, inputs) }
        ownership = UserNamespace.ownership
        sourceDateEpoch = context.options.sourceDateEpoch
        libraries = inputs.libraries.digests(of: Self.libraryNames)
        rpmConfiguration = inputs.rpmConfiguration
        services = RunOnly(
            Services(
                worker: context.options.worker, fetcher: fetcher, repositories: configuration.repositories,
                scriptletTimeLimit: machine.description.scriptletTimeLimit, installedSize: transaction.installedSize.bytes))
    }
}

extension ComposeStage {
    init(
        of machine: Machine, in group: MachineGroup, _ configuration: YumConfiguration, _ plan: DiskPlan, _ context: MachinePlan.Context
    ) throws {
        let (inputs, options) = (context.inputs, context.options)
        self.group = group.name
        self.machine = machine.name
        devices = group.devices + machine.devices
        initFile = try inputs.file(machine.initFile)
        layers = try [group.rootOverlays, machine.rootOverlays].map { try $0.map { try LayerInput($0, inputs) } }
        let scriptlets = [group.generatorScriptlets, machine.generatorScriptlets]
        if scriptlets.contains(where: { !$0.isEmpty }) {
            let groupPath = options.paths.configPath.appending(group.name)
            let shown = try MachineView.roots(ofGroup: groupPath) + [groupPath.appending("machines").appending(machine.name)]
            generators = Generators(
                scriptlets: try scriptlets.map { try $0.map(inputs.file) }, functions: try inputs.file(options.paths.functionsPath),
                tree: TreeInput(
                    view: try TreeView(of: options.paths.configPath, showing: shown, digests: inputs.digests), origin: machine.path.string),
                bash: try inputs.tool("bash"))
        }
        files = GuestFiles.files(of: machine, in: group, plan)
        boot = BootPlan(of: machine, plan)
        setuidWhitelist = Self.union(group.setuidWhitelist, machine.setuidWhitelist)
        setgidWhitelist = Self.union(group.setgidWhitelist, machine.setgidWhitelist)
        mountPoints = plan.fileSystems.compactMap { $0.mountPoint.map { FilePath($0) } }
        setsContexts = !configuration.transactionFlags.contains(.nocontexts)
        sourceDateEpoch = options.sourceDateEpoch
        libraries = inputs.libraries.digests(of: Self.libraryNames)
        services = RunOnly(Services(worker: options.worker, tools: options.tools, paths: options.paths, machine: machine, group: group))
    }

    private static func union(_ first: [FilePath]?, _ second: [FilePath]?) -> [FilePath]? {
        first == nil && second == nil ? nil : (first ?? []) + (second ?? [])
    }
}

extension DiskStage {
    init(of machine: Machine, _ plan: DiskPlan, _ transaction: Transaction, _ context: MachinePlan.Context) throws {
        let (inputs, options) = (context.inputs, context.options)
        self.plan = plan
        writer = options.diskWriter
        installsGRUB = machine.description.boot.loader == .grub
        tools = try DiskTools.names(for: plan, writer: writer, installsGRUB: installsGRUB).map(inputs.tool)
        grubModules = installsGRUB ? try inputs.file(BootLoaderFiles.grubModules) : nil
        libraries = inputs.libraries.digests(of: Self.libraryNames(for: writer))
        sourceDateEpoch = options.sourceDateEpoch
        services = RunOnly(Services(worker: options.worker, tools: options.tools, installedSize: transaction.installedSize.bytes))
    }
}

/// What generator scriptlets of a machine see of the tree for its own sake.
enum MachineView {
    /// All that is in a group's folder but the machines.
    ///
    /// - Throws: `FileError`.
    static func roots(ofGroup folder: FilePath) throws -> [FilePath] {
        do {
            let opened = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
            return try opened.closeAfter { try folderEntries(opened) }.filter { $0.string != "machines" }.map { folder.appending($0) }
        } catch let error as Errno { throw FileError(folder, error) }
    }
}
