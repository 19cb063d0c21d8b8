import BuildGraph
import BuildStore
import DiskImages
import Glibc
import HostSystem
import SystemPackage

/// The one-file form of an OVF appliance. Needs the descriptor's stage, and then the image of each disk.
///
/// The result: `<machine>.ova`.
struct OVAStage: Stage {
    static let name = "archive"
    static let version = 1

    var machine: String
    /// The files' names in the archive; the descriptor comes first (DSP0243 1.1.1 section 5.3).
    var descriptorFiles: [String]
    var disks: [OVFStage.DiskFile]
    var tar: ToolInput
    var sourceDateEpoch: Int
    let services: RunOnly<ImageStage.Services>

    var subject: String { fileName }
    var fileName: String { "\(machine).ova" }

    func run(_ work: StageWork) async throws -> StageContent {
        guard let descriptor = work.needs.first else { throw StageError("the descriptor is missing") }
        let scratch = work.folder.appending("scratch")
        try createDirectories(scratch)
        // tar(1) takes names as they are: each image under the name that the descriptor has for it.
        var files = descriptorFiles.map { descriptor.folder.appending($0) }
        for (disk, image) in zip(disks, work.needs.dropFirst()) {
            let place = scratch.appending(disk.fileName)
            try services.value.store.link(disk.storedName, of: image, to: place)
            files.append(place)
        }
        let job = PackArchiveJob(files: files, output: work.folder.appending(fileName), tar: tar.tool, sourceDateEpoch: sourceDateEpoch)
        _ = try await services.value.worker.run(job, onEvent: work.report, onLog: work.log)
        for file in files where file.starts(with: scratch) { removeFile(file) }
        rmdir(scratch.string)
        return StageContent()
    }
}
