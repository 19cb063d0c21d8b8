import BuildGraph
import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem

/// The stages behind what a machine's outputs ask for: an image of each disk in each format, and the appliances that are made of images.
struct ArtefactPlan {
    let machine: Machine
    let group: MachineGroup
    let plan: DiskPlan
    /// The stage that makes the disks.
    let disk: Identity
    let context: MachinePlan.Context
    private(set) var files: [Publication.File] = []

    private var services: RunOnly<ImageStage.Services> {
        RunOnly(ImageStage.Services(worker: context.options.worker, store: context.store))
    }

    init(machine: Machine, group: MachineGroup, plan: DiskPlan, disk: Identity, context: MachinePlan.Context) {
        self.machine = machine
        self.group = group
        self.plan = plan
        self.disk = disk
        self.context = context
    }

    /// - Throws: `HostSystemError` for tools that are missing.
    mutating func addOutputs(to graph: inout BuildGraph) throws {
        let outputs = context.options.outputs ?? machine.description.outputs
        for output in outputs { if let format = output.diskFormat { _ = try addImages(format, to: &graph) } }
        let needsOVF = outputs.contains(.ovf) || outputs.contains(.ova)
        guard needsOVF || outputs.contains(.vmdk) else { return }
        let images = try addImages(.vmdk, to: &graph)
        if needsOVF { try addAppliances(images, withArchive: outputs.contains(.ova), to: &graph) }
    }

    private mutating func addImages(_ format: DiskFormat, to graph: inout BuildGraph) throws -> [Identity] {
        // A raw image is the disk itself.
        let tools = format == .raw ? [] : [try context.inputs.tool("qemu-img")]
        return try plan.disks.map { planned in
            let stage = ImageStage(disk: planned.name, format: format, tools: tools, services: services)
            let image = try graph.add(stage, needs: [disk], for: machine.fullName)
            files.append(
                Publication.File(name: fileName(of: planned, format), format: format.rawValue, stage: image, storedName: stage.fileName))
            return image
        }
    }

    private mutating func addAppliances(_ images: [Identity], withArchive: Bool, to graph: inout BuildGraph) throws {
        let disks = plan.disks.map {
            OVFStage.DiskFile(fileName: fileName(of: $0, .vmdk), capacity: $0.size, storedName: ImageStage.fileName(.vmdk))
        }
        let ovf = OVFStage(group: group.name, machine: machine.name, hardware: machine.description.hardware, disks: disks)
        let descriptor = try graph.add(ovf, needs: images, for: machine.fullName)
        files.append(Publication.File(name: ovf.descriptorName, format: "ovf", stage: descriptor, storedName: ovf.descriptorName))
        files.append(Publication.File(name: ovf.manifestName, format: "mf", stage: descriptor, storedName: ovf.manifestName))
        guard withArchive else { return }
        let ova = OVAStage(
            machine: machine.name, descriptorFiles: [ovf.descriptorName, ovf.manifestName], disks: disks, tar: try context.inputs.tool("tar"),
            sourceDateEpoch: context.options.sourceDateEpoch, services: services)
        let archive = try graph.add(ova, needs: [descriptor] + images, for: machine.fullName)
        files.append(Publication.File(name: ova.fileName, format: "ova", stage: archive, storedName: ova.fileName))
    }

    private func fileName(of disk: PlannedDisk, _ format: DiskFormat) -> String {
        "\(plan.disks.count == 1 ? machine.name : "\(machine.name)-\(disk.name)").\(format.fileExtension)"
    }
}

extension OutputFormat {
    /// The format of the disks; `nil` where more is made than disks.
    fileprivate var diskFormat: DiskFormat? {
        switch self {
        case .raw: .raw
        case .qcow2: .qcow2
        case .vdi: .vdi
        case .vhdx: .vhdx
        case .vmdk, .ovf, .ova: nil
        }
    }
}
