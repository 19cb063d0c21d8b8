import ConfigurationTree
public import DiskImages
public import HostSystem
import SystemPackage

/// Fills the planned file systems of raw images from a root. All writers get images that have their partition tables and empty file systems.
protocol DiskWriter {
    func fill(_ disks: [PlannedDisk], images: [FilePath], from root: FilePath, reporting: WorkerReporter) throws
}

extension WriteDisksJob: WorkerJob {
    /// - Throws: `WorkerFailure`, `HostSystemError`.
    public func run(reporting: WorkerReporter) throws -> [String] {
        try root.mount(readOnly: true)
        let scratch = output.appending("scratch")
        try createDirectories(scratch)
        var images: [FilePath] = []
        for disk in plan.disks {
            let image = output.appending("\(disk.name).raw")
            try makeEmptyDisk(disk, image: image, scratch: scratch, reporting)
            images.append(image)
        }
        let contexts = try FileContexts(reading: self.root.contexts)
        let filler: any DiskWriter =
            switch writer {
            case .direct: DirectDiskWriter(plan: plan, contexts: contexts, epoch: sourceDateEpoch)
            case .loop: LoopDiskWriter(plan: plan, contexts: contexts, tools: tools, scratch: scratch)
            case .guestfs: GuestfsDiskWriter(plan: plan, contexts: contexts, tools: tools, scratch: scratch, usesKVM: usesKVM)
            }
        try filler.fill(plan.disks, images: images, from: root.mountPoint, reporting: reporting)
        return plan.disks.map { "\($0.name).raw" }
    }

    private func makeEmptyDisk(_ disk: PlannedDisk, image: FilePath, scratch: FilePath, _ reporting: WorkerReporter) throws {
        let descriptor = try FileDescriptor.open(
            image, .readWrite, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter { try descriptor.resize(to: Int64(disk.size.bytes)) }
        if let script = disk.sfdiskScript {
            try tools.tool("sfdisk").runBlocking(["--quiet", "--no-tell-kernel", image.string], input: script, warning: reporting)
        }
        for partition in disk.partitions { try makeFileSystem(partition, image: image, scratch: scratch, reporting) }
        // The first disk is the one that a BIOS starts.
        if installsGRUB, disk == plan.disks.first, let boot = plan.boot {
            try GRUBForBIOS(mkimage: tools.tool("grub-mkimage")).install(on: image, disk: disk, boot: boot, scratch: scratch, reporting)
        }
    }

    private func makeFileSystem(_ partition: PlannedPartition, image: FilePath, scratch: FilePath, _ reporting: WorkerReporter) throws {
        var environment = minimalEnvironment
        // mke2fs(8) takes its clock from here, and so writes the same superblock every time.
        environment["E2FSPROGS_FAKE_TIME"] = "\(sourceDateEpoch)"
        environment["SOURCE_DATE_EPOCH"] = "\(sourceDateEpoch)"
        switch partition.fileSystem {
        case .ext4:
            let configuration = scratch.appending("mke2fs.conf")
            try writeAtomically(Self.mke2fsConfiguration.utf8, to: configuration)
            environment["MKE2FS_CONFIG"] = configuration.string
            try tools.tool("mkfs.ext4").runBlocking(
                // "none" clears what mke2fs was built with, so that these are all.
                [
                    "-q", "-F", "-U", partition.uuid, "-O", (["none"] + partition.features).joined(separator: ","), "-m", "1", "-o", "Linux", "-e",
                    "continue",
                ]
                    + (partition.label.map { ["-L", $0] } ?? [])
                    + [
                        "-E",
                        "offset=\(partition.start),hash_seed=\(partition.hashSeed),lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,nodiscard",
                        image.string, "\(partition.size / 1024)k",
                    ], environment: environment, warning: reporting)
        case .swap:
            try SwapArea(mkswap: tools.tool("mkswap")).make(partition, image: image, scratch: scratch, reporting)
        default: break
        }
    }

    /// mke2fs.conf(5), in place of the build host's /etc/mke2fs.conf, which has no say in a machine's file systems: sizes and ratios as e2fsprogs's own mke2fs.conf.in
    /// has had them since 1.41, and mke2fs's built-in defaults, spelled out.
    private static let mke2fsConfiguration = """
        [defaults]
        \tdefault_mntopts = acl,user_xattr
        \tenable_periodic_fsck = 0
        \tblocksize = 4096
        \tinode_size = 256
        \tinode_ratio = 16384
        \thash_alg = half_md4
        \tflex_bg_size = 16
        \tauto_64-bit_support = 0
        \tno_discard = 1
        [fs_types]
        \text4 = {
        \t\tinode_size = 256
        \t}
        \tsmall = {
        \t\tblocksize = 1024
        \t\tinode_ratio = 4096
        \t}
        \tfloppy = {
        \t\tblocksize = 1024
        \t\tinode_ratio = 8192
        \t}
        \tbig = {
        \t\tinode_ratio = 32768
        \t}
        \thuge = {
        \t\tinode_ratio = 65536
        \t}

        """
}
