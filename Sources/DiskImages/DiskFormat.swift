/// A virtual disk's format.
public enum DiskFormat: String, Hashable, Codable, Sendable, CaseIterable {
    case raw, qcow2, vmdk, vdi, vhdx

    /// What qemu-img(1) calls it.
    var qemuName: String { rawValue }

    /// VMDK is made as OVF wants it: compressed, and to be read from its beginning (DSP0243 section 5.2 leaves the choice; importers take no other).
    var qemuOptions: [String] {
        switch self {
        case .qcow2: ["-o", "compat=1.1,lazy_refcounts=off"]
        case .vmdk: ["-o", "subformat=streamOptimized"]
        case .raw, .vdi, .vhdx: []
        }
    }

    public var fileExtension: String { rawValue }
}
