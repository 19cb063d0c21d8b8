// What a boot loader is told. How GRUB gets onto a disk: GRUBForBIOS of DiskWriting. Not here: UEFI.
public import ConfigurationTree
public import SystemPackage

/// What of the build host boot loaders are made of.
public enum BootLoaderFiles {
    /// Where the host has GRUB's modules and images for BIOS.
    public static let grubModules: FilePath = "/usr/lib/grub/i386-pc"
}

/// A kernel of the root with its initramfs.
public struct Kernel: Hashable, Codable, Sendable {
    public var release: String
    /// In the root.
    public var image: FilePath
    public var initramfs: FilePath?

    public init(release: String, image: FilePath, initramfs: FilePath?) {
        self.release = release
        self.image = image
        self.initramfs = initramfs
    }
}

/// What the boot loader of a machine starts.
public struct BootConfiguration: Hashable, Codable, Sendable {
    /// The one that is booted first.
    public var kernels: [Kernel]
    public var settings: BootSettings
    public var rootUUID: String
    /// Whether /boot is a file system of its own, in which GRUB sees its files without the `/boot`.
    public var separatesBoot: Bool
    public var title: String

    public init(
        kernels: [Kernel], settings: BootSettings, rootUUID: String, separatesBoot: Bool = false, title: String
    ) {
        self.kernels = kernels
        self.settings = settings
        self.rootUUID = rootUUID
        self.separatesBoot = separatesBoot
        self.title = title
    }

    /// kernel-command-line(7). Without a `console=` of the user's, both the screen and the first serial port are consoles.
    private var kernelArguments: [String] {
        var words = ["root=UUID=\(rootUUID)", "ro"]
        if settings.usesInit { words.append("init=/init") }
        // An argument that no kernel takes was reported when the tree was read.
        let own = settings.kernelArguments.flatMap { (try? KernelArgument.arguments(in: $0)) ?? [] }.map(\.text)
        if !own.contains(where: { $0.hasPrefix("console=") }) {
            words += ["console=tty0", "console=ttyS0,115200"]
        }
        return words + own
    }

    /// As the kernel gets it from GRUB, without the image's name that GRUB puts before it (`BOOT_IMAGE=`).
    public var kernelCommandLine: String { kernelArguments.map { $0.contains(" ") ? "\"\($0)\"" : $0 }.joined(separator: " ") }

    /// What the kernel's command line may have, in bytes: `BOOT_IMAGE=/boot/vmlinuz-` and a release of 64 bytes (uname(2), __NEW_UTS_LEN) come before it.
    public static let longestCommandLine = KernelArgument.longestCommandLine - "BOOT_IMAGE=/boot/vmlinuz- ".utf8.count - 64

    /// /boot/grub/grub.cfg.
    public var grubConfiguration: String {
        var text = """
            serial --unit=0 --speed=115200
            terminal_input console serial
            terminal_output console serial
            set default=0
            set timeout=1

            """
        for kernel in kernels {
            let words = [seenByGRUB(kernel.image).string] + kernelArguments
            text += "menuentry \("\(title), Linux \(kernel.release)".quotedForGRUB(always: true)) {\n"
            text += "    linux \(words.map { $0.quotedForGRUB() }.joined(separator: " "))\n"
            if let initramfs = kernel.initramfs { text += "    initrd \(seenByGRUB(initramfs).string.quotedForGRUB())\n" }
            text += "}\n"
        }
        return text
    }

    private func seenByGRUB(_ file: FilePath) -> FilePath {
        var path = file
        return separatesBoot && path.removePrefix("/boot") ? FilePath("/").pushing(path) : file
    }
}

extension String {
    /// The text as one word of GRUB's shell (the manual of GRUB, "Quoting"): in single quotes every character stands for itself, and a single quote is written
    /// between two quoted parts.
    ///
    /// - Parameter always: quotes a plain word too.
    func quotedForGRUB(always: Bool = false) -> String {
        let isPlain =
            !isEmpty && unicodeScalars.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_./=:,+@%".unicodeScalars.contains($0)) }
        return isPlain && !always ? self : "'" + replacing("'", with: "'\\''") + "'"
    }
}
