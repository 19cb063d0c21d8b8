import Glibc
import HostSystem
public import SystemPackage

/// A kernel image in a root, with its initramfs.
public struct FoundKernel: Hashable, Codable, Sendable {
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

/// Finds what a boot loader can start.
public enum KernelFinder {
    /// The kernels of an installroot, newest first as rpm orders versions.
    ///
    /// `/boot/vmlinuz-<release>` of all distributions; `/boot/<token>/<release>/linux`, as kernel-install(8) lays them out for boot entries; where a package has left the image in `/usr/lib/modules/<release>/vmlinuz` only, as
    /// Fedora's kernel-core does until kernel-install(8) has run, that. Symlinks of the root are resolved inside it.
    ///
    /// - Throws: `FileError` for a folder that cannot be read: without it, an older kernel would be booted.
    public static func kernels(in installRoot: FilePath) throws -> [FoundKernel] {
        var kernels: [String: FoundKernel] = [:]
        for release in try names("/usr/lib/modules", installRoot) {
            let folder = FilePath("/usr/lib/modules").appending(release)
            let files = try names(folder, installRoot)
            guard files.contains("vmlinuz") else { continue }
            let initramfs = ["initramfs.img", "initrd"].first(where: files.contains).map { folder.appending($0) }
            kernels[release] = FoundKernel(
                release: release, image: folder.appending("vmlinuz"), initramfs: initramfs)
        }
        let boot = try names("/boot", installRoot)
        for name in boot where name.hasPrefix("vmlinuz-") {
            let release = String(name.dropFirst("vmlinuz-".count))
            let initramfs = ["initramfs-\(release).img", "initrd.img-\(release)", "initrd-\(release)"]
                .first(where: boot.contains).map { FilePath("/boot").appending($0) }
            kernels[release] = FoundKernel(
                release: release, image: FilePath("/boot").appending(name),
                initramfs: initramfs ?? kernels[release]?.initramfs)
        }
        for token in boot.sorted() {
            let folder = FilePath("/boot").appending(token)
            for release in try names(folder, installRoot) where kernels[release]?.image.starts(with: "/boot") != true {
                let files = try names(folder.appending(release), installRoot)
                guard files.contains("linux") else { continue }
                let initramfs = ["initrd", "initramfs"].first(where: files.contains).map { folder.appending(release).appending($0) }
                kernels[release] = FoundKernel(
                    release: release, image: folder.appending(release).appending("linux"), initramfs: initramfs ?? kernels[release]?.initramfs)
            }
        }
        return kernels.values.sorted { left, right in
            let (one, two) = (RPMVersion(left.release), RPMVersion(right.release))
            return one == two ? left.release > right.release : one > two
        }
    }

    private static func names(_ folder: FilePath, _ installRoot: FilePath) throws -> Set<String> {
        do {
            let descriptor = try openFolder(folder, inRoot: installRoot)
            return Set(try descriptor.closeAfter { try Root.names(in: descriptor) }.map(\.string))
        } catch let error as Errno {
            // A link of the guest that leads to itself leads to no kernel.
            guard error.meansAbsence || error == .tooManySymbolicLinkLevels else {
                throw FileError(installRoot.pushing(folder.removingRoot()), error)
            }
            return []
        }
    }
}
