public import HostSystem
public import SystemPackage

/// Turns raw images into the formats of hypervisors with qemu-img(1).
public struct ImageConverter: Sendable {
    private let qemuImg: Tool

    /// - Throws: `HostSystemError` when qemu-img is missing.
    public init(_ table: ToolTable) throws { qemuImg = try table.tool("qemu-img") }

    /// Makes `output` of a raw image.
    ///
    /// - Throws: `HostSystemError.toolFailed`.
    public func convert(_ raw: FilePath, to format: DiskFormat, output: FilePath) async throws {
        try await qemuImg.run(
            ["convert", "-f", "raw", "-O", format.qemuName] + format.qemuOptions + [raw.string, output.string])
    }

    /// Reads the image back and checks its structure, where qemu-img can.
    public func check(_ image: FilePath, _ format: DiskFormat) async throws {
        if format == .qcow2 { try await qemuImg.run(["check", "-q", "-f", format.qemuName, image.string]) }
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
