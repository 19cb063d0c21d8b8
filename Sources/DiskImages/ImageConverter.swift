public import HostSystem
public import SystemPackage

/// Turns raw images into the formats of hypervisors with qemu-img(1).
public struct ImageConverter: Sendable {
    private let qemuImg: Tool
    private let cp: Tool

    /// - Throws: `HostSystemError` when a program is missing.
    public init(_ table: ToolTable) throws {
        qemuImg = try table.tool("qemu-img")
        cp = try table.tool("cp")
    }

    /// What makes `output` of a raw image, and then reads the image back and checks its structure, where qemu-img can.
    public func calls(_ raw: FilePath, to format: DiskFormat, output: FilePath) -> [ArtefactsJob.Call] {
        if format == .raw {
            return [ArtefactsJob.Call(cp, ["--sparse=always", "--reflink=auto", raw.string, output.string])]
        }
        let convert = ["convert", "-f", "raw", "-O", format.qemuName] + format.qemuOptions + [raw.string, output.string]
        let check = ["check", "-q", "-f", format.qemuName, output.string]
        return [ArtefactsJob.Call(qemuImg, convert)] + (format == .qcow2 ? [ArtefactsJob.Call(qemuImg, check)] : [])
    }
}

/// A virtual disk's format.
public enum DiskFormat: String, Hashable, Codable, Sendable, CaseIterable {
    case raw, qcow2, vmdk, streamOptimizedVMDK, vdi, vhdx

    var qemuName: String { self == .streamOptimizedVMDK ? "vmdk" : rawValue }

    var qemuOptions: [String] {
        switch self {
        case .qcow2: ["-o", "compat=1.1,lazy_refcounts=off"]
        case .vmdk: ["-o", "subformat=monolithicSparse"]
        case .streamOptimizedVMDK: ["-o", "subformat=streamOptimized"]
        default: []
        }
    }

    public var fileExtension: String { qemuName }
}
