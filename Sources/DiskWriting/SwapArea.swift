import DiskImages
import HostSystem
import SystemPackage

/// Swap on a part of a disk image. mkswap(8) learnt to write at an offset in util-linux 2.40 only, so it writes into a file of the
/// partition's size, of which all that is not empty, the first page, is then put into its place.
struct SwapArea {
    var mkswap: Tool
    /// Of x86_64; the kernel takes swap of its own page size only.
    private static let pageSize = 4096

    /// - Throws: `HostSystemError.toolFailed`, `Errno`.
    func make(_ partition: PlannedPartition, image: FilePath, scratch: FilePath) throws {
        let area = scratch.appending("swap")
        defer { removeFile(area) }
        let empty = try FileDescriptor.open(
            area, .readWrite, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        let header = try empty.closeAfter {
            try empty.resize(to: Int64(partition.size))
            try mkswap.runBlocking(
                ["--quiet", "--pagesize", "\(Self.pageSize)", "--uuid", partition.uuid]
                    + (partition.label.map { ["--label", $0] } ?? []) + [area.string])
            var page = [UInt8](repeating: 0, count: Self.pageSize)
            let count = try page.withUnsafeMutableBytes { try empty.read(fromAbsoluteOffset: 0, into: $0) }
            guard count == Self.pageSize else { throw Errno.ioError }
            return page
        }
        let descriptor = try FileDescriptor.open(image, .writeOnly, options: .closeOnExec)
        try descriptor.closeAfter { _ = try descriptor.writeAll(toAbsoluteOffset: Int64(partition.start), header) }
    }
}
