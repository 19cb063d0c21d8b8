internal import CLinux
import Glibc
public import SystemPackage

/// An open folder that this process itself reaches only while it means to: librpm runs Lua scriptlets in this process, and what is open is theirs by
/// /proc/self/fd. A descriptor that is on its way through a socket (unix(7), SCM_RIGHTS) is nobody's, and Lua cannot receive it.
public final class HiddenFolder: Sendable {
    private let sender: FileDescriptor
    private let receiver: FileDescriptor

    /// - Parameter folder: closed here.
    /// - Throws: `Errno`.
    init(_ folder: FileDescriptor) throws {
        defer { try? folder.close() }
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else { throw Errno(rawValue: errno) }
        (sender, receiver) = (FileDescriptor(rawValue: pair[0]), FileDescriptor(rawValue: pair[1]))
        guard discographer_hide_descriptor(pair[0], folder.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    deinit {
        try? sender.close()
        try? receiver.close()
    }

    /// Not for threads.
    ///
    /// - Returns: `nil` when the folder is lost: a scriptlet may have closed what this process needs.
    public func with<Value>(_ body: (FileDescriptor) -> Value) -> Value? {
        let folder = discographer_take_descriptor(receiver.rawValue)
        guard folder >= 0 else { return nil }
        defer {
            _ = discographer_hide_descriptor(sender.rawValue, folder)
            close(folder)
        }
        return body(FileDescriptor(rawValue: folder))
    }
}
