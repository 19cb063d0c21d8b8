import Glibc
import HostSystem
import SystemPackage

/// The configuration tree as generator scriptlets see it: what belongs to their machine and nothing else, with Git's modes. They may write into it, and what they
/// write is in a throw-away layer of this process's mounts. The tree stays as Git has it.
struct ConfigurationView {
    var configPath: FilePath
    /// Folders, files and links below `configPath`; the rest is not there.
    var visible: [FilePath]
    /// On a file system that overlayfs takes for its upper layer; the caller removes it.
    var scratch: FilePath
    /// Folders that stay what they are, even below `configPath`.
    var kept: [FilePath]

    /// - Throws: `HostSystemError.systemCall`, `Errno`, `FileError`.
    func mount() throws {
        let (changes, work) = (scratch.appending("changes"), scratch.appending("work"))
        try createDirectories(changes)
        try createDirectories(work)
        // By descriptor: those below the tree are about to be hidden.
        let inTree = kept.filter { Root.real($0).starts(with: Root.real(configPath)) }
        let folders = try inTree.map { try FileDescriptor.open($0, .readOnly, options: [.directory, .closeOnExec]) }
        defer { for folder in folders { try? folder.close() } }
        try hide(configPath, in: changes)
        try mountOverlay(lower: [configPath], upper: (changes, work), at: configPath)
        for (path, folder) in zip(inTree, folders) {
            try createDirectories(path)
            try bindMount(FilePath("/proc/self/fd/\(folder.rawValue)"), at: path, recursive: true)
        }
        for path in visible { try settleModes(at: path) }
    }

    /// Puts whiteouts (overlayfs.rst, "whiteouts and opaque directories") over all that is not visible.
    private func hide(_ folder: FilePath, in changes: FilePath) throws {
        let opened = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
        for name in try opened.closeAfter({ try folderEntries(opened) }) {
            let (path, place) = (folder.appending(name), changes.appending(name))
            if visible.contains(where: { path.starts(with: $0) }) { continue }
            if visible.contains(where: { $0.starts(with: path) }), Root.kind(path, followingLinks: false) == S_IFDIR {
                try Root.check(place.withPlatformString { mkdir($0, 0o755) })
                try hide(path, in: place)
            } else {
                try Root.check(place.withPlatformString { mknod($0, S_IFCHR, 0) })
            }
        }
    }

    /// A checkout's modes are its umask's; a scriptlet's `cp` would take them along.
    private func settleModes(at path: FilePath) throws {
        guard let status = Root.status(path, followingLinks: false) else { return }
        try settleMode(path, status)
        guard status.st_mode & S_IFMT == S_IFDIR else { return }
        // The modes of a folder are settled before what is in it is looked for.
        try Root.walk(path) { try settleMode($0, $1) }
    }

    private func settleMode(_ path: FilePath, _ status: stat) throws {
        guard let mode = gitMode(of: status), mode != status.st_mode & 0o7777 else { return }
        try Root.check(path.withPlatformString { chmod($0, mode) })
    }
}

/// The permissions that Git knows: a file's executable bit.
///
/// - Returns: `nil` for what has none: links.
func gitMode(of status: stat) -> mode_t? {
    switch status.st_mode & S_IFMT {
    case S_IFDIR: 0o755
    case S_IFLNK: nil
    default: status.st_mode & S_IXUSR != 0 ? 0o755 : 0o644
    }
}
