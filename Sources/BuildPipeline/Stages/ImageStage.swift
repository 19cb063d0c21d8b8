import BuildGraph
import BuildStore
import DiskImages
import HostSystem
import SystemPackage

/// One disk in one format.
///
/// The result: `image.<format>`. A raw one is the disk stage's own file, under a second name.
struct ImageStage: Stage {
    static let name = "image"
    static let version = 1

    /// The disk's name in the plan.
    var disk: String
    var format: DiskFormat
    /// qemu-img, where it has a say.
    var tools: [ToolInput]
    let services: RunOnly<Services>

    struct Services: Sendable {
        var worker: Worker
        var store: LocalStageStore
    }

    var subject: String { "\(disk).\(format.fileExtension)" }
    var fileName: String { Self.fileName(format) }

    static func fileName(_ format: DiskFormat) -> String { "image.\(format.fileExtension)" }

    var demand: ResourceDemand { ResourceDemand(processors: 1, memory: 128 << 20) }

    func run(_ work: StageWork) async throws -> StageContent {
        guard let disk = work.needs.first else { throw StageError("the disk is missing") }
        let output = work.folder.appending(fileName)
        guard format != .raw, let qemuImg = tools.first else {
            try services.value.store.link("\(self.disk).raw", of: disk, to: output)
            return StageContent()
        }
        let job = ConvertImageJob(image: disk.folder.appending("\(self.disk).raw"), format: format, output: output, qemuImg: qemuImg.tool)
        _ = try await services.value.worker.run(job, onEvent: work.report, onLog: work.log)
        return StageContent()
    }
}
