import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

/// One layer of underlays or overlays on its way into the root.
///
/// The layer's folder is opened before the process enters the root; from then on its files are reached through that descriptor alone, and the
/// root's own symlinks are the kernel's to resolve, inside the root. What Git does not hold (owners, times, extended attributes) is not
/// taken from the layer: files are root's, and the layer's permissions say the rest.
struct LayerCopy: ~Copyable {
    private struct Inode: Hashable {
        var device: dev_t
        var number: ino_t
    }

    /// Which modes the files get.
    enum Modes {
        /// Git's: 0644, or 0755 for programs and folders, whatever the umask of the checkout was.
        case git
        /// Those that they have.
        case own
    }

    private let layer: OverlayLayer
    private let modes: Modes
    private let folder: FileDescriptor
    private let epoch: Int
    private(set) var problems: [String] = []
    /// What the layer put into the root, without symlinks on the way.
    private(set) var paths: [FilePath] = []
    private var madeFolders: [FilePath] = []
    /// Nothing more is tried then: every file of a thousand would say the same.
    private(set) var isFull = false
    /// Files of the layer that have several names, with the first one they got in the root.
    private var linked: [Inode: FilePath] = [:]

    /// - Throws: `WorkerFailure` when the folder cannot be opened.
    init(_ layer: OverlayLayer, modes: Modes, epoch: Int) throws {
        self.layer = layer
        self.modes = modes
        self.epoch = epoch
        do {
            folder = try FileDescriptor.open(layer.path, .readOnly, options: [.directory, .closeOnExec])
        } catch {
            throw WorkerFailure(kind: "overlay", message: "\(layer.path): error: cannot be read: \(error)")
        }
    }

    deinit { try? folder.close() }

    /// Copies all; inside the root. What cannot be copied is in `problems`.
    mutating func copy() {
        copyEntries(of: folder, from: layer.path, to: "/", hidden: false)
        // The accounts are read here: a layer may bring /etc/passwd.
        if !isFull, !layer.permissions.isEmpty { problems += LayerPermissions(accounts: Accounts()).apply(layer.permissions) }
        // Folders last: writing into them changed their times.
        for path in madeFolders { Root.setTimes(path, epoch: epoch) }
    }

    private mutating func copyEntries(
        of directory: FileDescriptor, from source: FilePath, to destination: FilePath, hidden: Bool
    ) {
        let names: [FilePath.Component]
        do { names = try Root.names(in: directory) } catch {
            problems.append("\(source): error: cannot be read: \(error)")
            return
        }
        for name in names where !isFull && (hidden || !name.string.hasPrefix(".")) {
            let (from, target) = (source.appending(name), destination.appending(name))
            do {
                var status = stat()
                try Root.check(
                    name.withPlatformString { fstatat(directory.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) })
                if modes == .git, let mode = gitMode(of: status) { status.st_mode = status.st_mode & S_IFMT | mode }
                switch status.st_mode & S_IFMT {
                case S_IFDIR: try copyFolder(name, in: directory, from: from, mode: status.st_mode, to: target)
                case S_IFREG: try copyFile(name, in: directory, status: status, to: target)
                case S_IFLNK: try copyLink(name, in: directory, to: target)
                case S_IFIFO:
                    try makeWay(for: target)
                    try Root.check(target.withPlatformString { mkfifo($0, 0o600) })
                    try finish(target, mode: status.st_mode)
                case S_IFCHR, S_IFBLK:
                    throw Conflict("a device; use the machine's 'devices' file")
                default: throw Conflict("a socket; expected files, folders, links and FIFOs")
                }
            } catch {
                problems.append("\(from): error: \(error)")
                isFull = error as? Errno == .noSpace
            }
        }
    }

    /// Why an entry of a layer cannot be what it is.
    private struct Conflict: Error, CustomStringConvertible {
        var description: String

        init(_ description: String) { self.description = description }
    }

    private mutating func copyFolder(
        _ name: FilePath.Component, in directory: FileDescriptor, from source: FilePath, mode: mode_t,
        to target: FilePath
    ) throws {
        if let existing = Root.kind(target, followingLinks: true) {
            // A link to a folder, such as /bin, is followed; what is there keeps its mode and owner.
            guard existing == S_IFDIR else {
                throw Conflict("a folder, but \(target) of the root is not; expected a file")
            }
        } else {
            guard Root.status(target, followingLinks: false) == nil else {
                throw Conflict("a folder, but \(target) of the root is a broken link")
            }
            try Root.makeFolder(target, mode: mode)
            paths.append(target)
            madeFolders.append(target)
        }
        let inner = name.withPlatformString {
            openat(directory.rawValue, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard inner >= 0 else { throw Errno(rawValue: errno) }
        let descriptor = FileDescriptor(rawValue: inner)
        defer { try? descriptor.close() }
        copyEntries(of: descriptor, from: source, to: Root.real(target), hidden: true)
    }

    private mutating func copyFile(
        _ name: FilePath.Component, in directory: FileDescriptor, status: stat, to target: FilePath
    ) throws {
        try makeWay(for: target)
        let inode = Inode(device: status.st_dev, number: status.st_ino)
        if status.st_nlink > 1, let first = linked[inode] {
            try Root.check(first.withPlatformString { first in target.withPlatformString { link(first, $0) } })
            paths.append(target)
            return
        }
        let opened = name.withPlatformString { openat(directory.rawValue, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        let input = FileDescriptor(rawValue: opened)
        defer { try? input.close() }
        let output = try FileDescriptor.open(
            target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        try output.closeAfter { try copyContents(of: input, to: output) }
        try finish(target, mode: status.st_mode)
        if status.st_nlink > 1 { linked[inode] = target }
    }

    private mutating func copyLink(_ name: FilePath.Component, in directory: FileDescriptor, to target: FilePath) throws {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = name.withPlatformString { readlinkat(directory.rawValue, $0, &buffer, Int(PATH_MAX)) }
        guard length >= 0 else { throw Errno(rawValue: errno) }
        try makeWay(for: target, isLink: true)
        try Root.check(target.withPlatformString { symlink(buffer, $0) })
        try finish(target, mode: nil)
    }

    private mutating func finish(_ target: FilePath, mode: mode_t?) throws {
        try Root.own(target, mode: mode)
        Root.setTimes(target, epoch: epoch)
        paths.append(target)
    }

    /// Removes the file or link that the layer's entry replaces. Only a link takes the place of a link to a folder: a file
    /// named `bin` would bury all of /bin.
    private func makeWay(for target: FilePath, isLink: Bool = false) throws {
        guard let existing = Root.kind(target, followingLinks: !isLink) else { return try Root.removeFile(target) }
        guard existing != S_IFDIR else {
            throw Conflict("not a folder, but \(target) of the root is one; expected a folder")
        }
        try Root.removeFile(target)
    }
}

/// Copies layers into a root, in their order.
///
/// - Returns: all that they put there, sorted, each path once.
/// - Throws: `WorkerFailure` of kind `overlay` with everything that could not be copied.
func copyLayers(_ layers: [(layer: OverlayLayer, modes: LayerCopy.Modes)], into root: FilePath, epoch: Int) throws -> [FilePath] {
    var paths: Set<FilePath> = []
    var problems: [String] = []
    for (layer, modes) in layers {
        var copy = try LayerCopy(layer, modes: modes, epoch: epoch)
        try Root.inside(root) { copy.copy() }
        problems += copy.problems
        paths.formUnion(copy.paths)
        if copy.isFull { break }
    }
    guard problems.isEmpty else { throw WorkerFailure(kind: "overlay", message: problems.joined(separator: "\n")) }
    return paths.sorted { $0.string < $1.string }
}
