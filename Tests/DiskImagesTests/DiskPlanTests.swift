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

    @Test("identifiers are derived: the same for the same names, different for others")
    func identifiers() throws {
        let one = try DiskPlan(MachineDescription(), group: "g", machine: "m")
        #expect(try DiskPlan(MachineDescription(), group: "g", machine: "m") == one)
        let other = try DiskPlan(MachineDescription(), group: "g", machine: "n")
        #expect(other.root?.uuid != one.root?.uuid)
        #expect(other.disks[0].identifier != one.disks[0].identifier)
        let all = one.disks.flatMap { [$0.identifier] + $0.partitions.map(\.partitionGUID) } + [one.root?.uuid ?? "", one.root?.hashSeed ?? ""]
        #expect(Set(all).count == all.count)
    }

    @Test("sizes: fixed ones are kept, the rest is what is left")
    func sizes() throws {
        let plan = try DiskPlan(
            description([partition(nil, .fixed(.mebibytes(100)), .swap), partition("/", .rest), partition("/var", .fixed(.mebibytes(500)))]),
            group: "g",
            machine: "m")
        let partitions = plan.disks[0].partitions.dropFirst()
        #expect(partitions.map(\.size) == [100 << 20, (2048 - 3 - 600) << 20, 500 << 20])
        #expect(zip(partitions, partitions.dropFirst()).allSatisfy { $0.start + $0.size == $1.start })
    }

    @Test("fstab has file systems by UUID, folders before what is below them")
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

    @Test("what cannot be done is said, all at once")
    func problems() {
        #expect(problems(description([partition("/", .fixed(.gibibytes(2)))])).contains("no room for the partition /"))
        let two = problems(description([partition("/", .rest, .xfs), partition("/x", .fixed(.mebibytes(1)), .vfat)]))
        #expect(two.contains("xfs (/) cannot be written") && two.contains("vfat (/x) cannot be written"))
        #expect(problems(description([partition("/", .rest)], table: .none)).contains("cannot boot under BIOS"))
        var uefi = MachineDescription()
        uefi.hardware.firmware = .uefi
        #expect(problems(uefi).contains("UEFI"))
    }

    @Test(
        "descriptions without sense are errors, never crashes",
        arguments: [
            (Disk.PartitionTable.mbr, ByteCount(3 << 40), Partition.Size.rest, "no size for it"),
            (.gpt, ByteCount(.max), .rest, "no size for it"),
            (.none, ByteCount(1), .rest, "no size for it"),
            (.gpt, .mebibytes(2), .rest, "no size for it"),
            (.gpt, .gibibytes(2), .fixed(ByteCount(.max)), "no room for the partition /"),
        ])
    func senseless(_ table: Disk.PartitionTable, _ size: ByteCount, _ length: Partition.Size, _ problem: String) {
        #expect(problems(description([partition("/", length)], table: table, size: size)).contains(problem))
    }

    @Test("swap has no mount point, mount options no spaces, UUIDs no twins, an MBR four partitions")
    func mistakes() {
        var options = partition("/", .rest)
        options.mountOptions = ["noatime discard"]
        #expect(problems(description([options])).contains("'noatime discard' is no mount option"))
        #expect(problems(description([partition("/", .rest, .swap)])).contains("swap cannot be mounted at /"))
        let small = Partition.Size.fixed(.mebibytes(1))
        #expect(problems(description([partition("/", .rest)] + (1...4).map { partition("/\($0)", small) }, table: .mbr)).contains("four partitions"))
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

    @Test("GRUB is on the first disk, wherever the root is")
    func rootOnTheSecondDisk() throws {
        var machine = description([partition("/data", .rest)])
        machine.disks.append(Disk())
        machine.disks[1].name = "second"
        let plan = try DiskPlan(machine, group: "g", machine: "m")
        #expect(plan.disks[0].partitions[0].typeGUID == PartitionType.biosBoot)
        #expect(plan.disks[1].partitions.map(\.mountPoint) == ["/"])
        #expect(plan.boot == plan.root)
    }

    @Test("a /boot of its own: GRUB finds its files without the /boot")
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
