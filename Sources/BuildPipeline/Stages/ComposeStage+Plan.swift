// What the stage reads for a machine.
import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem
import PackageResolution
import RootFilesystem
import SystemPackage

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
        constants = MachineConstants(
            machineID: StableNames(group: group.name, machine: machine.name).machineID, rootUUID: plan.root?.uuid,
            kernelCommandLine: boot?.kernelCommandLine)
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
