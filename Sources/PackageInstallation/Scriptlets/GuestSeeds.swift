// Files that scriptlets of kernels, boot loaders and initramfs generators read, there before the first of them runs. Without them these take what they need of the
// build host: its kernel command line, its hardware, a random machine-id (kernel-install(8), dracut.conf(5), machine-id(5)).
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct GuestSeeds {
    private struct Seed {
        var path: FilePath
        var text: String
        var mode: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
    }

    private static let seeds = [
        Seed(path: "/etc/machine-id", text: GuestConstants.machineID + "\n", mode: [.ownerRead, .groupRead, .otherRead]),
        Seed(path: "/etc/hostname", text: GuestConstants.hostName + "\n"),
        Seed(path: "/etc/kernel/cmdline", text: GuestConstants.kernelCommandLine + "\n"),
        // Names boot entries whatever the version of kernel-install does by default.
        Seed(path: "/etc/kernel/entry-token", text: GuestConstants.machineID + "\n"),
        // After the distributions' own files, 01-dist.conf and 02-*.conf, one of which makes images for this hardware alone; before what a tree brings.
        Seed(path: "/etc/dracut.conf.d/03-discographer.conf", text: "hostonly=\"no\"\nhostonly_cmdline=\"no\"\nreproducible=\"yes\"\n"),
    ]

    private let root: FilePath
    private var placed: [Seed] = []
    /// The folders that were made for them, the outermost first.
    private var folders: [FilePath] = []
    /// Placed files and folders that packages have, as %ghost.
    private var owned: Set<FilePath> = []

    /// Places the files, but for those that an underlay or a package brings.
    ///
    /// - Throws: `FileError`, `HostSystemError.systemCall`.
    init(in root: FilePath, for lists: [FileList]) throws {
        self.root = root
        for seed in Self.seeds where !exists(inRoot(seed.path)) {
            let entries = lists.compactMap { list -> Bool? in
                let index = rpmfilesFindFN(list.files, seed.path.string)
                return index < 0 ? nil : rpmfilesFFlags(list.files, index) & RPMFILE_GHOST.rawValue != 0
            }
            guard !entries.contains(false) else { continue }
            if !entries.isEmpty { owned.insert(seed.path) }
            guard try makeFolders(above: seed.path, lists) else { continue }
            let file = try FileDescriptor.open(
                inRoot(seed.path), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec], permissions: seed.mode)
            try file.closeAfter { _ = try file.writeAll(seed.text.utf8) }
            placed.append(seed)
        }
    }

    /// Makes the missing folders.
    ///
    /// - Returns: `false` where something else is in the way, such as a link of an underlay.
    private mutating func makeFolders(above path: FilePath, _ lists: [FileList]) throws -> Bool {
        let folder = path.removingLastComponent()
        guard folder != "/" else { return true }
        guard try makeFolders(above: folder, lists) else { return false }
        guard !exists(inRoot(folder)) else { return isFolder(inRoot(folder)) }
        try createDirectories(inRoot(folder))
        folders.append(folder)
        if lists.contains(where: { rpmfilesFindFN($0.files, folder.string) >= 0 }) { owned.insert(folder) }
        return true
    }

    /// Removes the files that are as they were placed, and their folders that are empty and no package's. What scriptlets have written instead stays.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func remove() throws {
        for seed in placed {
            let path = inRoot(seed.path)
            guard isRegularFile(path), let text = try? readText(path), text == seed.text else { continue }
            // Empty, it is what systemd's own scriptlets leave, and what the machine's first start fills (machine-id(5)).
            if seed.path == "/etc/machine-id", owned.contains(seed.path) {
                try check(truncate(path.string, 0) == 0, path)
            } else {
                try keepingTime(of: path.removingLastComponent()) { try check(unlink(path.string) == 0, path) }
            }
        }
        for folder in folders.reversed() where !owned.contains(folder) && isFolder(inRoot(folder)) {
            try keepingTime(of: inRoot(folder).removingLastComponent()) {
                try check(rmdir(inRoot(folder).string) == 0 || errno == ENOTEMPTY || errno == EEXIST, inRoot(folder))
            }
        }
    }

    /// A folder of a package has its package's time.
    private func keepingTime(of folder: FilePath, _ body: () throws -> Void) throws {
        var status = stat()
        try check(stat(folder.string, &status) == 0, folder)
        try body()
        try check(utimensat(AT_FDCWD, folder.string, [status.st_atim, status.st_mtim], 0) == 0, folder)
    }

    private func check(_ good: Bool, _ path: FilePath) throws {
        if !good { throw HostSystemError.systemCall(what: "removing \(path)", errno: Errno(rawValue: errno)) }
    }

    private func inRoot(_ path: FilePath) -> FilePath { root.pushing(path.removingRoot()) }
}
