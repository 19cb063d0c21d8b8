internal import CLinux
import Glibc
public import SystemPackage

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
