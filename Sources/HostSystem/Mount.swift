// Mounts and loop devices. Called in workers only: their mounts end with their namespace, and a loop device detaches
// itself when its last user is gone, so that nothing is left behind however the build ends.
internal import CLinux
import Glibc
public import SystemPackage

/// mount(2).
///
/// - Parameter hasDevices: `false`: its device nodes cannot be opened (MS_NODEV).
/// - Throws: `HostSystemError.systemCall`, naming source and target.
public func mount(
    _ source: String, at target: FilePath, type: String, readOnly: Bool = false, hasDevices: Bool = true,
    options: String = ""
) throws {
    let flags = (readOnly ? UInt(MS_RDONLY) : 0) | (hasDevices ? 0 : UInt(MS_NODEV))
    guard discographer_mount(source, target.string, type, flags, options) == 0 else {
        throw HostSystemError.systemCall(
            what: "mounting \(source) (\(type)) at \(target)", errno: Errno(rawValue: errno))
    }
}

/// Makes a file or folder visible at a second place too (MS_BIND).
///
/// - Parameter hasDevices: `false`: device nodes in this folder cannot be opened.
/// - Throws: `HostSystemError.systemCall`.
public func bindMount(_ source: FilePath, at target: FilePath, recursive: Bool = false, readOnly: Bool = false, hasDevices: Bool = true) throws {
    let flags = UInt(MS_BIND) | (recursive ? UInt(MS_REC) : 0)
    guard discographer_mount(source.string, target.string, nil, flags, nil) == 0 else {
        throw HostSystemError.systemCall(what: "binding \(source) to \(target)", errno: Errno(rawValue: errno))
    }
    // A new bind mount takes its source's flags; only a second call changes them (mount(2)).
    if !hasDevices {
        let folder = try FileDescriptor.open(target, .readOnly, options: [.directory, .noFollow, .closeOnExec])
        try folder.closeAfter {
            guard discographer_allow_devices(folder.rawValue, false) == 0 else {
                throw HostSystemError.systemCall(what: "keeping devices from \(target)", errno: Errno(rawValue: errno))
            }
        }
    }
    guard readOnly else { return }
    guard discographer_mount_read_only(target.string) == 0 else {
        throw HostSystemError.systemCall(what: "making \(target) read-only", errno: Errno(rawValue: errno))
    }
}

/// Mounts a /dev that has no device of the host's: null, zero, full, random, urandom, tty, a terminal multiplexer of its own, and the names
/// of the open descriptors. Other device nodes can be made in it, and not be opened.
///
/// - Throws: `HostSystemError.systemCall`.
public func mountMinimalDevices(at folder: FilePath) throws {
    guard discographer_mount_devices(folder.string) == 0 else {
        throw HostSystemError.systemCall(what: "making a minimal \(folder)", errno: Errno(rawValue: errno))
    }
}

/// Makes a device node or a FIFO; where the kernel makes no devices (user namespaces), an empty file that stands for it until a disk is written.
///
/// - Parameter mode: with the kind: `S_IFBLK`, `S_IFCHR` or `S_IFIFO`.
/// - Throws: `Errno` of mknod(2).
public func makeNode(_ path: FilePath, mode: CInterop.Mode, device: UInt64) throws {
    guard path.withPlatformString({ discographer_make_node(AT_FDCWD, $0, mode, dev_t(device)) }) == 0 else {
        throw Errno(rawValue: errno)
    }
}

/// Does `body`, in which device nodes and FIFOs that libraries make are files that stand for them (see CLinux/device_nodes.c).
///
/// Not for threads: it is the whole process's.
public func standingInForNodes<Value>(_ body: () throws -> Value) rethrows -> Value {
    discographer_stand_in_for_all_nodes(true)
    defer { discographer_stand_in_for_all_nodes(false) }
    return try body()
}

/// Puts the node in the place of the file that stands for it, unless only a disk can hold it (devices in user namespaces).
///
/// - Throws: `Errno`.
public func settleNode(_ path: String) throws {
    guard discographer_settle_node(path) == 0 else { throw Errno(rawValue: errno) }
}

/// The device node that the file stands for; `nil` for every other file.
public func nodeStoodFor(by path: UnsafePointer<CChar>) -> (kind: CInterop.Mode, device: UInt64)? {
    var kind = mode_t()
    var device = dev_t()
    return discographer_read_node(path, &kind, &device) ? (kind, UInt64(device)) : nil
}

/// umount2(2).
///
/// - Parameter detach: at once for the name space, for good when its last user is gone (MNT_DETACH).
/// - Throws: `HostSystemError.systemCall`.
public func unmount(_ target: FilePath, detach: Bool = false) throws {
    guard discographer_unmount(target.string, detach) == 0 else {
        throw HostSystemError.systemCall(what: "unmounting \(target)", errno: Errno(rawValue: errno))
    }
}

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

/// A device number as mknod(2) takes it: makedev(3), which is a macro.
public func makeDevice(_ major: UInt32, _ minor: UInt32) -> UInt64 {
    let low = UInt64(minor & 0xff) | UInt64(major & 0xfff) << 8
    let high = UInt64(minor & 0xffff_ff00) << 12 | UInt64(major & 0xffff_f000) << 32
    return high | low
}

/// major(3) and minor(3).
public func deviceNumbers(_ device: UInt64) -> (major: UInt32, minor: UInt32) {
    (
        UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & 0xffff_f000),
        UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & 0xffff_ff00)
    )
}
