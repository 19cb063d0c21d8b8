// The machine's root as the kernel shows it to a thread that is chrooted into it: no symlink of an overlay or a package
// can lead a write out of it. Names are bytes: a root may hold some that are not UTF-8.
import Glibc
import HostSystem
import SystemPackage

enum Root {
    /// Does `body` with this thread's root at `path`, and comes back.
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

    /// What is at a path, or `nil`.
    static func status(_ path: FilePath, followingLinks: Bool) -> stat? {
        var status = stat()
        let result = path.withPlatformString { followingLinks ? stat($0, &status) : lstat($0, &status) }
        return result == 0 ? status : nil
    }

    static func kind(_ path: FilePath, followingLinks: Bool) -> mode_t? {
        status(path, followingLinks: followingLinks).map { $0.st_mode & S_IFMT }
    }

    /// The folder's name without symlinks on the way (realpath(3)); itself when it is not there.
    static func real(_ folder: FilePath) -> FilePath {
        guard let resolved = folder.withPlatformString({ realpath($0, nil) }) else { return folder }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    /// The path with the symlinks of its folder resolved, and not its own.
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

    /// Makes what was just made root's, whatever group a setgid folder gave it, and gives it its mode in spite of the umask.
    static func own(_ path: FilePath, mode: mode_t?) throws {
        try check(path.withPlatformString { lchown($0, 0, 0) })
        if let mode { try check(path.withPlatformString { chmod($0, mode & 0o7777) }) }
    }

    static func makeFolder(_ path: FilePath, mode: mode_t) throws {
        try check(path.withPlatformString { mkdir($0, mode & 0o7777) })
        try own(path, mode: mode)
    }

    /// Makes the folders above a path that are missing: root's, 0755.
    static func makeParents(of path: FilePath) throws {
        let parent = path.removingLastComponent()
        guard status(parent, followingLinks: true) == nil, parent != path else { return }
        try makeParents(of: parent)
        try makeFolder(parent, mode: 0o755)
    }

    /// Writes a whole file in place of whatever file or link is there, owned by root.
    ///
    /// - Throws: `Errno`; `.isDirectory` when a folder is there.
    static func write(_ bytes: some Sequence<UInt8>, to path: FilePath, mode: mode_t, epoch: Int) throws {
        try makeParents(of: path)
        try removeFile(path)
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
        try own(path, mode: mode)
        setTimes(path, epoch: epoch)
    }

    /// Removes a file, link or device; that nothing is there is fine.
    ///
    /// - Throws: `Errno`; `.isDirectory` when a folder is there.
    static func removeFile(_ path: FilePath) throws {
        guard path.withPlatformString({ unlink($0) }) != 0, errno != ENOENT else { return }
        throw Errno(rawValue: errno)
    }

    /// The names in an open folder, in alphanumeric (byte) order.
    static func names(in directory: FileDescriptor) throws -> [FilePath.Component] { try folderEntries(directory) }

    /// Everything below a folder, without following links; what cannot be read is passed over.
    static func walk(_ folder: FilePath, _ visit: (FilePath, stat) throws -> Void) throws {
        var waiting = [folder]
        while let folder = waiting.popLast() {
            guard
                let descriptor = try? FileDescriptor.open(
                    folder, .readOnly, options: [.directory, .noFollow, .closeOnExec])
            else { continue }
            for name in try descriptor.closeAfter({ try names(in: descriptor) }) {
                let path = folder.appending(name)
                guard let status = status(path, followingLinks: false) else { continue }
                if status.st_mode & S_IFMT == S_IFDIR { waiting.append(path) }
                try visit(path, status)
            }
        }
    }

    static func check(_ result: Int32) throws {
        if result != 0 { throw Errno(rawValue: errno) }
    }
}
