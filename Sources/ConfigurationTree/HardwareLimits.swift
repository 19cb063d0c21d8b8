// What no hypervisor takes, found before anything is built. The limits are the widest ones of the hypervisors that the outputs are for.
extension Hardware {
    /// The limits of virtual machines.
    enum Limits {
        /// The widest in use: "Configuration Maximums" of VMware vSphere 8, virtual CPUs per virtual machine. QEMU's pc machine takes 255, VirtualBox 64.
        static let cpus = 1...768
        /// "Change the Memory Configuration" of VMware vSphere 7.0, "vSphere Virtual Machine Administration": a multiple of 4 MB, and at most 6128 GB with BIOS
        /// and 24560 GB with EFI firmware. VirtualBox takes 2 TiB.
        static let memoryUnit = ByteCount.mebibytes(4)
        static func mostMemory(_ firmware: Firmware) -> ByteCount { .gibibytes(firmware == .bios ? 6128 : 24560) }
        /// VMware takes 4 MiB, but a Linux kernel for x86 with its initramfs does not unpack in less than this.
        static let leastMemory = ByteCount.mebibytes(64)
        /// Two channels with two disks each; 30 ports of an AHCI controller (VirtualBox's manual, "Hard Disk Controllers"); 15 disks on each of four SCSI
        /// controllers ("Configuration Maximums" of vSphere), the same for NVMe; 32 slots of QEMU's PCI bus, of which the chipset and others take some.
        static func disks(_ controller: DiskController) -> Int {
            switch controller {
            case .ide: 4
            case .sata: 30
            case .scsi, .nvme: 60
            case .virtio: 24
            }
        }
        /// VirtualBox's ICH9 chipset has the most (its manual, "Network Settings"); VMware takes 10.
        static let networkInterfaces = 36
    }

    /// The machines for which disks, boot loader and descriptions can be made, by rpm's names: PCs.
    static let architectures = ["x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4", "i686", "i586", "i486", "i386"]
}

extension ConfigurationReader {
    /// Reports what is wrong with the settings of a machine as a whole, at the place where the value is written, so that a group's mistake is told once.
    ///
    /// - Parameter file: the place of what has its default.
    func checkHardware(_ description: MachineDescription, file: SourceLocation) {
        let hardware = description.hardware
        func fail(_ key: String, _ message: String, _ hint: String) {
            report(.error, description.place(of: key) ?? file, message, hint: hint)
        }
        if !Hardware.architectures.contains(hardware.architecture) {
            fail(
                "hardware.architecture", "invalid architecture '\(hardware.architecture)'; disks and boot loaders are made for PCs",
                "expected x86_64, x86_64_v2 to x86_64_v4, or i386 to i686")
        }
        let most = Hardware.Limits.mostMemory(hardware.firmware)
        if hardware.memory < Hardware.Limits.leastMemory || most < hardware.memory {
            fail("hardware.memory", "\(hardware.memory) of memory", "expected \(Hardware.Limits.leastMemory) to \(most)")
        } else if hardware.memory.bytes % Hardware.Limits.memoryUnit.bytes != 0 {
            fail(
                "hardware.memory", "the memory is \(hardware.memory.bytes) bytes, which VMware does not take",
                "expected a multiple of \(Hardware.Limits.memoryUnit), such as \(hardware.memory.bytes / 4_194_304 * 4)MiB")
        }
        let disks = Hardware.Limits.disks(hardware.diskController)
        if description.disks.count > disks {
            fail(
                "disks", "\(description.disks.count) disks on a controller of the kind '\(hardware.diskController.rawValue)'",
                "expected at most \(disks)")
        }
        if hardware.networkInterfaces.count > Hardware.Limits.networkInterfaces {
            fail(
                "hardware.networkInterfaces", "\(hardware.networkInterfaces.count) network interfaces",
                "expected at most \(Hardware.Limits.networkInterfaces)")
        }
    }
}
