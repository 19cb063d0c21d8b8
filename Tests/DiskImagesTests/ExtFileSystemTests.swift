import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import DiskWriting

/// Programs of e2fsprogs read back what was written.
@Suite("ext4, as e2fsck and debugfs see it")
struct ExtFileSystemTests {
    private func attributes(_ mode: UInt32, _ seconds: Int = 1_500_000_000, _ nanoseconds: Int = 0) -> FileAttributes {
        FileAttributes(mode: mode, user: 70000, group: 80000, modified: timespec(tv_sec: seconds, tv_nsec: nanoseconds))
    }

    private func withImage(_ size: Int64, _ body: (FilePath, FilePath) async throws -> Void) async throws {
        let folder = FilePath(FileManager.default.temporaryDirectory.path).appending("ext-\(UUID().uuidString)")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let image = folder.appending("image")
        let descriptor = try FileDescriptor.open(image, .readWrite, options: .create, permissions: .ownerReadWrite)
        try descriptor.closeAfter { try descriptor.resize(to: size) }
        try await Tool(name: "mkfs.ext4", path: "/sbin/mkfs.ext4", package: "e2fsprogs").run(["-q", "-F", image.string])
        try await body(folder, image)
    }

    private func debugfs(_ request: String, _ image: FilePath) async throws -> String {
        try await Tool(name: "debugfs", path: "/sbin/debugfs", package: "e2fsprogs").run(["-R", request, image.string])
    }

    private func file(_ path: FilePath) throws -> FileDescriptor {
        try FileDescriptor.open(path, .readWrite, options: [.create, .truncate], permissions: .ownerReadWrite)
    }

    @Test("files with holes, long links, large attributes, devices, early and late times and thousands of names are readable by e2fsprogs")
    func everything() async throws {
        try await withImage(64 << 20) { folder, image in
            let system = try ExtFileSystem(image: image, offset: 0, name: "/", epoch: 1_600_000_000)
            let large = try file(folder.appending("large"))
            try large.closeAfter {
                _ = try large.writeAll(toAbsoluteOffset: 3 << 30, "far".utf8)
                try large.resize(to: 5 << 30)
                var described = attributes(S_IFREG | 0o6751, 4_000_000_000, 123_456_789)
                described.extended = [ExtendedAttribute(name: "user.large", value: [UInt8](repeating: 0x61, count: 700))]
                let inode = try system.addFile("large", in: ExtFileSystem.root, described, size: 5 << 30, from: large)
                try system.addName("again", in: ExtFileSystem.root, of: inode, mode: described.mode)
            }
            let sparse = folder.appending("sparse")
            let input = try file(sparse)
            try input.closeAfter {
                for number in 0..<40 { _ = try input.writeAll(toAbsoluteOffset: Int64(number * 300_001), "piece \(number)".utf8) }
                try input.resize(to: 13_000_000)
                _ = try system.addFile("sparse", in: ExtFileSystem.root, attributes(S_IFREG | 0o644), size: 13_000_000, from: input)
            }
            let target = String(repeating: "long/", count: 100)
            _ = try system.addLink("link", in: ExtFileSystem.root, attributes(S_IFLNK | 0o777), target: target)
            _ = try system.addNode("block", in: ExtFileSystem.root, attributes(S_IFBLK | 0o660), device: makeDevice(259, 70000))
            _ = try system.addNode("old", in: ExtFileSystem.root, attributes(S_IFIFO | 0o600, -1), device: 0)
            let inner = try system.addFolder("folder", in: ExtFileSystem.root, attributes(S_IFDIR | 0o2755))
            let empty = try file(folder.appending("empty"))
            try empty.closeAfter {
                for number in 0..<3000 {
                    let name = "a name that is not the shortest \(number)"
                    _ = try system.addFile(name, in: inner, attributes(S_IFREG | 0o644), size: 0, from: empty)
                }
            }
            try system.close()

            try await Tool(name: "e2fsck", path: "/sbin/e2fsck", package: "e2fsprogs").run(["-fn", image.string])
            let status = try await debugfs("stat /large", image)
            #expect(status.contains("Mode:  06751"))
            #expect(status.contains(try Regex("User: +70000 +Group: +80000 .*Size: 5368709120")))
            #expect(status.contains("Links: 2"))
            #expect(status.contains(try Regex("mtime: 0xee6b2800:1d6f3455 -- .* 2096")))
            #expect(try await debugfs("stat /block", image).contains("259:70000"))
            #expect(try await debugfs("stat /link", image).contains("Size: 500"))
            #expect(try await debugfs("stat /old", image).contains(try Regex("mtime: 0xffffffff:00000003|mtime: 0xffffffff:00000000")))
            #expect(try await debugfs("ls -p /folder", image).split(separator: "\n").filter { $0.contains("shortest") }.count == 3000)
            _ = try await debugfs("dump /sparse \(folder)/back", image)
            try await Tool(name: "cmp", path: "/usr/bin/cmp", package: "diffutils").run([sparse.string, "\(folder)/back"])
        }
    }

    @Test("an error of a full file system names it and the file that did not fit")
    func full() async throws {
        try await withImage(2 << 20) { folder, image in
            let system = try ExtFileSystem(image: image, offset: 0, name: "/var (2 MiB)", epoch: 0)
            let input = try file(folder.appending("big"))
            try input.closeAfter {
                _ = try input.writeAll([UInt8](repeating: 1, count: 4 << 20))
                let failure = #expect(throws: WorkerFailure.self) {
                    _ = try system.addFile("big", in: ExtFileSystem.root, attributes(S_IFREG | 0o644), size: 4 << 20, from: input)
                }
                #expect(failure?.kind == .diskFull)
                #expect(failure?.message.contains("/var (2 MiB) is full at big: no free block; use a larger 'size'") == true)
            }
        }
    }
}
