import ConfigurationTree
import DiskImages
import Glibc
import HostSystem
import SystemPackage

/// Writes the files into the file systems with libext2fs. Nothing is mounted; root and ordinary users get the same bytes.
struct DirectDiskWriter: DiskWriter {
    var plan: DiskPlan
    var contexts: FileContexts
    var epoch: Int

    func fill(_ disks: [PlannedDisk], images: [FilePath], from root: FilePath, reporting: WorkerReporter) throws {
        var fileSystems: [(path: String, system: ExtFileSystem)] = []
        for partition in plan.fileSystems where partition.fileSystem == .ext4 {
            guard let index = disks.firstIndex(where: { $0.partitions.contains(partition) }), let path = partition.mountPoint
            else { continue }
            let system = try ExtFileSystem(
                image: images[index], offset: partition.start, name: "\(path) (\(ByteCount(partition.size)))", epoch: epoch)
            fileSystems.append((path, system))
        }
        try TreeCopy(source: root, fileSystems: fileSystems, contexts: contexts, epoch: epoch).run()
        for (_, system) in fileSystems { try system.close() }
    }
}

/// Copies a root into file systems. Paths are C strings, since names are not always UTF-8 and there are tens of thousands of them.
private final class TreeCopy {
    private struct Source: Hashable {
        var device: dev_t
        var number: ino_t
    }

    /// The folder of a file system that entries are copied into.
    private struct Place {
        /// An index of `fileSystems`.
        var system: Int
        var inode: ExtFileSystem.Inode
    }

    private let source: [CChar]
    /// By mount point; `/` is one of them.
    private let fileSystems: [(path: String, system: ExtFileSystem)]
    private let contexts: FileContexts
    private let epoch: Int
    /// The names of mount points and of all folders above them, by the folder that they are in.
    private var mountPaths: [String: Set<String>] = [:]
    /// Mount points that the root has, or that were made.
    private var reached: Set<String> = ["/"]
    /// The copies of files that have several names.
    private var linked: [Source: Place] = [:]

    init(source: FilePath, fileSystems: [(path: String, system: ExtFileSystem)], contexts: FileContexts, epoch: Int) {
        self.source = source.withPlatformString { Array(UnsafeBufferPointer(start: $0, count: strlen($0))) }
        self.fileSystems = fileSystems
        self.contexts = contexts
        self.epoch = epoch
        for (path, _) in fileSystems {
            var path = FilePath(path)
            while let name = path.lastComponent {
                path.removeLastComponent()
                mountPaths[path.string, default: []].insert(name.string)
            }
        }
    }

    func run() throws {
        guard let first = fileSystems.firstIndex(where: { $0.path == "/" }) else {
            throw WorkerFailure(kind: .disks, message: "no file system is mounted at /")
        }
        let top = Place(system: first, inode: ExtFileSystem.root)
        try fileSystems[first].system.describe(top.inode, try attributes(of: []).attributes)
        try copyEntries(of: [], to: top)
        try labelFoldersOfFileSystems()
        for (path, _) in fileSystems where !reached.contains(path) {
            throw WorkerFailure(
                kind: .disks,
                message:
                    "machine.yaml mounts a file system at \(path), but the image has a link or a file in that path; use the real folder's path"
            )
        }
    }

    /// lost+found, which mke2fs has made; unless the root has one of its own.
    private func labelFoldersOfFileSystems() throws {
        for (path, system) in fileSystems {
            let place = Array("\(path == "/" ? "" : path)/lost+found".utf8)
            var status = stat()
            guard let context = contexts.extendedAttribute(of: place), lstat(source + place.map(CChar.init(bitPattern:)) + [0], &status) != 0
            else { continue }
            let attributes = FileAttributes(
                mode: S_IFDIR | 0o700, user: 0, group: 0, modified: timespec(tv_sec: epoch, tv_nsec: 0), extended: [context])
            _ = try system.addFolder("lost+found", in: ExtFileSystem.root, attributes)
        }
    }

    /// - Parameters:
    ///   - folder: its path in the root, without NUL; empty for the root itself.
    ///   - isThere: `false` for a folder that the root does not have, made for a mount point below it.
    private func copyEntries(of folder: [CChar], to place: Place, isThere: Bool = true) throws {
        var missing = mountPaths.isEmpty ? [] : mountPaths[text(folder)] ?? []
        for name in isThere ? try names(in: folder) : [] {
            if !missing.isEmpty { missing.remove(text(name.dropLast())) }
            let path = folder + [0x2f] + name.dropLast()
            do {
                let (status, attributes) = try attributes(of: path)
                guard status.st_mode & S_IFMT == S_IFDIR else {
                    try copyFile(name, path, status, attributes, to: place)
                    continue
                }
                try copyEntries(of: path, to: try copyFolder(name, path, attributes, to: place))
            } catch let error as Errno {
                throw unreadable(path, error)
            }
        }
        for name in missing.sorted() {
            let path = folder + [0x2f] + name.utf8.map(CChar.init(bitPattern:))
            let attributes = FileAttributes(
                mode: S_IFDIR | 0o755, user: 0, group: 0, modified: timespec(tv_sec: epoch, tv_nsec: 0), extended: context(of: path))
            let inner = try copyFolder(Array(name.utf8CString), path, attributes, to: place)
            try copyEntries(of: path, to: inner, isThere: false)
        }
    }

    /// A mount point exists twice: as an empty folder for the mount, and as the root of the mounted file system.
    private func copyFolder(_ name: [CChar], _ path: [CChar], _ attributes: FileAttributes, to place: Place) throws -> Place {
        let inode = try fileSystems[place.system].system.addFolder(name, in: place.inode, attributes)
        guard fileSystems.count > 1, case let text = text(path), let mounted = fileSystems.firstIndex(where: { $0.path == text })
        else { return Place(system: place.system, inode: inode) }
        reached.insert(text)
        try fileSystems[mounted].system.describe(ExtFileSystem.root, attributes)
        return Place(system: mounted, inode: ExtFileSystem.root)
    }

    private func copyFile(
        _ name: [CChar], _ path: [CChar], _ status: stat, _ described: FileAttributes, to place: Place
    ) throws {
        let system = fileSystems[place.system].system
        let here = source + path + [0]
        var attributes = described
        let isEmpty = status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
        let node = isEmpty ? nodeStoodFor(by: here) : nil
        if let node { attributes.mode = UInt32(node.kind) | attributes.mode & 0o7777 }
        // Hard links that end up on two file systems become two files, as with cp(1).
        let key = Source(device: status.st_dev, number: status.st_ino)
        if status.st_nlink > 1, let first = linked[key], first.system == place.system {
            return try system.addName(name, in: place.inode, of: first.inode, mode: attributes.mode)
        }
        let inode: ExtFileSystem.Inode
        switch attributes.mode & S_IFMT {
        case S_IFREG:
            let opened = open(here, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard opened >= 0 else { throw Errno(rawValue: errno) }
            let input = FileDescriptor(rawValue: opened)
            defer { try? input.close() }
            inode = try system.addFile(name, in: place.inode, attributes, size: UInt64(status.st_size), from: input)
        case S_IFLNK:
            inode = try system.addLink(name, in: place.inode, attributes, target: try linkTarget(here) + [0])
        default:
            inode = try system.addNode(name, in: place.inode, attributes, device: node?.device ?? UInt64(status.st_rdev))
        }
        if status.st_nlink > 1 { linked[key] = Place(system: place.system, inode: inode) }
    }

    private func names(in folder: [CChar]) throws -> [[CChar]] {
        let opened = open(source + folder + [0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { throw unreadable(folder, Errno(rawValue: errno)) }
        let descriptor = FileDescriptor(rawValue: opened)
        defer { try? descriptor.close() }
        do { return try folderNames(descriptor) } catch let error as Errno { throw unreadable(folder, error) }
    }

    private func context(of path: [CChar]) -> [ExtendedAttribute] {
        contexts.extendedAttribute(of: path.isEmpty ? [UInt8(ascii: "/")] : path.map(UInt8.init(bitPattern:))).map { [$0] } ?? []
    }

    private func attributes(of path: [CChar]) throws -> (status: stat, attributes: FileAttributes) {
        var status = stat()
        let place = source + path + [0]
        guard lstat(place, &status) == 0 else { throw Errno(rawValue: errno) }
        let attributes = FileAttributes(
            mode: status.st_mode, user: status.st_uid, group: status.st_gid, modified: status.st_mtim,
            extended: try extendedAttributes(of: place) + context(of: path))
        return (status, attributes)
    }

    private func text(_ path: some Collection<CChar>) -> String {
        path.isEmpty ? "/" : String(decoding: path.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func unreadable(_ path: [CChar], _ error: Errno) -> WorkerFailure {
        WorkerFailure(kind: .disks, message: "\(text(path)) of the root cannot be copied: \(error)")
    }
}
