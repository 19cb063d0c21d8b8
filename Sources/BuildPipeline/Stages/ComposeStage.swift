import BuildGraph
import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem
import RootFilesystem
import SystemPackage

/// Everything between the installed packages and the disks: devices, /init, generator scriptlets, overlays, and the pipeline's own files.
///
/// The result: the folder `changes`, a layer over the installed root, and `contexts` with the SELinux contexts of both. It is cheap to digest, so that a
/// changed scriptlet which makes the same layers makes no new disk.
struct ComposeStage: Stage {
    static let name = "compose"
    static let version = 2
    static let countsByContent = true

    var group: String
    var machine: String
    var devices: [Device]
    var initFile: FileInput
    /// The group's, then the machine's.
    var layers: [[LayerInput]]
    /// `nil`: the machine has no generator scriptlets, and nothing of this counts.
    var generators: Generators?
    var files: [GeneratedFile]
    var boot: BootPlan?
    var constants: MachineConstants
    var setuidWhitelist: [FilePath]?
    var setgidWhitelist: [FilePath]?
    var mountPoints: [FilePath]
    var setsContexts: Bool
    var sourceDateEpoch: Int
    /// What compiles and looks up the policy's contexts.
    var libraries: [String: String]
    let services: RunOnly<Services>

    static let libraryNames = ["libselinux.so", "libpcre2-8.so", "libpcre.so"]

    /// What generator scriptlets run with, and all that they can read.
    struct Generators: Encodable, Sendable {
        /// The group's, then the machine's.
        var scriptlets: [[FileInput]]
        var functions: FileInput
        var tree: TreeInput
        var bash: ToolInput
    }

    /// The part of the tree that scriptlets see.
    struct TreeInput: Encodable, Sendable, IdentityRepresentable {
        var view: TreeView
        var identityValue: [String: String] { view.digests }
        /// The machine's folder.
        let origin: String?

        func encode(to encoder: any Encoder) throws { try identityValue.encode(to: encoder) }
    }

    struct Services: Sendable {
        var worker: Worker
        var tools: ToolTable
        var paths: BuildPaths
        var machine: Machine
        var group: MachineGroup
    }

    var demand: ResourceDemand { ResourceDemand(processors: 1, memory: 128 << 20) }

    func run(_ work: StageWork) async throws -> StageContent {
        let services = services.value
        guard let installed = work.needs.first?.folder.appending("root") else { throw StageError("the installed root is missing") }
        let (paths, machine) = (services.paths, services.machine)
        let scratch = work.folder.appending("scratch")
        let generated = [paths.generatedGroupOverlays(machine), paths.generatedOverlays(machine)]
        let rm = try services.tools.tool("rm")
        // An earlier build's layers, which it left for people to look at.
        try await rm.run(["-rf", "--one-file-system"] + generated.map(\.string))
        // A default ACL of the cache's folder would change the modes of what scriptlets generate.
        try createDirectories(paths.minimalAppliance(machine))
        try removeDefaultACL(of: paths.minimalAppliance(machine))
        for folder in generated + [scratch, paths.installRoot(machine), work.folder.appending("changes")] { try createDirectories(folder) }
        let job = ComposeJob(
            root: LayeredRoot(
                layers: [installed], changes: work.folder.appending("changes"), work: work.folder.appending("work"),
                mountPoint: paths.installRoot(machine)),
            hostName: machine.name, devices: devices, initFile: initFile.path, configPath: paths.configPath,
            functionsPath: paths.functionsPath, visiblePaths: generators?.tree.view.visible ?? [], scratch: scratch, generators: runs,
            files: try allFiles(installed), constants: constants, constantPlaces: places(in: work.needs[0]), setuidWhitelist: setuidWhitelist,
            setgidWhitelist: setgidWhitelist, mountPoints: mountPoints,
            setsContexts: setsContexts, bash: try services.tools.tool("bash"), sourceDateEpoch: sourceDateEpoch)
        _ = try await services.worker.run(job, onEvent: work.report, onLog: work.log)
        try await rm.run(["-rf", "--one-file-system", scratch.string, work.folder.appending("work").string])
        return StageContent()
    }

    /// Where the installed root has what is another machine's or nobody's.
    private func places(in installed: StageResult) -> [FilePath] {
        guard case .map(let facts) = installed.record.facts, case .list(let places) = facts[InstallStage.constantPlaces] else { return [] }
        return places.compactMap { if case .text(let path) = $0 { FilePath(path) } else { nil } }
    }

    private func allFiles(_ installed: FilePath) throws -> [GeneratedFile] {
        let files = files + GuestFiles.kernelInstallation(constants, in: installed)
        guard let boot else { return files }
        let kernels = try KernelFinder.kernels(in: installed).map { kernel in
            FoundKernel(
                release: constants.renamed(kernel.release), image: constants.renamed(kernel.image), initramfs: kernel.initramfs.map(constants.renamed)
            )
        }
        guard !kernels.isEmpty else {
            throw StageError(
                "the installed packages have no kernel in /boot; add a kernel to \(services.value.machine.packagesFile), or write 'boot: {loader: none}' into machine.yaml"
            )
        }
        return files + [boot.configurationFile(for: kernels)]
    }

    private var runs: [GeneratorRun] {
        let (paths, group, machine) = (services.value.paths, services.value.group, services.value.machine)
        let groupPath = paths.configPath.appending(group.name)
        return [
            GeneratorRun(
                scriptlets: generators?.scriptlets[0].map(\.path) ?? [],
                variables: paths.groupVariables(group, for: machine, sourceDateEpoch: sourceDateEpoch),
                generatedOverlays: paths.generatedGroupOverlays(machine), overlays: groupPath.appending("root-overlays"),
                layers: layers[0].map(\.layer.value)),
            GeneratorRun(
                scriptlets: generators?.scriptlets[1].map(\.path) ?? [],
                variables: paths.machineVariables(machine, in: group, sourceDateEpoch: sourceDateEpoch),
                generatedOverlays: paths.generatedOverlays(machine),
                overlays: groupPath.appending("machines").appending(machine.name).appending("root-overlays"),
                layers: layers[1].map(\.layer.value)),
        ]
    }
}
