internal import CLinux
import Glibc
public import SystemPackage

/// Keeps a directory descriptor in flight on a Unix socket (SCM_RIGHTS, unix(7)) while it is not in use. librpm runs Lua scriptlets in this process; they could
/// reach an open descriptor through /proc/self/fd, but cannot receive one from a socket.
public final class ParkedDescriptor: Sendable {
    private let sender: FileDescriptor
    private let receiver: FileDescriptor

    /// - Parameter folder: closed by this call.
    /// - Throws: `Errno`.
    init(_ folder: FileDescriptor) throws {
        defer { try? folder.close() }
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else { throw Errno(rawValue: errno) }
        (sender, receiver) = (FileDescriptor(rawValue: pair[0]), FileDescriptor(rawValue: pair[1]))
        guard discographer_park_descriptor(pair[0], folder.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    deinit {
        try? sender.close()
        try? receiver.close()
    }

    /// Calls `body` with the open folder. Must not be called by two threads at once.
    ///
    /// - Returns: `nil` when the descriptor is lost, because a scriptlet has closed the socket.
    public func with<Value>(_ body: (FileDescriptor) -> Value) -> Value? {
        let folder = discographer_unpark_descriptor(receiver.rawValue)
        guard folder >= 0 else { return nil }
        defer {
            _ = discographer_park_descriptor(sender.rawValue, folder)
            close(folder)
        }
        return body(FileDescriptor(rawValue: folder))
    }
}
