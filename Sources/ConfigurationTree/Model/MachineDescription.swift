// What machine.yaml says (DESIGN section 3): the virtual hardware, the disks, how it boots, and what is made of it.
// Values only; reading them is MachineDescription+YAML.swift's.
public import SystemPackage

/// Everything `machine.yaml` can say of one machine, with the defaults filled in.
public struct MachineDescription: Hashable, Codable, Sendable {
    public var hardware = Hardware()
    public var disks = [Disk()]
    public var boot = BootSettings()
    public var outputs: [OutputFormat] = [.qcow2]
    public var hypervisors: [Hypervisor] = []
    public var machineID = MachineIDPolicy.fixed
    /// Scriptlets whose failure does not fail the build, each with the reason the user gave.
    public var toleratedScriptlets: [ToleratedScriptlet] = []
    /// Warnings that are expected. They do not count for any stage: what is built is the same.
    public var toleratedWarnings: [ToleratedWarning] = []
    /// How long a scriptlet of a package may run, in seconds. Half an hour is several times what the slowest known one takes (an initramfs under emulation).
    public var scriptletTimeLimit = 1800
    /// What packages have at or below these stays out of the root.
    public var excludedPaths: [FilePath] = []
    /// Where settings are written, by their keys, such as `hardware.memory`; no place for what has its default.
    public var places: [String: SourceLocation] = [:]

    public init() {}

    /// Where a setting is written, or the nearest one around it: of `disks[0].size` that key, the disk, or the list; `nil` when all of these have their defaults.
    public func place(of key: String) -> SourceLocation? {
        var key = key
        while !key.isEmpty {
            if let place = places[key] { return place }
            guard let end = key.lastIndex(where: { ".[".contains($0) }) else { break }
            key = String(key[..<end])
        }
        return nil
    }
}

public struct Hardware: Hashable, Codable, Sendable {
    public enum Firmware: String, Codable, Sendable, CaseIterable { case bios, uefi }
    public enum DiskController: String, Codable, Sendable, CaseIterable { case virtio, scsi, sata, ide, nvme }

    public struct NetworkInterface: Hashable, Codable, Sendable {
        public enum Model: String, Codable, Sendable, CaseIterable { case virtio, e1000, e1000e, vmxnet3 }
        public var name: String
        public var model = Model.virtio
        /// `nil`: derived from group, machine and name, locally administered.
        public var macAddress: String?

        public init(name: String, model: Model = .virtio, macAddress: String? = nil) {
            self.name = name
            self.model = model
            self.macAddress = macAddress
        }
    }

    /// The RPM architecture of the machine, such as `x86_64`.
    public var architecture = "x86_64"
    public var cpus = 1
    public var memory = ByteCount.gibibytes(1)
    public var firmware = Firmware.bios
    public var networkInterfaces = [NetworkInterface(name: "eth0")]
    public var diskController = DiskController.virtio

    public init() {}
}

public struct Disk: Hashable, Codable, Sendable {
    public enum PartitionTable: String, Codable, Sendable, CaseIterable { case gpt, mbr, none }

    public var name = "system"
    public var size = ByteCount.gibibytes(2)
    public var table = PartitionTable.gpt
    /// In disk order. With table `none` there is exactly one, the whole disk.
    public var partitions = [Partition()]

    public init() {}
}

public struct Partition: Hashable, Codable, Sendable {
    public enum FileSystem: String, Codable, Sendable, CaseIterable { case ext4, xfs, btrfs, vfat, swap }
    public enum Size: Hashable, Codable, Sendable {
        case fixed(ByteCount)
        /// What the others leave; at most one partition of a disk.
        case rest
    }

    /// Absolute; `nil` for swap and for partitions that are not mounted.
    public var mountPoint: String? = "/"
    public var fileSystem = FileSystem.ext4
    public var size = Size.rest
    public var label: String?
    /// In lower case; `nil`: derived from group, machine, disk and mount point.
    public var uuid: String?
    /// The fourth field of fstab(5).
    public var mountOptions: [String] = []
    /// Of ext4: what differs from the features that the guest's own e2fsprogs make.
    public var features: [ExtFeatureChange] = []

    public init() {}
}

public struct BootSettings: Hashable, Codable, Sendable {
    public enum Loader: String, Codable, Sendable, CaseIterable { case grub, none }

    public var loader = Loader.grub
    /// Added to the kernel's command line after `root=` and `init=`.
    public var kernelArguments: [String] = []
    /// `false`: the distribution's own PID 1 is booted instead of `/init`.
    public var usesInit = true

    public init() {}
}

/// What /etc/machine-id of an image has (machine-id(5)).
public enum MachineIDPolicy: String, Hashable, Codable, Sendable, CaseIterable {
    /// An identifier derived from group and machine, the same in every image of the machine.
    case fixed
    /// The word `uninitialized`: each instance makes its own at its first start.
    case uninitialized
}

public enum OutputFormat: String, Hashable, Codable, Sendable, CaseIterable {
    case raw, qcow2, vmdk, vdi, vhdx, ovf, ova
}

public enum Hypervisor: String, Hashable, Codable, Sendable, CaseIterable {
    case qemu, libvirt, virtualbox, vmware
}

/// A scriptlet that may fail: the allow-list of machine.yaml.
public struct ToleratedScriptlet: Hashable, Codable, Sendable {
    /// The package's name, without version.
    public var package: String
    /// As rpm names them: `%post`, `%triggerin`, `%posttrans`, ...
    public var scriptlet: String
    public var reason: String

    /// Those that run when packages are installed into an empty root, by rpm's names for them (lib/rpmscript.c).
    static let kinds = [
        "%pretrans", "%pre", "%post", "%posttrans", "%triggerprein", "%triggerin", "%filetriggerin", "%transfiletriggerin",
    ]

    public init(package: String, scriptlet: String, reason: String) {
        self.package = package
        self.scriptlet = scriptlet
        self.reason = reason
    }
}
