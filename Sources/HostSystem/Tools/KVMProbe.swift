public import SystemPackage

/// Tests whether KVM works here by running a guest: `/dev/kvm` may exist, open, and hang.
public enum KVMProbe {
    /// mov al, 16; out 0xf4, al; hlt. The debug exit device ends QEMU with status 2 * 16 + 1 then.
    private static let bootSector: [UInt8] =
        [0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd] + [UInt8](repeating: 0, count: 503) + [0x55, 0xaa]
    private static let success = ToolStatus.exited(33)
    /// A guest of one sector takes a fraction of a second under software emulation too. Where KVM itself is emulated it took 6 s (0.2 s without KVM), and real guests never came up.
    private static let seconds = "2"

    /// Boots a guest from one sector, with the processor type of real guests, for at most two seconds.
    ///
    /// - Parameter scratch: an existing folder for the sector.
    public static func works(tools: ToolTable, scratch: FilePath) async -> Bool {
        guard exists("/dev/kvm"), let qemu = try? tools.tool("qemu-system-x86_64"),
            let timeout = try? tools.tool("timeout")
        else { return false }
        let image = scratch.appending("kvm-probe.\(UInt32.random(in: 0 ... .max))")
        guard (try? writeAtomically(bootSector, to: image)) != nil else { return false }
        defer { removeFile(image) }
        do {
            try await timeout.run([
                "--signal=KILL", seconds, qemu.path.string, "-machine", "pc", "-accel", "kvm", "-cpu", "host",
                "-nodefaults", "-display", "none", "-device",
                "isa-debug-exit,iobase=0xf4,iosize=1", "-drive", "file=\(image),format=raw,if=ide",
            ])
            return false
        } catch HostSystemError.toolFailed(_, let status, _) {
            return status == success
        } catch {
            return false
        }
    }
}
