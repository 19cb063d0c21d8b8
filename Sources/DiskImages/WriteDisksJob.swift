import ConfigurationTree
public import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How the files get onto the disks.
public enum DiskWriterKind: String, Hashable, Codable, Sendable, CaseIterable {
    /// libext2fs, in the worker itself: needs no privilege, and gives the same bytes for the same root.
    case direct
    /// The kernel's own file systems over loop devices: for the host's root only.
    case loop
    /// libguestfs, a small virtual machine: needs no privilege.
    case guestfs
}

/// Fills the planned file systems of raw images from a root. All writers get images that have their partition tables and empty file systems.
protocol DiskWriter {
    func fill(_ disks: [PlannedDisk], images: [FilePath], from root: FilePath, reporting: WorkerReporter) throws
}

/// The programs that write disks, by absolute path.
public struct DiskTools: Hashable, Codable, Sendable {
    public var sfdisk: Tool
    public var mkfsExt4: Tool
    public var mkswap: Tool
    public var e2fsck: Tool
    public var cp: Tool
    public var tar: Tool
    public var grubMkimage: Tool

    /// - Throws: `HostSystemError` for a tool that is not there.
    public init(_ table: ToolTable) throws {
        sfdisk = try table.tool("sfdisk")
        mkfsExt4 = try table.tool("mkfs.ext4")
        mkswap = try table.tool("mkswap")
        e2fsck = try table.tool("e2fsck")
        cp = try table.tool("cp")
        tar = try table.tool("tar")
        grubMkimage = try table.tool("grub-mkimage")
    }
}

/// Makes the raw disk images of a machine.
public struct WriteDisksJob: WorkerJob {
    /// The image of each planned disk.
    public typealias Outcome = [FilePath]

    public static let name = "write-disks"

    public var plan: DiskPlan
    public var root: LayeredRoot
    public var machineCache: FilePath
    /// Where `<disk>.raw` are made; an existing folder below `machineCache`.
    public var output: FilePath
    public var writer: DiskWriterKind
    public var usesKVM: Bool
    public var installsGRUB: Bool
    public var tools: DiskTools
    public var sourceDateEpoch: Int

    public init(
        plan: DiskPlan, root: LayeredRoot, machineCache: FilePath, output: FilePath, writer: DiskWriterKind,
        usesKVM: Bool, installsGRUB: Bool,
        tools: DiskTools, sourceDateEpoch: Int
    ) {
        self.plan = plan
        self.root = root
        self.machineCache = machineCache
        self.output = output
        self.writer = writer
        self.usesKVM = usesKVM
        self.installsGRUB = installsGRUB
        self.tools = tools
        self.sourceDateEpoch = sourceDateEpoch
    }

    public var isolation: Isolation { Isolation(writablePaths: [machineCache]) }

    /// - Throws: `WorkerFailure`, `HostSystemError`.
    public func run(reporting: WorkerReporter) throws -> [FilePath] {
        try root.mount(readOnly: true)
        let scratch = output.appending("scratch")
        try createDirectories(scratch)
        var images: [FilePath] = []
        for disk in plan.disks {
            let image = output.appending("\(disk.name).raw")
            try makeEmptyDisk(disk, image: image, scratch: scratch)
            images.append(image)
        }
        let filler: any DiskWriter =
            switch writer {
            case .direct: DirectDiskWriter(plan: plan, epoch: sourceDateEpoch)
            case .loop: LoopDiskWriter(plan: plan, tools: tools, scratch: scratch)
            case .guestfs: GuestfsDiskWriter(plan: plan, tools: tools, scratch: scratch, usesKVM: usesKVM)
            }
        try filler.fill(plan.disks, images: images, from: root.mountPoint, reporting: reporting)
        return images
    }

    private func makeEmptyDisk(_ disk: PlannedDisk, image: FilePath, scratch: FilePath) throws {
        let descriptor = try FileDescriptor.open(
            image, .readWrite, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter { try descriptor.resize(to: Int64(disk.size.bytes)) }
        if let script = disk.sfdiskScript {
            try tools.sfdisk.runBlocking(["--quiet", "--no-tell-kernel", image.string], input: script)
        }
        for partition in disk.partitions { try makeFileSystem(partition, image: image, scratch: scratch) }
        // The first disk is the one that a BIOS starts.
        if installsGRUB, disk == plan.disks.first, let boot = plan.boot {
            try GRUBForBIOS(mkimage: tools.grubMkimage).install(on: image, disk: disk, boot: boot, scratch: scratch)
        }
    }

    private func makeFileSystem(_ partition: PlannedPartition, image: FilePath, scratch: FilePath) throws {
        var environment = minimalEnvironment
        // mke2fs(8) takes its clock from here, and so writes the same superblock every time.
        environment["E2FSPROGS_FAKE_TIME"] = "\(sourceDateEpoch)"
        environment["SOURCE_DATE_EPOCH"] = "\(sourceDateEpoch)"
        switch partition.fileSystem {
        case .ext4:
            // GRUB 2.06 does not read the two features that mke2fs 1.47 turns on.
            try tools.mkfsExt4.runBlocking(
                ["-q", "-F", "-U", partition.uuid, "-O", "^metadata_csum_seed,^orphan_file", "-m", "1"]
                    + (partition.label.map { ["-L", $0] } ?? [])
                    + [
                        "-E",
                        "offset=\(partition.start),hash_seed=\(partition.hashSeed),lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,nodiscard",
                        image.string, "\(partition.size / 1024)k",
                    ], environment: environment)
        case .swap:
            try SwapArea(mkswap: tools.mkswap).make(partition, image: image, scratch: scratch)
        default: break
        }
    }
}
