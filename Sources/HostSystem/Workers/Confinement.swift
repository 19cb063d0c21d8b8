internal import CLinux
import Glibc
import SystemPackage

/// Takes from this worker and from all that it starts, for good, what neither librpm nor a scriptlet needs: capabilities but those over files and
/// users, the system calls that reach the host's kernel log, keyrings, audit and modules, and core dumps (CLinux/confinement.c has the lists).
/// Nothing waits for disks any more: fsync(2) and its kin succeed at once. The worker alone may still mount and unmount. Threads that are there already are not confined.
///
/// - Throws: `HostSystemError.isolationFailed`.
public func confine() throws {
    var step: UnsafePointer<CChar>?
    guard discographer_confine(&step) == 0 else {
        throw HostSystemError.isolationFailed(
            step: step.map { String(cString: $0) } ?? "", errno: Errno(rawValue: errno))
    }
}
