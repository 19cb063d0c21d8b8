import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import DiskImages

@Suite("Disk plans")
struct DiskPlanTests {
    private func description(_ partitions: [Partition], table: Disk.PartitionTable = .gpt, size: ByteCount = .gibibytes(2)) -> MachineDescription {
        var description = MachineDescription()
        description.disks[0].partitions = partitions
        description.disks[0].table = table
        description.disks[0].size = size
        return description
    }

    private func partition(_ mountPoint: String?, _ size: Partition.Size, _ fileSystem: Partition.FileSystem = .ext4) -> Partition {
        var partition = Partition()
        partition.mountPoint = mountPoint
        partition.size = size
        partition.fileSystem = fileSystem
        return partition
    }

    private func problems(_ description: MachineDescription) -> String {
        do {
            _ = try DiskPlan(description, group: "g", machine: "m")
            return ""
        } catch { return "\(error)" }
    }

    @Test("the default disk: room for GRUB, then the root up to the backup of the table")
    func standard() throws {
        let disk = try DiskPlan(MachineDescription(), group: "g", machine: "m").disks[0]
        #expect(disk.partitions.map(\.start) == [1 << 20, 2 << 20])
        #expect(disk.partitions[0].size == 1 << 20)
        #expect(disk.partitions[1].start + disk.partitions[1].size == disk.size.bytes - 1 << 20)
    }

    @Test("identifiers are derived from names: equal for equal ones, different for others")
    func identifiers() throws {
        let one = try DiskPlan(MachineDescription(), group: "g", machine: "m")
        #expect(try DiskPlan(MachineDescription(), group: "g", machine: "m") == one)
        let other = try DiskPlan(MachineDescription(), group: "g", machine: "n")
        #expect(other.root?.uuid != one.root?.uuid)
        #expect(other.disks[0].identifier != one.disks[0].identifier)
        let all = one.disks.flatMap { [$0.identifier] + $0.partitions.map(\.partitionGUID) } + [one.root?.uuid ?? "", one.root?.hashSeed ?? ""]
        #expect(Set(all).count == all.count)
    }

    @Test("a partition of size rest gets what the fixed ones leave")
    func sizes() throws {
        let plan = try DiskPlan(
            description([partition(nil, .fixed(.mebibytes(100)), .swap), partition("/", .rest), partition("/var", .fixed(.mebibytes(500)))]),
            group: "g",
            machine: "m")
        let partitions = plan.disks[0].partitions.dropFirst()
        #expect(partitions.map(\.size) == [100 << 20, (2048 - 3 - 600) << 20, 500 << 20])
        #expect(zip(partitions, partitions.dropFirst()).allSatisfy { $0.start + $0.size == $1.start })
    }

    @Test("fstab has file systems by UUID, a mount point before those below it")
    func fstab() throws {
        var root = partition("/", .rest)
        root.mountOptions = ["noatime", "discard"]
        let plan = try DiskPlan(
            description([partition("/var/lib", .fixed(.mebibytes(10))), partition(nil, .fixed(.mebibytes(10)), .swap), root]), group: "g",
            machine: "m")
        let lines = plan.fstab.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.map { $0[1] } == ["/", "/var/lib", "none"])
        #expect(lines[0][2...] == ["ext4", "noatime,discard", "0", "1"])
        #expect(lines[1][2...] == ["ext4", "defaults", "0", "2"])
        #expect(lines[2][2...] == ["swap", "sw", "0", "0"])
        #expect(lines.allSatisfy { $0[0].hasPrefix("UUID=") && UUID(uuidString: String($0[0].dropFirst(5))) != nil })
    }

    @Test("all mistakes are reported together")
    func problems() {
        #expect(problems(description([partition("/", .fixed(.gibibytes(2)))])).contains("the partition / does not fit on the disk"))
        let two = problems(description([partition("/", .rest, .xfs), partition("/x", .fixed(.mebibytes(1)), .vfat)]))
        #expect(two.contains("/: the file system xfs is not supported") && two.contains("/x: the file system vfat is not supported"))
        #expect(problems(description([partition("/", .rest)], table: .none)).contains("a BIOS cannot boot from a disk without a partition table"))
        var uefi = MachineDescription()
        uefi.hardware.firmware = .uefi
        #expect(problems(uefi).contains("UEFI"))
    }

    @Test(
        "extreme sizes are errors, not crashes",
        arguments: [
            (Disk.PartitionTable.mbr, ByteCount(3 << 40), Partition.Size.rest, "invalid size"),
            (.gpt, ByteCount(.max), .rest, "invalid size"),
            (.none, ByteCount(1), .rest, "invalid size"),
            (.gpt, .mebibytes(2), .rest, "invalid size"),
            (.gpt, .gibibytes(2), .fixed(ByteCount(.max)), "the partition / does not fit on the disk"),
        ])
    func senseless(_ table: Disk.PartitionTable, _ size: ByteCount, _ length: Partition.Size, _ problem: String) {
        #expect(problems(description([partition("/", length)], table: table, size: size)).contains(problem))
    }

    @Test("a mount point of swap, a space in mount options, equal UUIDs and a fifth MBR partition are errors")
    func mistakes() {
        var options = partition("/", .rest)
        options.mountOptions = ["noatime discard"]
        #expect(problems(description([options])).contains("invalid mount option 'noatime discard'"))
        #expect(problems(description([partition("/", .rest, .swap)])).contains("swap cannot be mounted at /"))
        let small = Partition.Size.fixed(.mebibytes(1))
        #expect(
            problems(description([partition("/", .rest)] + (1...4).map { partition("/\($0)", small) }, table: .mbr)).contains(
                "5 partitions do not fit in an MBR"))
        var twins = description([partition("/", .rest), partition("/a", small)])
        twins.disks[0].partitions[0].uuid = "6a6a6a6a-0000-4000-8000-000000000000"
        twins.disks[0].partitions[1].uuid = "6a6a6a6a-0000-4000-8000-000000000000"
        #expect(problems(twins).contains("two file systems have the UUID 6a6a6a6a"))
        let overflowing = [partition("/", .fixed(ByteCount(.max))), partition("/a", .fixed(ByteCount(.max))), partition("/b", small)]
        #expect(problems(description(overflowing)).split(separator: "\n").count == 2)
    }

    @Test("the same label twice gives two UUIDs")
    func sameLabels() throws {
        var swap = partition(nil, .fixed(.mebibytes(1)), .swap)
        swap.label = "swap"
        let plan = try DiskPlan(description([swap, swap, partition("/", .rest)]), group: "g", machine: "m")
        #expect(Set(plan.fileSystems.flatMap { [$0.uuid, $0.partitionGUID] }).count == 6)
    }

    @Test("GRUB is on the first disk even when the root is on another")
    func rootOnTheSecondDisk() throws {
        var machine = description([partition("/data", .rest)])
        machine.disks.append(Disk())
        machine.disks[1].name = "second"
        let plan = try DiskPlan(machine, group: "g", machine: "m")
        #expect(plan.disks[0].partitions[0].typeGUID == PartitionType.biosBoot)
        #expect(plan.disks[1].partitions.map(\.mountPoint) == ["/"])
        #expect(plan.boot == plan.root)
    }

    @Test("with a /boot partition GRUB's paths do not begin with /boot")
    func separateBoot() throws {
        let plan = try DiskPlan(
            description([partition("/boot", .fixed(.mebibytes(200))), partition("/", .rest)], table: .mbr), group: "g", machine: "m")
        #expect(plan.boot?.mountPoint == "/boot")
        let boot = BootConfiguration(
            kernels: [Kernel(release: "6.1", image: "/boot/vmlinuz-6.1", initramfs: "/boot/initramfs-6.1.img")], settings: BootSettings(),
            rootUUID: plan.root?.uuid ?? "", separatesBoot: true, title: "g/m")
        #expect(boot.grubConfiguration.contains("    linux /vmlinuz-6.1 root=UUID=\(plan.root?.uuid ?? "?") ro"))
        #expect(boot.grubConfiguration.contains("    initrd /initramfs-6.1.img\n"))
        #expect(plan.disks[0].sfdiskScript?.split(separator: "\n").map { $0.contains("bootable") } == [false, false, false, true, false])
    }

    @Test("the kernel's command line and GRUB's menu")
    func boot() {
        var settings = BootSettings()
        settings.kernelArguments = ["quiet"]
        var boot = BootConfiguration(
            kernels: [Kernel(release: "6.1", image: "/boot/vmlinuz-6.1", initramfs: "/boot/initramfs-6.1.img")], settings: settings, rootUUID: "U",
            title: "g/m")
        #expect(boot.kernelCommandLine == "root=UUID=U ro init=/init console=tty0 console=ttyS0,115200 quiet")
        #expect(boot.grubConfiguration.contains("    linux /boot/vmlinuz-6.1 root=UUID=U ro"))
        #expect(boot.grubConfiguration.contains("    initrd /boot/initramfs-6.1.img\n"))
        boot.settings.usesInit = false
        boot.settings.kernelArguments = ["console=hvc0"]
        #expect(boot.kernelCommandLine == "root=UUID=U ro console=hvc0")
    }
}
