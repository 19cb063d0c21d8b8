import BuildStore
public import ConfigurationTree
import SystemPackage

/// What is on each disk, to the sector: partitions, types, identifiers. A pure function of the machine's description and names.
public struct DiskPlan: Hashable, Codable, Sendable {
    /// Logical sectors of 512 bytes, which every hypervisor has.
    public static let sectorSize: UInt64 = 512
    /// Partitions begin at multiples of 1 MiB, as sfdisk(8) and every installer place them.
    package static let alignment: UInt64 = 1 << 20
    /// ext4(5) cannot be larger. Sums of a few sizes up to it do not overflow.
    static let largestDisk: UInt64 = 1 << 60

    public var disks: [PlannedDisk]

    /// - Throws: `DiskPlanError` with everything that is wrong.
    public init(_ description: MachineDescription, group: String, machine: String) throws {
        var problems: [DiskPlanError.Problem] = []
        var disks: [PlannedDisk] = []
        for (index, disk) in description.disks.enumerated() {
            do {
                disks.append(
                    try PlannedDisk(
                        disk, names: StableNames(group: group, machine: machine, disk: disk.name),
                        // A BIOS reads the boot sector of the first disk, wherever the root is.
                        bootsBIOS: index == 0 && description.boot.loader == .grub
                            && description.hardware.firmware == .bios))
            } catch let error as DiskPlanError {
                problems += error.problems.map { problem in
                    DiskPlanError.Problem("disk \(index + 1) ('\(disk.name)'): \(problem.message)", at: "disks[\(index)]" + problem.key)
                }
            }
        }
        if description.boot.loader == .grub && description.hardware.firmware == .uefi {
            problems.append(
                DiskPlanError.Problem("there is no boot loader for UEFI firmware; use 'firmware: bios'", at: "hardware.firmware"))
        }
        if description.boot.loader == .grub {
            let partitions = description.disks.flatMap(\.partitions)
            let boot = partitions.first { $0.mountPoint == "/boot" } ?? partitions.first { $0.mountPoint == "/" }
            for change in boot?.features ?? [] where change.adds && !change.feature.isReadByGRUB {
                problems.append(
                    DiskPlanError.Problem(
                        "GRUB does not read a file system with \(change.feature.rawValue), and \(boot?.mountPoint ?? "") has the kernels; remove the feature",
                        at: "disks"))
            }
        }
        let uuids = disks.flatMap(\.partitions).compactMap { $0.fileSystem == nil ? nil : $0.uuid }
        for uuid in Set(uuids).sorted() where uuids.filter({ $0 == uuid }).count > 1 {
            problems.append(
                DiskPlanError.Problem("two file systems have the UUID \(uuid); expected different ones, by which /etc/fstab finds them", at: "disks"))
        }
        guard problems.isEmpty else { throw DiskPlanError(problems: problems) }
        self.disks = disks
    }

    /// All partitions with a file system or swap, in mount order: a mount point before those below it.
    public var fileSystems: [PlannedPartition] {
        disks.flatMap(\.partitions).filter { $0.fileSystem != nil }.sorted {
            ($0.mountPoint ?? "~") < ($1.mountPoint ?? "~")
        }
    }

    public var root: PlannedPartition? { fileSystems.first { $0.mountPoint == "/" } }

    /// The file system that has the files of /boot: one of its own, or the root.
    public var boot: PlannedPartition? { fileSystems.first { $0.mountPoint == "/boot" } ?? root }

    /// fstab(5), file systems by UUID.
    public var fstab: String {
        fileSystems.compactMap { partition -> String? in
            guard let fileSystem = partition.fileSystem else { return nil }
            let options = partition.mountOptions.isEmpty ? "defaults" : partition.mountOptions.joined(separator: ",")
            switch (fileSystem, partition.mountPoint) {
            case (.swap, _):
                return "UUID=\(partition.uuid) none swap \(partition.mountOptions.isEmpty ? "sw" : options) 0 0\n"
            case (_, let mountPoint?):
                return
                    "UUID=\(partition.uuid) \(mountPoint) \(fileSystem.rawValue) \(options) 0 \(mountPoint == "/" ? 1 : 2)\n"
            case (_, nil): return nil
            }
        }.joined()
    }
}

/// All reasons why a description cannot become disks.
public struct DiskPlanError: Error, CustomStringConvertible {
    public struct Problem: Hashable, Sendable {
        public var message: String
        /// The key of machine.yaml whose value is wrong, such as `disks[0].partitions[1].size`.
        public var key: String

        public init(_ message: String, at key: String) { (self.message, self.key) = (message, key) }
    }

    public var problems: [Problem]

    public init(problems: [Problem]) { self.problems = problems }

    public var description: String { problems.map(\.message).joined(separator: "\n") }
}

public struct PlannedDisk: Hashable, Codable, Sendable {
    public var name: String
    public var size: ByteCount
    public var table: Disk.PartitionTable
    /// The disk's GUID, or, of an MBR, its first eight digits.
    public var identifier: String
    public var partitions: [PlannedPartition]

    init(_ disk: Disk, names: StableNames, bootsBIOS: Bool) throws {
        name = disk.name
        size = ByteCount(min(disk.size.bytes, DiskPlan.largestDisk) / DiskPlan.alignment * DiskPlan.alignment)
        table = disk.table
        identifier = names.uuid("disk")
        var problems: [DiskPlanError.Problem] = Self.problems(of: disk)
        // GPT keeps its backup in the last 33 sectors (UEFI 2.10 section 5.3); the last MiB is left to it.
        var position = table == .none ? 0 : DiskPlan.alignment
        let end = table == .gpt ? size.bytes - min(size.bytes, DiskPlan.alignment) : size.bytes
        var partitions: [PlannedPartition] = []
        if bootsBIOS && table == .gpt {
            partitions.append(
                PlannedPartition(
                    number: 1, start: position, size: DiskPlan.alignment, typeGUID: PartitionType.biosBoot,
                    partitionGUID: names.uuid("bios-boot")))
            position += DiskPlan.alignment
        }
        if bootsBIOS && table == .none {
            problems.append(.init("a BIOS cannot boot from a disk without a partition table; use 'table: gpt'", at: ".table"))
        }
        // Partitions that do not fit are left out, so that the sum does not overflow.
        let fixed = disk.partitions.reduce(UInt64(0)) { sum, partition in
            if case .fixed(let size) = partition.size, size <= disk.size, sum <= disk.size.bytes {
                sum + size.bytes.roundedUp(to: DiskPlan.alignment)
            } else {
                sum
            }
        }
        var things: Set<String> = []
        for (index, partition) in disk.partitions.enumerated() {
            let length: UInt64
            switch partition.size {
            case .fixed(let size): length = size > disk.size ? 0 : size.bytes.roundedUp(to: DiskPlan.alignment)
            case .rest:
                length = Self.rest(
                    end: end, begin: table == .none ? 0 : DiskPlan.alignment, bios: bootsBIOS && table == .gpt,
                    fixed: fixed)
            }
            let what = partition.mountPoint ?? partition.fileSystem.rawValue
            guard length > 0, position + length <= end else {
                problems.append(
                    .init("the partition \(what) does not fit on the disk of \(size); use a larger 'size' of the disk", at: ".partitions[\(index)]"))
                continue
            }
            guard [.ext4, .swap].contains(partition.fileSystem) else {
                problems.append(
                    .init(
                        "\(what): the file system \(partition.fileSystem.rawValue) is not supported; expected ext4 or swap",
                        at: ".partitions[\(index)].filesystem"))
                continue
            }
            var thing = "partition \(partition.mountPoint ?? partition.label ?? "\(partitions.count + 1)")"
            // Two partitions may have the same label, but not the same identifiers.
            while !things.insert(thing).inserted { thing += " \(partitions.count + 1)" }
            var planned = PlannedPartition(
                number: partitions.count + 1, start: position, size: length, typeGUID: PartitionType.of(partition),
                partitionGUID: names.uuid(thing + " guid"))
            planned.fileSystem = partition.fileSystem
            planned.mountPoint = partition.mountPoint
            planned.label = partition.label
            planned.uuid = partition.uuid ?? names.uuid(thing)
            planned.hashSeed = names.uuid(thing + " hash seed")
            planned.mountOptions = partition.mountOptions
            planned.featureChanges = partition.features
            partitions.append(planned)
            position += length
        }
        self.partitions = partitions
        guard problems.isEmpty else { throw DiskPlanError(problems: problems) }
    }

    /// What is wrong wherever the partitions come to lie.
    private static func problems(of disk: Disk) -> [DiskPlanError.Problem] {
        var problems: [DiskPlanError.Problem] = []
        let smallest =
            switch disk.table {
            case .gpt: DiskPlan.alignment * 3
            case .mbr: DiskPlan.alignment * 2
            case .none: DiskPlan.alignment
            }
        // An MBR has 32 bits for a sector's number (UEFI 2.10 section 5.2.1).
        let largest = disk.table == .mbr ? DiskPlan.sectorSize << 32 : DiskPlan.largestDisk
        if disk.size.bytes < smallest || disk.size.bytes > largest {
            problems.append(.init("invalid size \(disk.size); expected \(ByteCount(smallest)) to \(ByteCount(largest))", at: ".size"))
        }
        if disk.table == .mbr && disk.partitions.count > 4 {
            problems.append(.init("\(disk.partitions.count) partitions do not fit in an MBR; expected at most 4", at: ".partitions"))
        }
        // sfdisk(8) makes a GPT of 128 entries, the minimum of UEFI 2.10 section 5.3.1. GRUB may need one of them.
        if disk.table == .gpt && disk.partitions.count > 127 {
            problems.append(.init("\(disk.partitions.count) partitions do not fit in a GPT; expected at most 127", at: ".partitions"))
        }
        if disk.table == .none && disk.partitions.count != 1 {
            problems.append(
                .init("a disk with 'table: none' has \(disk.partitions.count) partitions; expected exactly one, the whole disk", at: ".partitions"))
        }
        for (index, partition) in disk.partitions.enumerated() {
            let key = ".partitions[\(index)]"
            if partition.fileSystem == .swap, let mountPoint = partition.mountPoint {
                problems.append(.init("swap cannot be mounted at \(mountPoint); remove 'mount'", at: key + ".mount"))
            }
            for option in partition.mountOptions where option.isEmpty || option.contains(where: \.isWhitespace) {
                problems.append(.init("invalid mount option '\(option)'; expected one word", at: key + ".mountOptions"))
            }
        }
        return problems
    }

    private static func rest(end: UInt64, begin: UInt64, bios: Bool, fixed: UInt64) -> UInt64 {
        let used = begin + (bios ? DiskPlan.alignment : 0) + fixed
        return end > used ? end - used : 0
    }

    /// What sfdisk(8) reads to write the partition table.
    public var sfdiskScript: String? {
        guard table != .none else { return nil }
        var lines = ["label: \(table == .gpt ? "gpt" : "dos")"]
        lines.append("label-id: \(table == .gpt ? identifier.uppercased() : "0x" + identifier.prefix(8))")
        lines.append("unit: sectors")
        // Some BIOSes do not boot from a disk without an active partition.
        let active = partitions.first { $0.mountPoint == "/boot" } ?? partitions.first { $0.mountPoint == "/" }
        for partition in partitions {
            let place = "start=\(partition.start / DiskPlan.sectorSize), size=\(partition.size / DiskPlan.sectorSize)"
            switch table {
            case .gpt:
                lines.append("\(place), type=\(partition.typeGUID), uuid=\(partition.partitionGUID.uppercased())")
            default:
                lines.append(
                    "\(place), type=\(partition.fileSystem == .swap ? "82" : "83")\(partition == active ? ", bootable" : "")"
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

public struct PlannedPartition: Hashable, Codable, Sendable {
    /// From 1, as the kernel counts.
    public var number: Int
    /// In bytes from the disk's beginning.
    public var start: UInt64
    public var size: UInt64
    public var typeGUID: String
    public var partitionGUID: String
    /// `nil` for the BIOS boot partition.
    public var fileSystem: Partition.FileSystem?
    public var mountPoint: String?
    public var label: String?
    public var uuid = ""
    /// ext4's key for folder hashes. Without it, mke2fs uses a random one.
    public var hashSeed = ""
    public var mountOptions: [String] = []
    /// What machine.yaml changes of ext4's features.
    public var featureChanges: [ExtFeatureChange] = []
    /// ext4's features, sorted, all of them (`DiskPlan.setFeatures`).
    public var features: [String] = []

    init(number: Int, start: UInt64, size: UInt64, typeGUID: String, partitionGUID: String) {
        self.number = number
        self.start = start
        self.size = size
        self.typeGUID = typeGUID
        self.partitionGUID = partitionGUID
    }
}

/// GPT partition types, from the UAPI group's Discoverable Partitions Specification and GRUB's manual ("BIOS installation").
package enum PartitionType {
    package static let biosBoot = "21686148-6449-6E6F-744E-656564454649"
    static let rootX86_64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
    static let home = "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"
    static let variable = "4D21B016-B534-45C2-A9FB-5C16E091FD2D"
    static let swap = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
    static let linux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"

    static func of(_ partition: Partition) -> String {
        if partition.fileSystem == .swap { return swap }
        switch partition.mountPoint {
        case "/": return rootX86_64
        case "/home": return home
        case "/var": return variable
        default: return linux
        }
    }
}

extension UInt64 {
    func roundedUp(to multiple: UInt64) -> UInt64 { (self + multiple - 1) / multiple * multiple }
}
