import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import DiskImages
@testable import DiskWriting

/// Tables and swap areas that are made from plans, read back by util-linux.
@Suite("Partition tables and swap, as util-linux sees them", .serialized)
struct PartitionTableTests {
    private static let sfdisk = Tool(name: "sfdisk", path: "/sbin/sfdisk", package: "fdisk")
    private static let mkswap = Tool(name: "mkswap", path: "/sbin/mkswap", package: "util-linux")
    private static let blkid = Tool(name: "blkid", path: "/sbin/blkid", package: "util-linux")

    private struct Answer: Decodable {
        struct Table: Decodable {
            var label: String
            var id: String
            var partitions: [Entry]?
        }
        struct Entry: Decodable {
            var start: UInt64
            var size: UInt64
            var type: String
            var uuid: String?
            var bootable: Bool?
        }
        var partitiontable: Table
    }

    private static func layout(_ parts: [(String?, Partition.Size, Partition.FileSystem)]) -> [Partition] {
        parts.map { mountPoint, size, fileSystem in
            var partition = Partition()
            partition.mountPoint = mountPoint
            partition.size = size
            partition.fileSystem = fileSystem
            return partition
        }
    }

    static let layouts: [[Partition]] = [
        [Partition()],
        layout([("/boot", .fixed(.mebibytes(100)), .ext4), (nil, .fixed(.mebibytes(64)), .swap), ("/", .rest, .ext4)]),
        layout([("/", .rest, .ext4), ("/var", .fixed(.mebibytes(100)), .ext4), ("/home", .fixed(ByteCount(1)), .ext4)]),
        layout([("/", .fixed(ByteCount(123_456_789)), .ext4)]),
    ]

    private func withImage<Value>(_ body: (FilePath) async throws -> Value) async throws -> Value {
        let folder = FilePath("/tmp/discographer-disks.\(UUID())")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        return try await body(folder.appending("disk.raw"))
    }

    private func resize(_ image: FilePath, to size: UInt64) throws {
        let descriptor = try FileDescriptor.open(image, .readWrite, options: [.create], permissions: .ownerReadWrite)
        try descriptor.closeAfter { try descriptor.resize(to: Int64(size)) }
    }

    @Test("sfdisk reads back what was planned", .enabled(if: exists("/sbin/sfdisk")), arguments: [Disk.PartitionTable.gpt, .mbr], layouts)
    func table(_ table: Disk.PartitionTable, _ partitions: [Partition]) async throws {
        var description = MachineDescription()
        description.disks[0].table = table
        description.disks[0].partitions = partitions
        let plan = try DiskPlan(description, group: "g", machine: "m")
        let disk = plan.disks[0]
        let answer = try await withImage { image in
            try resize(image, to: disk.size.bytes)
            try await Self.sfdisk.run(["--quiet", "--no-tell-kernel", image.string], input: disk.sfdiskScript)
            // It reports overlaps, wrong ends and a wrong copy of the table.
            let verdict = try await Self.sfdisk.run(["--verify", image.string])
            #expect(verdict.contains("No errors detected") || verdict.contains("Remaining"), "\(verdict)")
            return try JSONDecoder().decode(Answer.self, from: Data(try await Self.sfdisk.run(["--json", image.string]).utf8))
        }.partitiontable
        let found = answer.partitions ?? []
        #expect(found.map(\.start) == disk.partitions.map { $0.start / 512 })
        #expect(found.map(\.size) == disk.partitions.map { $0.size / 512 })
        #expect(found.allSatisfy { $0.start % 2048 == 0 })
        switch table {
        case .gpt:
            #expect(answer.label == "gpt" && answer.id.lowercased() == disk.identifier)
            #expect(found.map { $0.uuid?.lowercased() } == disk.partitions.map(\.partitionGUID))
            #expect(found.map { $0.type.uppercased() } == disk.partitions.map(\.typeGUID))
        default:
            #expect(answer.label == "dos" && answer.id == "0x" + disk.identifier.prefix(8))
            #expect(found.filter { $0.bootable == true }.count == 1)
            #expect(found.map { $0.type == "82" } == disk.partitions.map { $0.fileSystem == .swap })
        }
    }

    @Test("blkid finds swap where it was planned", .enabled(if: exists("/sbin/mkswap") && exists("/sbin/blkid")))
    func swap() async throws {
        var description = MachineDescription()
        var partitions = Self.layouts[1]
        partitions[1].label = "paging"
        description.disks[0].partitions = partitions
        description.disks[0].size = .mebibytes(200)
        let plan = try DiskPlan(description, group: "g", machine: "m")
        let swap = try #require(plan.fileSystems.first { $0.fileSystem == .swap })
        try await withImage { image in
            try resize(image, to: plan.disks[0].size.bytes)
            try await offPool {
                try SwapArea(mkswap: Self.mkswap).make(swap, image: image, scratch: image.removingLastComponent())
            }
            let found = try await Self.blkid.run(
                ["--probe", "--offset", "\(swap.start)", "--size", "\(swap.size)", "--output", "export", image.string])
            let lines = found.split(separator: "\n").map(String.init)
            #expect(lines.contains("TYPE=swap") && lines.contains("UUID=\(swap.uuid)") && lines.contains("LABEL=paging"))
            // The header has the number of the last page, counted from 0 (linux/swap.h, union swap_header).
            let header = try readBytes(image)[Int(swap.start) + 1024..<Int(swap.start) + 1032]
            #expect(header.suffix(4).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } == swap.size / 4096 - 1)
        }
    }
}
