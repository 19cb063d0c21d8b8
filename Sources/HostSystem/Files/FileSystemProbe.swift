// Whether the cache's file system can hold what builds put into it: roots of machines, with owners, links, attributes and programs. Found out before anything is
// fetched, since librpm would fail in the middle of an installation, and scriptlets with messages of their own.
internal import CLinux
import Glibc
public import SystemPackage

/// A look at a file system by trying what is needed of it.
public struct FileSystemProbe: Sendable {
    private let folder: FilePath

    /// - Parameter folder: the cache; it is made if need be.
    public init(ofCache folder: FilePath) { self.folder = folder }

    /// Why the cache cannot be there, with its path and what helps.
    public struct Refusal: Error, CustomStringConvertible {
        public var description: String
    }

    /// What is wrong with a file system, and what helps.
    private struct Obstacle: Error {
        var reason: String
        var cure: String

        init(_ reason: String, _ cure: String = "use a file system such as ext4, xfs or btrfs (--cache-path)") {
            self.reason = reason
            self.cure = cure
        }
    }

    /// - Parameter largestFile: the size of the largest disk, in bytes.
    /// - Throws: `Refusal` for a cache that cannot be written, or whose file system lacks something.
    public func check(largestFile: UInt64) throws {
        do {
            try createDirectories(folder)
            guard access(folder.string, W_OK) == 0 else { throw FileError(folder, Errno(rawValue: errno)) }
            if let obstacle = LayeredRoot.obstacle(at: folder) {
                throw Refusal(description: "\(folder): error: the cache cannot hold machines' layers: \(obstacle)")
            }
            try checkMount()
            try probe(largestFile)
        } catch let obstacle as Obstacle {
            throw Refusal(description: "\(folder): error: the cache cannot hold machines' roots: \(obstacle.reason); \(obstacle.cure)")
        } catch let error as FileError {
            let cure =
                switch error.errno {
                case .readOnlyFileSystem: "; remount it with 'rw', or choose another folder with --cache-path"
                case .noSpace: "; free some of its space or inodes ('discographer clean'), or choose another folder with --cache-path"
                default: ""
                }
            throw Refusal(description: "\(error.path): error: the cache cannot be written: \(error.errno)\(cure)")
        }
    }

    /// nodev and nosuid do no harm: device nodes of roots are never opened, and scriptlets are root already.
    private func checkMount() throws {
        var status = statvfs()
        guard folder.withPlatformString({ statvfs($0, &status) }) == 0 else { throw FileError(folder, Errno(rawValue: errno)) }
        // ST_NOEXEC, statvfs.h.
        if status.f_flag & 8 != 0 {
            throw Obstacle(
                "it is mounted with 'noexec', and scriptlets run programs of the root",
                "remount it with 'exec', or choose another folder with --cache-path")
        }
    }

    private func probe(_ largestFile: UInt64) throws {
        let scratch = folder.appending(".probe.\(String(UInt64.random(in: 0...UInt64.max), radix: 36))")
        try createDirectories(scratch, permissions: 0o700)
        defer { remove(scratch) }
        let file = scratch.appending("file")
        let opened = try create(file)
        defer { try? opened.close() }
        if exists(scratch.appending("FILE")) {
            throw Obstacle(
                "names are the same in capital and small letters (ext4 with casefold)",
                "choose a folder without this attribute ('lsattr -d', 'chattr -F')")
        }
        guard let odd = try? create(scratch.appending("a:b\\c\"*?<>|")) else { throw Obstacle("names cannot have every character that packages use") }
        try? odd.close()
        guard symlink("file", scratch.appending("link").string) == 0 else {
            throw Obstacle("it does not have symbolic links: \(Errno(rawValue: errno))")
        }
        guard link(file.string, scratch.appending("name").string) == 0 else {
            throw Obstacle("it does not have hard links: \(Errno(rawValue: errno))")
        }
        guard fchown(opened.rawValue, 1, 1) == 0 else { throw Obstacle("files cannot have other owners: \(Errno(rawValue: errno))") }
        guard fchmod(opened.rawValue, 0o4751) == 0, case let mode = try mode(of: file), mode == 0o4751 else {
            throw Obstacle("files cannot have every mode")
        }
        try probeAttributes(opened)
        guard ftruncate(opened.rawValue, Int(clamping: largestFile)) == 0 else {
            throw Obstacle("a file cannot be as large as the disk of \(largestFile >> 20) MiB: \(Errno(rawValue: errno))")
        }
    }

    private func create(_ file: FilePath) throws -> FileDescriptor {
        do {
            return try FileDescriptor.open(file, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        } catch let error as Errno { throw FileError(file, error) }
    }

    private func mode(of file: FilePath) throws -> mode_t {
        var status = stat()
        guard lstat(file.string, &status) == 0 else { throw FileError(file, Errno(rawValue: errno)) }
        return status.st_mode & 0o7777
    }

    private func probeAttributes(_ file: FileDescriptor) throws {
        // CAP_NET_RAW, permitted and effective: vfs_cap_data of linux/capability.h, version 2.
        let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
        guard fsetxattr(file.rawValue, "security.capability", capability, capability.count, 0) == 0 else {
            throw Obstacle("files cannot have capabilities (security.capability): \(Errno(rawValue: errno))")
        }
        // What overlayfs marks layers with (Documentation/filesystems/overlayfs.rst); see `LayeredRoot`.
        let name = UserNamespace.isInitial ? "trusted.overlay.discographer" : "user.overlay.discographer"
        guard fsetxattr(file.rawValue, name, "y", 1, 0) == 0 else {
            throw Obstacle("files cannot have extended attributes (\(name.prefix { $0 != "." }).*): \(Errno(rawValue: errno))")
        }
    }

    private func remove(_ scratch: FilePath) {
        for name in (try? FileDescriptor.open(scratch, .readOnly, options: [.directory, .closeOnExec])).map({ folder in
            (try? folder.closeAfter { try folderEntries(folder) }) ?? []
        }) ?? [] { removeFile(scratch.appending(name)) }
        rmdir(scratch.string)
    }
}
