internal import CLinux
import Glibc
import SystemPackage

/// Removes from this worker and everything that it starts, for good, what neither librpm nor scriptlets need: all capabilities except those over files and
/// users, the system calls for the host's kernel log, keyrings, audit and modules, and core dumps (CLinux/confinement.c has the lists). fsync(2) and its
/// relatives succeed without waiting for the disk. Only the worker itself may still mount and unmount. Threads that exist already are not confined.
///
/// - Throws: `HostSystemError.isolationFailed`.
public func confine() throws {
    var step: UnsafePointer<CChar>?
    guard discographer_confine(&step) == 0 else {
        throw HostSystemError.isolationFailed(
            step: step.map { String(cString: $0) } ?? "", errno: Errno(rawValue: errno))
    }
}
