// In workers only: the device detaches itself when its last user is gone, so that nothing is left behind however the build ends.
internal import CLinux
import Glibc
public import SystemPackage

/// A block device over a part of a file, for as long as this value lives or the device is in use.
public struct LoopDevice: ~Copyable {
    private let descriptor: FileDescriptor
    public let path: FilePath

    /// - Parameters:
    ///   - offset: where in the file the device begins, in bytes.
    ///   - size: its length in bytes; 0 for all that follows.
    /// - Throws: `HostSystemError.systemCall` when the file cannot be opened or no loop device can be had.
    public init(file: FilePath, offset: UInt64 = 0, size: UInt64 = 0, readOnly: Bool = false) throws {
        let backing: FileDescriptor
        do {
            backing = try FileDescriptor.open(file, readOnly ? .readOnly : .readWrite, options: .closeOnExec)
        } catch let error as Errno {
            throw HostSystemError.systemCall(what: "opening \(file)", errno: error)
        }
        defer { try? backing.close() }
        var name = [CChar](repeating: 0, count: 64)
        let device = discographer_loop_attach(backing.rawValue, offset, size, readOnly, &name, name.count)
        guard device >= 0 else {
            throw HostSystemError.systemCall(what: "attaching \(file) to a loop device", errno: Errno(rawValue: errno))
        }
        descriptor = FileDescriptor(rawValue: device)
        path = FilePath(String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    deinit { try? descriptor.close() }
}
