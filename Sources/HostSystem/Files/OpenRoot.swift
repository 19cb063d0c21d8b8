internal import CLinux
import Glibc
public import SystemPackage

/// A root that is open: folders in it are found, and made, as librpm's ensureDir (fsm.c) does. A symlink is followed when it is root's,
/// and absolute ones stay in the root.
public struct OpenRoot: ~Copyable {
    private let folder: FileDescriptor
    /// Folders of the root that are not what the machine sees: others are mounted there. A link that leads there is not followed.
    private let covered: Set<FilePath>

    /// - Parameter name: of the root in `parent`.
    /// - Throws: `Errno` of openat(2).
    public init(_ name: String, in parent: FileDescriptor, covered: Set<FilePath>) throws {
        let opened = openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        folder = FileDescriptor(rawValue: opened)
        self.covered = covered
    }

    deinit { try? folder.close() }

    /// Whether the root is the folder at the path.
    public func isSame(as path: FilePath) -> Bool {
        var (own, other) = (stat(), stat())
        return fstat(folder.rawValue, &own) == 0 && lstat(path.string, &other) == 0 && (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino)
    }

    /// Whether anything, be it a symlink that leads nowhere, is at the path.
    public func contains(_ path: FilePath) -> Bool {
        guard let name = path.lastComponent else { return true }
        guard let parent = path.removingLastComponent().withPlatformString({ open($0) }) else { return false }
        defer { try? parent.close() }
        var status = stat()
        return name.withPlatformString { fstatat(parent.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0
    }

    /// Whether there is a symlink in the path; not, where it ends before one.
    public func isBehindLink(_ path: FilePath) -> Bool {
        let opened = path.withPlatformString { discographer_open_in_root_without_links(folder.rawValue, $0, O_RDONLY | O_DIRECTORY) }
        let reason = errno
        if opened >= 0 { close(opened) }
        return opened < 0 && reason == ELOOP
    }

    /// - Parameters:
    ///   - path: absolute, as the machine sees it.
    ///   - noteMade: called with each folder that is made, mode 0755, because it is missing on the way; without it none is made.
    /// - Returns: `nil` when there is no such folder, or librpm would not go there; errno(3) says why.
    public func open(_ path: UnsafePointer<CChar>, noteMade: ((FilePath) -> Void)? = nil) -> FileDescriptor? {
        let opened = discographer_open_in_root_without_links(folder.rawValue, path, O_RDONLY | O_DIRECTORY)
        if opened >= 0 { return FileDescriptor(rawValue: opened) }
        guard errno == ELOOP || errno == ENOENT && noteMade != nil else { return nil }
        return walk(FilePath(platformString: path), noteMade)
    }

    private func walk(_ path: FilePath, _ noteMade: ((FilePath) -> Void)?) -> FileDescriptor? {
        var waiting = Array(path.components.reversed())
        /// As many of them are the path's own. Where a link leads nothing is made.
        var own = waiting.count
        var place = FilePath("/")
        var links = 0
        var current = dup(folder.rawValue)
        while let component = waiting.popLast() {
            let isOfLink = waiting.count >= own
            own = min(own, waiting.count)
            var next: Int32
            if component.kind == .regular {
                next = open(component, in: current, at: place, isOfLink ? nil : noteMade)
                if next >= 0 {
                    place.append(component)
                } else if errno == ELOOP || errno == ENOTDIR, let target = ownLink(component, in: current), links < Self.mostLinks {
                    links += 1
                    waiting += target.components.reversed()
                    guard target.isAbsolute else { continue }
                    next = dup(folder.rawValue)
                    place = "/"
                }
            } else if component.kind == .parentDirectory, !place.components.isEmpty {
                next = openat(current, "..", Self.flags)
                place.removeLastComponent()
            } else {
                continue
            }
            let reason = errno
            close(current)
            errno = reason
            guard next >= 0 else { return nil }
            current = next
            guard !covered.contains(place) else {
                close(current)
                errno = EXDEV
                return nil
            }
        }
        return FileDescriptor(rawValue: current)
    }

    /// As many as the kernel follows (path_resolution(7)).
    private static let mostLinks = 40
    private static let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC

    private func open(_ name: FilePath.Component, in parent: Int32, at place: FilePath, _ noteMade: ((FilePath) -> Void)?) -> Int32 {
        name.withPlatformString { text in
            let opened = openat(parent, text, Self.flags)
            guard opened < 0, errno == ENOENT, let noteMade, mkdirat(parent, text, 0o755) == 0 else { return opened }
            noteMade(place.appending(name))
            return openat(parent, text, Self.flags)
        }
    }

    /// Where root's symlink leads.
    private func ownLink(_ name: FilePath.Component, in parent: Int32) -> FilePath? {
        name.withPlatformString { name in
            var status = stat()
            guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK, status.st_uid == 0 else { return nil }
            let target = [CChar](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
                guard let address = buffer.baseAddress else { return }
                count = max(0, readlinkat(parent, name, address, buffer.count))
            }
            return target.isEmpty ? nil : FilePath(platformString: target + [0])
        }
    }
}

/// Moves a file to a name that nothing has (renameat2(2), RENAME_NOREPLACE).
///
/// - Returns: whether it is there.
public func moveToFreeName(_ name: String, in folder: FileDescriptor, to freeName: UnsafePointer<CChar>, in target: FileDescriptor) -> Bool {
    discographer_move_to_free_name(folder.rawValue, name, target.rawValue, freeName) == 0
}
