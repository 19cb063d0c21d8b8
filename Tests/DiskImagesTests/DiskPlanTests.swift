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
        func problems(_ description: MachineDescription) -> String {
            do {
                _ = try DiskPlan(description, group: "g", machine: "m")
                return ""
            } catch { return "\(error)" }
        }
        #expect(problems(description([partition("/", .fixed(.gibibytes(2)))])).contains("no room for the partition /"))
        let two = problems(description([partition("/", .rest, .xfs), partition("/x", .fixed(.mebibytes(1)), .vfat)]))
        #expect(two.contains("xfs (/) cannot be written") && two.contains("vfat (/x) cannot be written"))
        #expect(problems(description([partition("/", .rest)], table: .none)).contains("cannot boot under BIOS"))
        var uefi = MachineDescription()
        uefi.hardware.firmware = .uefi
        #expect(problems(uefi).contains("UEFI"))
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
