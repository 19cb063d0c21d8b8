// The machine's root as the kernel shows it to a process that is chrooted into it: no symlink of an overlay or a package
// can lead a write out of it.
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

enum Root {
    /// Does `body` with the process's root at `path`, and comes back.
    ///
    /// - Throws: `HostSystemError.systemCall`, or what `body` throws.
    static func inside<Value>(_ path: FilePath, _ body: () throws -> Value) throws -> Value {
        let outside = try FileDescriptor.open("/", .readOnly, options: [.directory, .closeOnExec])
        defer { try? outside.close() }
        guard chdir(path.string) == 0, chroot(".") == 0 else {
            throw HostSystemError.systemCall(what: "entering the root \(path)", errno: Errno(rawValue: errno))
        }
        let result = Result { try body() }
        guard fchdir(outside.rawValue) == 0, chroot(".") == 0 else {
            throw HostSystemError.systemCall(what: "leaving the root \(path)", errno: Errno(rawValue: errno))
        }
        return try result.get()
    }

    /// What is at a path: its mode, or `nil`.
    static func mode(_ path: FilePath, followingLinks: Bool) -> mode_t? {
        var status = stat()
        let result = followingLinks ? stat(path.string, &status) : lstat(path.string, &status)
        return result == 0 ? status.st_mode : nil
    }

    /// Sets both times to `epoch` (utimensat(2)), without following a link.
    static func setTimes(_ path: FilePath, epoch: Int) {
        let time = timespec(tv_sec: epoch, tv_nsec: 0)
        _ = withUnsafePointer(to: (time, time)) { pair in
            pair.withMemoryRebound(to: timespec.self, capacity: 2) {
                utimensat(AT_FDCWD, path.string, $0, AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    /// Writes a whole file in place of whatever file or link is there, owned by root.
    static func write(_ text: String, to path: FilePath, mode: mode_t, epoch: Int) throws {
        try createDirectories(path.removingLastComponent())
        unlink(path.string)
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
            permissions: FilePermissions(rawValue: mode))
        try descriptor.closeAfter {
            _ = try descriptor.writeAll(text.utf8)
            fchmod(descriptor.rawValue, mode)
        }
        setTimes(path, epoch: epoch)
    }

    static func failure(_ what: String) -> WorkerFailure {
        WorkerFailure(kind: "rootFilesystem", message: "\(what): \(Errno(rawValue: errno))")
    }
}
