internal import CLinux
import Glibc
public import SystemPackage

/// acl(5), as the kernel has it (linux/xattr.h).
private let attribute = "system.posix_acl_default"

/// Whether what is made in the folder gets an ACL (acl(5), "Object creation and default ACLs").
public func hasDefaultACL(_ folder: FileDescriptor) -> Bool { fgetxattr(folder.rawValue, attribute, nil, 0) >= 0 }

/// Lets what is made in the folder get no ACL: those of the build host are no part of a machine.
///
/// - Throws: `FileError`.
public func removeDefaultACL(of folder: FilePath) throws {
    let removed = folder.withPlatformString { removexattr($0, attribute) } == 0
    guard removed || errno == ENODATA || errno == EOPNOTSUPP else { throw FileError(folder, Errno(rawValue: errno)) }
}
