internal import CLinux
import Glibc
import SystemPackage

/// What packages' scriptlets see of the machine that they are installed for, the same for every machine and on every build host, so that machines with the same
/// packages share one root. Composing a machine replaces it by the machine's own.
public enum GuestConstants {
    /// machine-id(5). A UUIDv5 of the words "machine-id while packages are installed"; those of machines are made of other words.
    public static let machineID = "23087e990cd354ad8352b3be84e1ad11"
    /// Of the root's file system.
    public static let rootUUID = "3aebdba5-b76a-5e96-9a46-278fbf75c38b"
    /// kernel-install(8) puts it into boot entries.
    public static let kernelCommandLine = "root=UUID=\(rootUUID) ro"
    public static let hostName = "localhost"
    /// What uname(2) says where no package has a kernel.
    public static let kernelRelease = DISCOGRAPHER_KERNEL_RELEASE
    public static let kernelVersion = DISCOGRAPHER_KERNEL_VERSION
}

/// Makes uname(2) say the same on every build host, in this process and all that it starts, from `confine` on. Where the kernel does not allow it (before 5.0; in a
/// container that watches system calls itself), uname(2) stays the host's.
///
/// - Throws: `HostSystemError.systemCall`.
public func prepareConstantUname() throws {
    guard discographer_prepare_constant_uname() == 0 else {
        throw HostSystemError.systemCall(what: "starting the thread that answers uname", errno: Errno(rawValue: errno))
    }
}

/// Sets the release that uname(2) says after `prepareConstantUname`.
public func setKernelRelease(_ release: String) { discographer_set_kernel_release(release) }

/// Whether uname(2) is the same as on other build hosts, after `prepareConstantUname` and `confine`.
public var unameIsConstant: Bool { discographer_uname_is_constant() }
