import BuildGraph
import BuildStore
import DiskImages
import HostSystem
import SystemPackage

/// The machine's disks as raw images.
///
/// The result: `<disk>.raw` for each.
struct DiskStage: Stage {
    static let name = "disk"
    static let version = 1

    var plan: DiskPlan
    var writer: DiskWriterKind
    var installsGRUB: Bool
    var tools: [ToolInput]
    /// The build host's modules, of which GRUB's core image is made.
    var grubModules: FileInput?
    /// What file systems are written with.
    var libraries: [String: String]
    var sourceDateEpoch: Int
    let services: RunOnly<Services>

    struct Services: Sendable {
        var worker: Worker
        var tools: ToolTable
        var installedSize: UInt64
    }

    static func libraryNames(for writer: DiskWriterKind) -> [String] { writer == .direct ? ["libext2fs.so"] : [] }

    var demand: ResourceDemand {
        ResourceDemand(processors: 1, memory: writer == .guestfs ? 1 << 30 : 256 << 20, disk: services.value.installedSize)
    }

    func run(_ work: StageWork) async throws -> StageContent {
        let services = services.value
        guard work.needs.count == 2 else { throw StageError("the machine's root is missing") }
        let usesKVM = writer == .guestfs ? await KVMProbe.works(tools: services.tools, scratch: work.folder) : false
        let scratch = work.folder.appending("scratch")
        try createDirectories(scratch)
        let job = WriteDisksJob(
            plan: plan,
            root: LayeredRoot(
                layers: [work.needs[0].folder.appending("root")], changes: work.needs[1].folder.appending("changes"),
                work: scratch.appending("work"), mountPoint: scratch.appending("root")),
            output: work.folder, writer: writer, usesKVM: usesKVM, installsGRUB: installsGRUB, tools: DiskTools(tools.map(\.tool)),
            sourceDateEpoch: sourceDateEpoch)
        let images = try await services.worker.run(job, onEvent: work.report, onLog: work.log)
        try await services.tools.tool("rm").run(["-rf", "--one-file-system", scratch.string])
        return StageContent(sparseFiles: Set(images))
    }
}
