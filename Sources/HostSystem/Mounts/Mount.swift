// Mounts, made only in workers: they end with the worker's namespace, so that nothing is left however the build ends.
internal import CLinux
import Glibc
public import SystemPackage

/// mount(2).
///
/// - Parameter hasDevices: `false` to keep its device nodes from being opened (MS_NODEV).
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

/// Makes a file or folder visible at a second path (MS_BIND).
///
/// - Parameter hasDevices: `false` to keep device nodes in this folder from being opened.
/// - Throws: `HostSystemError.systemCall`.
public func bindMount(_ source: FilePath, at target: FilePath, recursive: Bool = false, readOnly: Bool = false, hasDevices: Bool = true) throws {
    let flags = UInt(MS_BIND) | (recursive ? UInt(MS_REC) : 0)
    guard discographer_mount(source.string, target.string, nil, flags, nil) == 0 else {
        throw HostSystemError.systemCall(what: "binding \(source) to \(target)", errno: Errno(rawValue: errno))
    }
    // A new bind mount has its source's flags; only a second call can change them (mount(2)).
    if !hasDevices {
        let folder = try FileDescriptor.open(target, .readOnly, options: [.directory, .noFollow, .closeOnExec])
        try folder.closeAfter {
            guard discographer_allow_devices(folder.rawValue, false) == 0 else {
                throw HostSystemError.systemCall(what: "keeping devices from \(target)", errno: Errno(rawValue: errno))
            }
        }
    }
    if readOnly { try makeMountReadOnly(target) }
}

/// Mounts a minimal /dev without the host's devices: null, zero, full, random, urandom, tty, a terminal multiplexer of its own, and the links to open
/// descriptors. Other device nodes can be made in it but not opened.
///
/// - Throws: `HostSystemError.systemCall`.
public func mountMinimalDevices(at folder: FilePath) throws {
    guard discographer_mount_devices(folder.string) == 0 else {
        throw HostSystemError.systemCall(what: "mounting a minimal /dev at \(folder)", errno: Errno(rawValue: errno))
    }
}

/// umount2(2).
///
/// - Parameter detach: remove it from the namespace now, and unmount it when its last user is gone (MNT_DETACH).
/// - Throws: `HostSystemError.systemCall`.
public func unmount(_ target: FilePath, detach: Bool = false) throws {
    guard discographer_unmount(target.string, detach) == 0 else {
        throw HostSystemError.systemCall(what: "unmounting \(target)", errno: Errno(rawValue: errno))
    }
}

/// Makes what is mounted at a folder read-only.
///
/// - Throws: `HostSystemError.systemCall`.
public func makeMountReadOnly(_ target: FilePath) throws {
    guard discographer_mount_read_only(target.string) == 0 else {
        throw HostSystemError.systemCall(what: "making \(target) read-only", errno: Errno(rawValue: errno))
    }
}
