internal import CLinux
import Glibc
public import SystemPackage

/// An open root. Finds and makes folders in it as librpm's ensureDir (fsm.c) does: it follows a symlink only if root owns it, and resolves an absolute one
/// within the root.
public struct OpenRoot: ~Copyable {
    private let folder: FileDescriptor
    /// Folders of the root that are mounted over. A link that leads there is not followed.
    private let covered: Set<FilePath>

    /// - Parameter name: the root's name in `parent`.
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

    /// Whether the path exists. A broken symlink does.
    public func contains(_ path: FilePath) -> Bool {
        guard let name = path.lastComponent else { return true }
        guard let parent = path.removingLastComponent().withPlatformString({ open($0) }) else { return false }
        defer { try? parent.close() }
        var status = stat()
        return name.withPlatformString { fstatat(parent.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0
    }

    /// Whether the path has a symlink in it. A path that does not exist up to there does not.
    public func isBehindLink(_ path: FilePath) -> Bool {
        let opened = path.withPlatformString { discographer_open_in_root_without_links(folder.rawValue, $0, O_RDONLY | O_DIRECTORY) }
        let reason = errno
        if opened >= 0 { close(opened) }
        return opened < 0 && reason == ELOOP
    }

    /// - Parameters:
    ///   - path: absolute, as the machine sees it.
    ///   - noteMade: called with each folder that is made on the way, with mode 0755, because it is missing. Without it, none is made.
    /// - Returns: `nil` when the folder does not exist or librpm would not enter it; errno(3) says why.
    public func open(_ path: UnsafePointer<CChar>, noteMade: ((FilePath) -> Void)? = nil) -> FileDescriptor? {
        let opened = discographer_open_in_root_without_links(folder.rawValue, path, O_RDONLY | O_DIRECTORY)
        if opened >= 0 { return FileDescriptor(rawValue: opened) }
        guard errno == ELOOP || errno == ENOENT && noteMade != nil else { return nil }
        return walk(FilePath(platformString: path), noteMade)
    }

    private func walk(_ path: FilePath, _ noteMade: ((FilePath) -> Void)?) -> FileDescriptor? {
        var waiting = Array(path.components.reversed())
        /// How many of them belong to the path itself. Nothing is made where a link leads.
        var own = waiting.count
        var place = FilePath("/")
        var links = 0
        var current = duplicateOfRoot()
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
                    next = duplicateOfRoot()
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

    /// Closed on exec, unlike dup(2)'s: a program that is started at the same moment must not inherit it.
    private func duplicateOfRoot() -> Int32 { fcntl(folder.rawValue, F_DUPFD_CLOEXEC, 0) }

    /// The kernel's limit (path_resolution(7)).
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

    /// The target of a symlink that root owns.
    private func ownLink(_ name: FilePath.Component, in parent: Int32) -> FilePath? {
        name.withPlatformString { name in
            var status = stat()
            guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK, status.st_uid == 0 else { return nil }
            return (try? linkTarget(name, in: FileDescriptor(rawValue: parent))).map { FilePath(platformString: $0 + [0]) }
        }
    }
}

/// Moves a file to a name that does not exist yet (RENAME_NOREPLACE, renameat2(2)).
///
/// - Returns: whether it was moved.
public func moveToFreeName(_ name: String, in folder: FileDescriptor, to freeName: UnsafePointer<CChar>, in target: FileDescriptor) -> Bool {
    discographer_move_to_free_name(folder.rawValue, name, target.rawValue, freeName) == 0
}
