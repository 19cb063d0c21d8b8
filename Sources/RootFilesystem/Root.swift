// File operations inside the machine's root, for a thread that is chrooted into it: no symlink of an overlay or a package can redirect a write out of the root.
// Names are bytes, since a root may have names that are not UTF-8.
import Glibc
import HostSystem
import SystemPackage

enum Root {
    /// Calls `body` with this thread's root at `path`, then restores it.
    ///
    /// - Throws: `HostSystemError.systemCall`, or what `body` throws.
    static func inside<Value>(_ path: FilePath, _ body: () throws -> Value) throws -> Value {
        let outside = try FileDescriptor.open("/", .readOnly, options: [.directory, .closeOnExec])
        defer { try? outside.close() }
        try ownRootOfThread()
        guard path.withPlatformString({ chdir($0) }) == 0, chroot(".") == 0 else {
            throw HostSystemError.systemCall(what: "entering the root \(path)", errno: Errno(rawValue: errno))
        }
        let result = Result { try body() }
        guard fchdir(outside.rawValue) == 0, chroot(".") == 0 else {
            throw HostSystemError.systemCall(what: "leaving the root \(path)", errno: Errno(rawValue: errno))
        }
        return try result.get()
    }

    /// The status of a path; `nil` if it does not exist.
    static func status(_ path: FilePath, followingLinks: Bool) -> stat? {
        var status = stat()
        let result = path.withPlatformString { followingLinks ? stat($0, &status) : lstat($0, &status) }
        return result == 0 ? status : nil
    }

    static func kind(_ path: FilePath, followingLinks: Bool) -> mode_t? {
        status(path, followingLinks: followingLinks).map { $0.st_mode & S_IFMT }
    }

    /// The folder's path with symlinks resolved (realpath(3)); unchanged when it does not exist.
    static func real(_ folder: FilePath) -> FilePath {
        guard let resolved = folder.withPlatformString({ realpath($0, nil) }) else { return folder }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    /// The path with the symlinks of its folder resolved, but not a symlink at the path itself.
    static func realEntry(_ path: FilePath) -> FilePath {
        guard let name = path.lastComponent else { return path }
        return real(path.removingLastComponent()).appending(name)
    }

    /// Sets both times to `epoch` (utimensat(2)), without following a link.
    static func setTimes(_ path: FilePath, epoch: Int) {
        let time = timespec(tv_sec: epoch, tv_nsec: 0)
        _ = withUnsafePointer(to: (time, time)) { pair in
            pair.withMemoryRebound(to: timespec.self, capacity: 2) { times in
                path.withPlatformString { utimensat(AT_FDCWD, $0, times, AT_SYMLINK_NOFOLLOW) }
            }
        }
    }

    /// Sets owner and group to root, since a setgid folder may have set another group, and the mode, since the umask may have changed it.
    static func own(_ path: FilePath, mode: mode_t?) throws {
        try check(path.withPlatformString { lchown($0, 0, 0) })
        if let mode { try check(path.withPlatformString { chmod($0, mode & 0o7777) }) }
    }

    static func makeFolder(_ path: FilePath, mode: mode_t) throws {
        try check(path.withPlatformString { mkdir($0, mode & 0o7777) })
        try own(path, mode: mode)
    }

    /// Makes the missing folders above a path, owned by root, with mode 0755.
    static func makeParents(of path: FilePath) throws {
        let parent = path.removingLastComponent()
        guard status(parent, followingLinks: true) == nil, parent != path else { return }
        try makeParents(of: parent)
        try makeFolder(parent, mode: 0o755)
    }

    /// Writes a file owned by root, and replaces a file or link at the path.
    ///
    /// - Throws: `Errno`; `.isDirectory` when the path is a folder.
    static func write(_ bytes: some Sequence<UInt8>, to path: FilePath, mode: mode_t, epoch: Int) throws {
        try makeParents(of: path)
        try removeFile(path)
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
        try own(path, mode: mode)
        setTimes(path, epoch: epoch)
    }

    /// Removes a file, link or device, if it exists.
    ///
    /// - Throws: `Errno`; `.isDirectory` when the path is a folder.
    static func removeFile(_ path: FilePath) throws {
        guard path.withPlatformString({ unlink($0) }) != 0, errno != ENOENT else { return }
        throw Errno(rawValue: errno)
    }

    /// The names in an open folder, in alphanumeric (byte) order.
    static func names(in directory: FileDescriptor) throws -> [FilePath.Component] { try folderEntries(directory) }

    /// Visits everything below a folder, and not the folder itself (`HostSystem.walk`).
    ///
    /// - Throws: `HostSystemError.systemCall` for what cannot be read, and what `visit` throws.
    static func walk(_ folder: FilePath, _ visit: (FilePath, stat) throws -> Void) throws {
        try HostSystem.walk(folder) { path, status in if path != folder { try visit(path, status) } }
    }

    static func check(_ result: Int32) throws {
        if result != 0 { throw Errno(rawValue: errno) }
    }
}
