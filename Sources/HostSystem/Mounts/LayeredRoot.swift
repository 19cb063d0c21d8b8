internal import CLinux
import Glibc
public import SystemPackage

/// A root file system in layers: those that stay as they are in the cache, such as the installed packages, and the changes made on top of them (devices, /init,
/// overlays). Seen as one through overlayfs, in the worker's mount namespace only.
///
/// Measured against a copy of the installroot for each change: mounting takes under a millisecond, copying 600 MB seconds.
public struct LayeredRoot: Hashable, Codable, Sendable {
    /// Never written to; the lowest first. At least one.
    public var layers: [FilePath]
    /// overlayfs's upper folder: what differs from `layers`.
    public var changes: FilePath
    /// overlayfs's work folder, on the file system of `changes`; only for a root that is written to.
    public var work: FilePath
    /// Where the whole is seen while mounted.
    public var mountPoint: FilePath

    public init(layers: [FilePath], changes: FilePath, work: FilePath, mountPoint: FilePath) {
        self.layers = layers
        self.changes = changes
        self.work = work
        self.mountPoint = mountPoint
    }

    /// Where the SELinux contexts of the whole are kept, if its packages have a policy (`FileContexts`).
    public var contexts: FilePath { changes.removingLastComponent().appending("contexts") }

    /// Why `changes` could not be in the folder, in words; `nil` where they can, or where only the mount itself would tell.
    public static func obstacle(at folder: FilePath) -> String? {
        switch fileSystemType(of: folder) {
        case overlayType: "it is on overlayfs, as a container's own files are; use a volume (-v /var/cache/discographer:\(folder))"
        case nfsType: "it is on NFS; use a file system of this host, such as ext4 or xfs"
        default: nil
        }
    }

    /// statfs(2), f_type: OVERLAYFS_SUPER_MAGIC and NFS_SUPER_MAGIC.
    private static let (overlayType, nfsType): (Int64, Int64) = (0x794c_7630, 0x6969)

    /// Mounts the whole at `mountPoint`. Only in a worker: there is no unmount, the mount ends with the worker.
    ///
    /// - Parameter readOnly: for readers such as the disk writers; `changes` is then a lower layer like the others.
    /// - Throws: `HostSystemError.systemCall`, `Errno`.
    public func mount(readOnly: Bool) throws {
        try createDirectories(mountPoint)
        if readOnly {
            try mountOverlay(lower: [changes] + layers.reversed(), at: mountPoint, readOnly: true)
        } else {
            try createDirectories(changes)
            try createDirectories(work)
            try mountOverlay(lower: layers.reversed(), upper: (changes, work), at: mountPoint)
        }
    }
}

/// The kind of a file system (statfs(2), f_type); -1 when it cannot be told.
public func fileSystemType(of folder: FilePath) -> Int64 { folder.withPlatformString { discographer_file_system_type($0) } }

/// Mounts folders as one (overlayfs).
///
/// - Parameters:
///   - lower: folders that stay as they are, the uppermost first.
///   - upper: the folder that gets what is changed, and overlayfs's own beside it; `nil`: nothing can be changed.
/// - Throws: `HostSystemError.systemCall`, `Errno` for a folder that cannot be opened.
public func mountOverlay(
    lower: [FilePath], upper: (changes: FilePath, work: FilePath)? = nil, at mountPoint: FilePath, readOnly: Bool = false, hasDevices: Bool = true
) throws {
    // By descriptor: the options of the mount have room for 4096 bytes, and not for every path (',' and ':' separate them).
    let folders = try (lower + (upper.map { [$0.changes, $0.work] } ?? [])).map {
        try FileDescriptor.open($0, .readOnly, options: [.directory, .closeOnExec])
    }
    defer { for folder in folders { try? folder.close() } }
    let names = folders.map { "/proc/self/fd/\($0.rawValue)" }
    var options = "lowerdir=" + names.prefix(lower.count).joined(separator: ":")
    if upper != nil { options += ",upperdir=\(names[lower.count]),workdir=\(names[lower.count + 1])" }
    try mount("overlay", at: mountPoint, type: "overlay", readOnly: readOnly, hasDevices: hasDevices, options: options + overlayAttributes)
}

/// Mounts layers as one root that may be written to, and forgets what was written when the worker ends. No device node of it can be opened.
///
/// - Parameter layers: the uppermost first.
/// - Returns: where the root is.
/// - Throws: `HostSystemError.systemCall`, `Errno`.
public func mountThrowAwayRoot(_ layers: [FilePath]) throws -> FilePath {
    let place: FilePath = "/run"
    try mount("tmpfs", at: place, type: "tmpfs", hasDevices: false)
    for name in ["changes", "work", "root"] { try createDirectories(place.appending(name)) }
    // The root's own mode and owner are those of the uppermost layer (overlayfs takes the upper folder's).
    var status = stat()
    if let first = layers.first, stat(first.string, &status) == 0 {
        chown(place.appending("changes").string, status.st_uid, status.st_gid)
        chmod(place.appending("changes").string, status.st_mode & 0o7777)
    }
    try mountOverlay(
        lower: layers, upper: (place.appending("changes"), place.appending("work")), at: place.appending("root"), hasDevices: false)
    return place.appending("root")
}

/// What overlayfs keeps its own marks in, as mount options that follow others. A user namespace may not set trusted.* attributes; with user.*
/// ones, the features that these options turn off are off.
private var overlayAttributes: String { UserNamespace.isInitial ? ",redirect_dir=off,metacopy=off" : ",userxattr" }
