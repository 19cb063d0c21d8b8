// Installs GRUB for BIOS without grub-install: without mounting the disk, without a device map, without probing the build host, and with the same
// bytes for the same plan.
import ConfigurationTree
import DiskImages
import HostSystem
import SystemPackage

/// Writes GRUB's i386-pc images to a disk.
struct GRUBForBIOS {
    var mkimage: Tool
    private static let modules = BootLoaderFiles.grubModules
    private static let moduleNames = [
        "biosdisk", "part_gpt", "part_msdos", "ext2", "search", "search_fs_uuid", "normal", "linux", "configfile",
        "serial", "terminal", "echo",
        "ls", "test", "reboot", "halt", "minicmd", "gzio",
    ]
    // include/grub/i386/pc/boot.h of GRUB.
    private static let kernelSectorOffset: UInt64 = 0x5c
    private static let driveCheckOffset: UInt64 = 0x66
    /// The first entry of the block list in diskboot.img: the sector. grub-mkimage has written the length (0x1fc).
    private static let blockListOffset: UInt64 = 0x1f4
    /// Bytes of the first sector that are code. The disk's signature and the partition table follow.
    private static let codeSize = 440

    /// Writes the boot code into the first sector, and the core image where the plan has room for it.
    ///
    /// - Parameter boot: the file system that holds /boot, on whichever disk.
    /// - Throws: `HostSystemError.toolFailed`, `Errno`, or `WorkerFailure` when the core image does not fit.
    func install(on image: FilePath, disk: PlannedDisk, boot: PlannedPartition, scratch: FilePath, _ reporting: WorkerReporter? = nil) throws {
        let early = scratch.appending("grub-early.cfg")
        let coreFile = scratch.appending("core.img")
        let prefix = boot.mountPoint == "/boot" ? "/grub" : "/boot/grub"
        try writeAtomically("search.fs_uuid \(boot.uuid) root\nset prefix=($root)\(prefix)\n".utf8, to: early)
        try mkimage.runBlocking(
            ["-O", "i386-pc", "-d", Self.modules.string, "-p", prefix, "-c", early.string, "-o", coreFile.string]
                + Self.moduleNames, warning: reporting)
        var core = try readBytes(coreFile)
        let sectorImage = try readBytes(Self.modules.appending("boot.img"))

        // With GPT the core image has a partition of its own; with MBR it lies between the table and the first partition.
        let start =
            disk.partitions.first { $0.typeGUID == PartitionType.biosBoot && $0.fileSystem == nil }?.start
            ?? DiskPlan.sectorSize
        let room = disk.table == .gpt ? DiskPlan.alignment : DiskPlan.alignment - DiskPlan.sectorSize
        guard core.count <= room, core.count > 512, sectorImage.count == 512 else {
            throw WorkerFailure(
                kind: .bootLoader, message: "GRUB's core image has \(core.count) bytes; there is room for \(room)")
        }
        let sector = start / DiskPlan.sectorSize
        core.replace(at: Self.blockListOffset, with: sector + 1)
        var code = Array(sectorImage[..<Self.codeSize])
        code.replace(at: Self.kernelSectorOffset, with: sector)
        // As grub-bios-setup does for hard disks, overwrite the check for floppies by two NOPs: some BIOSes pass a wrong drive number.
        code.replaceSubrange(Int(Self.driveCheckOffset)..<Int(Self.driveCheckOffset) + 2, with: [0x90, 0x90])

        let descriptor = try FileDescriptor.open(image, .writeOnly, options: .closeOnExec)
        try descriptor.closeAfter {
            try descriptor.writeAll(toAbsoluteOffset: 0, code)
            try descriptor.writeAll(toAbsoluteOffset: Int64(start), core)
        }
    }
}

extension [UInt8] {
    /// Eight bytes, little-endian.
    fileprivate mutating func replace(at offset: UInt64, with value: UInt64) {
        for byte in 0..<8 { self[Int(offset) + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }
}
