internal import CLinux
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A root that is open: folders in it are found, and made, as librpm's ensureDir (fsm.c) does. A symlink is followed when it is root's,
/// and absolute ones stay in the root.
public struct OpenRoot: ~Copyable {
    private let folder: FileDescriptor

    /// - Parameter name: of the root in `parent`.
    /// - Throws: `Errno` of openat(2).
    public init(_ name: String, in parent: FileDescriptor) throws {
        let opened = openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        folder = FileDescriptor(rawValue: opened)
    }

    deinit { try? folder.close() }

    /// Whether anything, be it a symlink that leads nowhere, is at the path.
    public func contains(_ path: FilePath) -> Bool {
        guard let name = path.lastComponent?.string, let parent = open(path.removingLastComponent().string) else { return path.lastComponent == nil }
        defer { try? parent.close() }
        var status = stat()
        return fstatat(parent.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// - Parameters:
    ///   - path: absolute, as the machine sees it.
    ///   - makesMissing: whether missing folders on the way are made, mode 0755.
    /// - Returns: `nil` when there is no such folder, or librpm would not go there; errno(3) says why.
    public func open(_ path: UnsafePointer<CChar>, makesMissing: Bool = false) -> FileDescriptor? {
        let opened = discographer_open_in_root_without_links(folder.rawValue, path, O_RDONLY | O_DIRECTORY)
        if opened >= 0 { return FileDescriptor(rawValue: opened) }
        guard errno == ELOOP || errno == ENOENT && makesMissing else { return nil }
        return walk(FilePath(platformString: path), makesMissing: makesMissing)
    }

    private func walk(_ path: FilePath, makesMissing: Bool) -> FileDescriptor? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var current = dup(folder.rawValue)
        var walked = FilePath("/")
        for component in path.components {
            defer { walked.append(component) }
            let name = component.string
            var next = openat(current, name, flags)
            if next < 0, errno == ENOENT, makesMissing, mkdirat(current, name, 0o755) == 0 { next = openat(current, name, flags) }
            var status = stat()
            if next < 0, fstatat(current, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK, status.st_uid == 0 {
                next = walked.appending(component).withPlatformString { discographer_open_in_root(folder.rawValue, $0, O_RDONLY | O_DIRECTORY) }
            }
            let reason = errno
            close(current)
            errno = reason
            guard next >= 0 else { return nil }
            current = next
        }
        return FileDescriptor(rawValue: current)
    }
}

/// Moves a file to a name that nothing has (renameat2(2), RENAME_NOREPLACE).
///
/// - Returns: whether it is there.
public func moveToFreeName(_ name: String, in folder: FileDescriptor, to freeName: UnsafePointer<CChar>, in target: FileDescriptor) -> Bool {
    discographer_move_to_free_name(folder.rawValue, name, target.rawValue, freeName) == 0
}
