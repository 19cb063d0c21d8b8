import Appliances
import BuildGraph
import BuildStore
import ConfigurationTree
import HostSystem
import SystemPackage

/// The OVF descriptor of a machine and its manifest of checksums. Needs the image of each disk.
///
/// The result: `<machine>.ovf` and `<machine>.mf`.
struct OVFStage: Stage {
    static let name = "appliance"
    static let version = 1

    var group: String
    var machine: String
    var hardware: Hardware
    var disks: [DiskFile]

    struct DiskFile: Encodable, Sendable {
        /// The file's name beside the descriptor.
        var fileName: String
        var capacity: ByteCount
        /// Its name in the result of the image's stage.
        var storedName: String
    }

    var subject: String { descriptorName }
    var descriptorName: String { "\(machine).ovf" }
    var manifestName: String { "\(machine).mf" }

    func run(_ work: StageWork) async throws -> StageContent {
        let appliance = zip(disks, work.needs).map { disk, image in
            ApplianceDisk(
                fileName: disk.fileName, fileSize: ByteCount(image.file(disk.storedName)?.size ?? 0), capacity: disk.capacity)
        }
        let document = OVFDescriptor(group: group, machine: machine, hardware: hardware, disks: appliance).document()
        let descriptor = work.folder.appending(descriptorName)
        try writeAtomically(document.utf8, to: descriptor)
        let files = [(descriptorName, descriptor)] + zip(disks, work.needs).map { ($0.fileName, $1.folder.appending($0.storedName)) }
        // DSP0243 1.1.1 section 5.1: SHA-1, "SHA1(file)= digest" a line.
        let lines = try await offPool {
            try files.map { "SHA1(\($0))= \(try Checksum(.sha1, ofFile: $1).hexadecimal)\n" }
        }
        try writeAtomically(lines.joined().utf8, to: work.folder.appending(manifestName))
        return StageContent()
    }
}
