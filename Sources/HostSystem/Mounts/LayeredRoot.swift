internal import CLinux
import Glibc
public import SystemPackage

/// A root file system in two layers: the installed packages, which stay as they are in the cache, and the changes made on
/// top of them (devices, /init, overlays). Seen as one through overlayfs, in the worker's mount namespace only.
///
/// Measured against a copy of the installroot for each change: mounting takes under a millisecond, copying 600 MB seconds.
public struct LayeredRoot: Hashable, Codable, Sendable {
    /// The installroot; never written to.
    public var installed: FilePath
    /// overlayfs's upper folder: what differs from `installed`.
    public var changes: FilePath
    /// overlayfs's work folder, on the file system of `changes`.
    public var work: FilePath
    /// Where the whole is seen while mounted.
    public var mountPoint: FilePath

    public init(installed: FilePath, changes: FilePath, work: FilePath, mountPoint: FilePath) {
        self.installed = installed
        self.changes = changes
        self.work = work
        self.mountPoint = mountPoint
    }

    /// Where the SELinux contexts of the whole are kept, if its packages have a policy (`FileContexts`).
    public var contexts: FilePath { changes.removingLastComponent().appending("contexts") }

    /// Why `changes` could not be in the folder, in words; `nil` where they can, or where only the mount itself would tell.
    public static func obstacle(at folder: FilePath) -> String? {
        switch folder.withPlatformString({ discographer_file_system_type($0) }) {
        case overlayType: "it is on overlayfs, as a container's own files are; a volume (-v /var/cache/discographer:\(folder)) would be right"
        case nfsType: "it is on NFS; a file system of this host, such as ext4 or xfs, would be right"
        default: nil
        }
    }

    /// statfs(2), f_type: OVERLAYFS_SUPER_MAGIC and NFS_SUPER_MAGIC.
    private static let (overlayType, nfsType): (Int64, Int64) = (0x794c_7630, 0x6969)

    /// Mounts the whole at `mountPoint`. Only in a worker: there is no unmount, the mount ends with the worker.
    ///
    /// - Parameter readOnly: for readers such as the disk writers; `changes` is then a lower layer like the other.
    /// - Throws: `HostSystemError.systemCall`.
    public func mount(readOnly: Bool) throws {
        for path in [installed, changes, work, mountPoint] where path.string.contains(where: { ",:\\".contains($0) }) {
            throw HostSystemError.systemCall(
                what: "mounting an overlay: \(path) has a ',', ':' or '\\' in its name", errno: .invalidArgument)
        }
        try createDirectories(changes)
        try createDirectories(mountPoint)
        let options: String
        if readOnly {
            options = "lowerdir=\(changes):\(installed)" + overlayAttributes
        } else {
            try createDirectories(work)
            options = "lowerdir=\(installed),upperdir=\(changes),workdir=\(work)" + overlayAttributes
        }
        try HostSystem.mount("overlay", at: mountPoint, type: "overlay", readOnly: readOnly, options: options)
    }
}

/// Mounts layers as one root that may be written to, and forgets what was written when the worker ends. No device node of it can be opened.
///
/// - Parameter layers: the uppermost first.
/// - Returns: where the root is.
/// - Throws: `HostSystemError.systemCall`.
public func mountThrowAwayRoot(_ layers: [FilePath]) throws -> FilePath {
    for path in layers where path.string.contains(where: { ",:\\".contains($0) }) {
        throw HostSystemError.systemCall(
            what: "mounting an overlay: \(path) has a ',', ':' or '\\' in its name", errno: .invalidArgument)
    }
    let place: FilePath = "/run"
    try mount("tmpfs", at: place, type: "tmpfs", hasDevices: false)
    for name in ["changes", "work", "root"] { try createDirectories(place.appending(name)) }
    // The root's own mode and owner are those of the uppermost layer (overlayfs takes the upper folder's).
    var status = stat()
    if let first = layers.first, stat(first.string, &status) == 0 {
        chown(place.appending("changes").string, status.st_uid, status.st_gid)
        chmod(place.appending("changes").string, status.st_mode & 0o7777)
    }
    let lower = layers.map(\.string).joined(separator: ":")
    try mount(
        "overlay", at: place.appending("root"), type: "overlay", hasDevices: false,
        options: "lowerdir=\(lower),upperdir=\(place)/changes,workdir=\(place)/work" + overlayAttributes)
    return place.appending("root")
}

/// What overlayfs keeps its own marks in, as mount options that follow others. A user namespace may not set trusted.* attributes; with user.*
/// ones, the features that these options turn off are off.
public var overlayAttributes: String { UserNamespace.isInitial ? ",redirect_dir=off,metacopy=off" : ",userxattr" }
