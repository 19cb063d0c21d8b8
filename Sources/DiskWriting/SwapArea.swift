import DiskImages
import HostSystem
import SystemPackage

/// Makes swap in a partition of a disk image. mkswap(8) can write at an offset only since util-linux 2.40. So it writes into a sparse file of the
/// partition's size; the first page, the only one that is not empty, is then copied into the image.
struct SwapArea {
    var mkswap: Tool
    /// That of x86_64: the kernel accepts only swap with its own page size.
    private static let pageSize = 4096

    /// - Throws: `HostSystemError.toolFailed`, `Errno`.
    func make(_ partition: PlannedPartition, image: FilePath, scratch: FilePath, _ reporting: WorkerReporter? = nil) throws {
        let area = scratch.appending("swap")
        defer { removeFile(area) }
        let empty = try FileDescriptor.open(
            area, .readWrite, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        let header = try empty.closeAfter {
            try empty.resize(to: Int64(partition.size))
            try mkswap.runBlocking(
                ["--quiet", "--pagesize", "\(Self.pageSize)", "--uuid", partition.uuid]
                    + (partition.label.map { ["--label", $0] } ?? []) + [area.string], warning: reporting)
            var page = [UInt8](repeating: 0, count: Self.pageSize)
            let count = try page.withUnsafeMutableBytes { try empty.read(fromAbsoluteOffset: 0, into: $0) }
            guard count == Self.pageSize else { throw Errno.ioError }
            return page
        }
        let descriptor = try FileDescriptor.open(image, .writeOnly, options: .closeOnExec)
        try descriptor.closeAfter { _ = try descriptor.writeAll(toAbsoluteOffset: Int64(partition.start), header) }
    }
}
