import Foundation
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A kernel image in a root's /boot, with its initramfs.
public struct FoundKernel: Hashable, Codable, Sendable {
    public var release: String
    /// In the root.
    public var image: FilePath
    public var initramfs: FilePath?
}

/// Finds what a boot loader can start.
public enum KernelFinder {
    /// The kernels in `/boot` of an installroot, newest first.
    public static func kernels(in installRoot: FilePath) -> [FoundKernel] {
        var names: [String] = []
        guard let stream = opendir(installRoot.appending("boot").string) else { return [] }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        let releases = names.compactMap { $0.hasPrefix("vmlinuz-") ? String($0.dropFirst("vmlinuz-".count)) : nil }
        return releases.sorted { $0.compare($1, options: .numeric) == .orderedDescending }.map { release in
            let initramfs = ["initramfs-\(release).img", "initrd.img-\(release)", "initrd-\(release)"].first(
                where: names.contains)
            return FoundKernel(
                release: release, image: FilePath("/boot/vmlinuz-\(release)"),
                initramfs: initramfs.map { FilePath("/boot").appending($0) })
        }
    }
}
