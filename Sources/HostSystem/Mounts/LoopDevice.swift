internal import CLinux
import Glibc
public import SystemPackage

/// A block device over a part of a file, for as long as this value lives or the device is in use. It detaches itself then, so that nothing is left however the
/// build ends. Only in workers.
public struct LoopDevice: ~Copyable {
    private let descriptor: FileDescriptor
    public let path: FilePath

    /// - Parameters:
    ///   - offset: where in the file the device begins, in bytes.
    ///   - size: its length in bytes; 0 for the rest of the file.
    /// - Throws: `HostSystemError.systemCall` when the file cannot be opened or there is no free loop device.
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
