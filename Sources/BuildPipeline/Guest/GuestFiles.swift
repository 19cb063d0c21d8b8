import ConfigurationTree
import DiskImages
import HostSystem
import RootFilesystem
import SystemPackage

/// The files of a guest that follow from its name, its devices and its disks.
enum GuestFiles {
    /// All but the boot loader's configuration, which names the kernels that are found in the root (`BootPlan`).
    static func files(of machine: Machine, in group: MachineGroup, _ plan: DiskPlan) -> [GeneratedFile] {
        var files = [
            GeneratedFile(path: "/etc/fstab", text: plan.fstab, replaces: false),
            GeneratedFile(path: "/etc/hostname", text: machine.name + "\n", replaces: false),
            GeneratedFile(
                path: "/etc/machine-id", text: machineID(of: machine, in: group) + "\n", mode: 0o444, replaces: false),
        ]
        let devices = (group.devices + machine.devices).filter { $0.path.starts(with: "/dev") }
        if !devices.isEmpty {
            files.append(
                GeneratedFile(path: "/etc/tmpfiles.d/discographer-devices.conf", text: devices.map(temporaryFilesLine).joined(), replaces: true))
        }
        return files
    }

    /// machine-id(5). With `uninitialized` the first start makes one and knows that it is the first.
    private static func machineID(of machine: Machine, in group: MachineGroup) -> String {
        switch machine.description.machineID {
        case .fixed: StableNames(group: group.name, machine: machine.name).machineID
        case .uninitialized: "uninitialized"
        }
    }

    /// What kernel-install(8) reads when a kernel is added later: without these files it takes the running kernel's command line, and names entries otherwise.
    ///
    /// - Returns: nothing for a root without the program.
    static func kernelInstallation(_ constants: MachineConstants, in installed: FilePath) -> [GeneratedFile] {
        guard ["usr/bin/kernel-install", "bin/kernel-install"].contains(where: { exists(installed.appending($0)) }) else { return [] }
        let token = GeneratedFile(path: "/etc/kernel/entry-token", text: constants.machineID + "\n", replaces: false)
        return [token] + (constants.kernelCommandLine.map { [GeneratedFile(path: "/etc/kernel/cmdline", text: $0 + "\n", replaces: false)] } ?? [])
    }

    /// tmpfiles.d(5). The running machine mounts its kernel's devtmpfs over the root's /dev; systemd makes the configured nodes there too.
    private static func temporaryFilesLine(_ device: Device) -> String {
        let mode = "0" + String(device.permissions, radix: 8)
        switch device.kind {
        case .block(let major, let minor): return "b \(device.path) \(mode) root root - \(major):\(minor)\n"
        case .character(let major, let minor): return "c \(device.path) \(mode) root root - \(major):\(minor)\n"
        case .fifo: return "p \(device.path) \(mode) root root - -\n"
        }
    }
}

/// What the boot loader of a guest starts, without the kernels, which are known when the packages are installed.
struct BootPlan: Encodable, Sendable {
    var settings: BootSettings
    var rootUUID: String
    var separatesBoot: Bool
    var title: String

    /// `nil`: the machine has no boot loader, or no root.
    init?(of machine: Machine, _ plan: DiskPlan) {
        guard machine.description.boot.loader == .grub, let root = plan.root else { return nil }
        settings = machine.description.boot
        rootUUID = root.uuid
        separatesBoot = plan.boot != plan.root
        title = machine.fullName
    }

    func configurationFile(for kernels: [FoundKernel]) -> GeneratedFile {
        GeneratedFile(path: "/boot/grub/grub.cfg", text: configuration(for: kernels).grubConfiguration, replaces: true)
    }

    /// The same for all kernels.
    var kernelCommandLine: String { configuration(for: []).kernelCommandLine }

    private func configuration(for kernels: [FoundKernel]) -> BootConfiguration {
        BootConfiguration(
            kernels: kernels.map { Kernel(release: $0.release, image: $0.image, initramfs: $0.initramfs) }, settings: settings,
            rootUUID: rootUUID, separatesBoot: separatesBoot, title: title)
    }

    /// Why no kernel takes the command line; `nil` if one does.
    var problem: String? {
        let length = kernelCommandLine.utf8.count
        return length <= BootConfiguration.longestCommandLine
            ? nil
            : "the kernel's command line has \(length) bytes; expected at most \(BootConfiguration.longestCommandLine), which with the kernel's name are all that "
                + "a kernel for x86 takes"
    }
}
