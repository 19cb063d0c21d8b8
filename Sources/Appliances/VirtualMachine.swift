import BuildStore
public import ConfigurationTree
import DiskImages
import Glibc
public import HostSystem
import Subprocess
public import SystemPackage

/// Runs a machine in QEMU from its artefact, which is never written to.
public struct VirtualMachine: Sendable {
    /// How a watched boot ended.
    public enum Ending: Hashable, Sendable {
        case matched(seconds: Double)
        /// `console`: what the guest printed until then.
        case timedOut(console: String)
        case guestEnded(status: String, console: String)
    }

    private let qemu: Tool
    private let setpriv: Tool
    private let disks: [FilePath]
    private let format: String
    private let hardware: Hardware
    private let name: String
    private let usesKVM: Bool

    /// - Parameter disks: in the machine's order.
    /// - Throws: `HostSystemError` when QEMU is missing.
    public init(
        disks: [FilePath], format: String, hardware: Hardware, group: String, machine: String, usesKVM: Bool,
        tools: ToolTable
    ) throws {
        qemu = try tools.tool("qemu-system-x86_64")
        setpriv = try tools.tool("setpriv")
        self.disks = disks
        self.format = format
        self.hardware = hardware
        name = "\(group)/\(machine)"
        self.usesKVM = usesKVM
    }

    /// QEMU's arguments, for a console on the standard streams.
    func arguments(interactive: Bool) -> [String] {
        var words = [
            "-name", name.replacing("/", with: "-"), "-machine", "pc", "-accel", usesKVM ? "kvm" : "tcg", "-cpu",
            // TCG runs "fast" string instructions byte by byte, and Linux clears all its pages with them: the demo needed 76 s to its login prompt with them, and
            // 50 s without (medians of five boots each, in turns).
            usesKVM ? "host" : "max,-erms,-fsrm",
            "-smp", "\(hardware.cpus)", "-m", "\(hardware.memory.bytes >> 20)M", "-nodefaults", "-display", "none",
            "-vga", "none", "-no-reboot",
            // QEMU writes to a temporary file without a name, not to the artefact.
            "-snapshot",
            "-serial", interactive ? "mon:stdio" : "stdio",
        ]
        for (index, disk) in disks.enumerated() {
            words += [
                "-drive", "file=\(disk.string.replacing(",", with: ",,")),format=\(format),if=none,id=disk\(index)",
            ]
            switch hardware.diskController {
            case .virtio: words += ["-device", "virtio-blk-pci,drive=disk\(index)"]
            case .scsi:
                words +=
                    (index == 0 ? ["-device", "virtio-scsi-pci,id=scsi"] : []) + [
                        "-device", "scsi-hd,drive=disk\(index),bus=scsi.0",
                    ]
            case .sata:
                words +=
                    (index == 0 ? ["-device", "ahci,id=ahci"] : []) + [
                        "-device", "ide-hd,drive=disk\(index),bus=ahci.\(index)",
                    ]
            case .ide: words += ["-device", "ide-hd,drive=disk\(index)"]
            case .nvme: words += ["-device", "nvme,drive=disk\(index),serial=disk\(index)"]
            }
        }
        for (index, interface) in hardware.networkInterfaces.enumerated() {
            let model =
                switch interface.model {
                case .virtio: "virtio-net-pci"
                case .e1000: "e1000"
                case .e1000e: "e1000e"
                case .vmxnet3: "vmxnet3"
                }
            let parts = name.split(separator: "/").map(String.init)
            let mac = interface.macAddress ?? StableNames(group: parts[0], machine: parts[1]).macAddress(interface.name)
            words += [
                "-netdev", "user,id=net\(index),restrict=on", "-device", "\(model),netdev=net\(index),mac=\(mac)",
            ]
        }
        words += ["-device", "virtio-rng-pci"]
        return words
    }

    /// The command line that starts the machine with its console on the terminal, for execv(3).
    public var interactiveCommand: (program: FilePath, arguments: [String]) {
        (qemu.path, arguments(interactive: true))
    }

    /// Boots the machine, watches its console until the expression matches, and ends the guest.
    ///
    /// The expression is searched for in everything printed so far, since a login prompt does not end with a line feed. `^` and `$` match at the
    /// ends of lines.
    ///
    /// - Parameter onConsole: called with what the guest prints, as it prints it.
    public func boot(
        until expression: sending Regex<AnyRegexOutput>, timeout: Duration,
        onConsole: @escaping @Sendable (String) -> Void
    ) async throws -> Ending {
        let started = ContinuousClock.now
        let watch = ConsoleWatch(expression: expression)
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, allowedDurationToNextStep: .seconds(2))]
        let environment = Dictionary(
            uniqueKeysWithValues: minimalEnvironment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        // The guest must end with this process, like every child of a build. setpriv sets that and keeps it through exec.
        let configuration = Configuration(
            executable: .path(setpriv.path),
            arguments: Arguments(["--pdeathsig", "KILL", qemu.path.string] + arguments(interactive: false)),
            environment: .custom(environment), platformOptions: options)
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask {
                let result = try await Subprocess.run(
                    configuration, input: .none, output: .sequence, error: .combinedWithOutput
                ) { execution -> Ending? in
                    for try await chunk in execution.standardOutput {
                        let text = chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                        onConsole(text)
                        if await watch.add(text) {
                            try execution.send(signal: .kill)
                            let took = started.duration(to: .now)
                            return .matched(
                                seconds: Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18)
                        }
                    }
                    return nil
                }
                if let ending = result.closureResult { return ending }
                return .guestEnded(status: result.terminationStatus.inWords, console: await watch.text)
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return .timedOut(console: await watch.text)
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let ending = first else { throw CancellationError() }
            return ending
        }
    }
}

/// Everything that a guest has printed, and whether the expression occurs in it.
actor ConsoleWatch {
    /// In bytes, how far before new text a match may begin. More would make the search slow.
    private static let overlap = 4096

    private(set) var text = ""
    private let expression: Regex<AnyRegexOutput>

    init(expression: sending Regex<AnyRegexOutput>) { self.expression = expression.anchorsMatchLineEndings() }

    func add(_ more: String) -> Bool {
        let known = text.utf8.count
        text += more
        // Relative to the known text: a fast guest prints more at once than the overlap.
        var start = text.utf8.index(text.startIndex, offsetBy: max(0, known - Self.overlap))
        // From the beginning of a line, so that '^' does not match inside a line.
        start = text[..<start].lastIndex(where: \.isNewline).map(text.index(after:)) ?? text.startIndex
        return text[start...].firstMatch(of: expression) != nil
    }
}
