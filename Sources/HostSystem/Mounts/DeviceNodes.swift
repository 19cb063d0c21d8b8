internal import CLinux
import Glibc
public import SystemPackage

/// Makes a device node or a FIFO. Where the kernel does not allow device nodes (user namespaces), makes an empty file that stands for it until a disk is
/// written.
///
/// - Parameter mode: includes the kind: `S_IFBLK`, `S_IFCHR` or `S_IFIFO`.
/// - Throws: `Errno` of mknod(2).
public func makeNode(_ path: FilePath, mode: CInterop.Mode, device: UInt64) throws {
    guard path.withPlatformString({ discographer_make_node(AT_FDCWD, $0, mode, dev_t(device)) }) == 0 else {
        throw Errno(rawValue: errno)
    }
}

/// Calls `body`, during which libraries make stand-ins instead of device nodes and FIFOs (see CLinux/device_nodes.c).
///
/// Affects the whole process, with all its threads.
public func standingInForNodes<Value>(_ body: () throws -> Value) rethrows -> Value {
    discographer_stand_in_for_all_nodes(true)
    defer { discographer_stand_in_for_all_nodes(false) }
    return try body()
}

/// Replaces a stand-in by its node, unless the kernel does not allow the node (devices in user namespaces).
///
/// - Throws: `Errno`.
public func settleNode(_ path: String) throws {
    guard discographer_settle_node(path) == 0 else { throw Errno(rawValue: errno) }
}

/// The device node that the file stands for; `nil` if it is not a stand-in.
public func nodeStoodFor(by path: UnsafePointer<CChar>) -> (kind: CInterop.Mode, device: UInt64)? {
    var kind = mode_t()
    var device = dev_t()
    return discographer_read_node(path, &kind, &device) ? (kind, UInt64(device)) : nil
}

/// makedev(3), which is a macro in C.
public func makeDevice(_ major: UInt32, _ minor: UInt32) -> UInt64 {
    let low = UInt64(minor & 0xff) | UInt64(major & 0xfff) << 8
    let high = UInt64(minor & 0xffff_ff00) << 12 | UInt64(major & 0xffff_f000) << 32
    return high | low
}

/// major(3) and minor(3), which are macros in C.
public func deviceNumbers(_ device: UInt64) -> (major: UInt32, minor: UInt32) {
    (
        UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & 0xffff_f000),
        UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & 0xffff_ff00)
    )
}
