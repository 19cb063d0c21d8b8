internal import CLinux
import Glibc
public import SystemPackage

/// The kernel's name for a default ACL (linux/xattr.h).
private let attribute = "system.posix_acl_default"

/// Whether files made in the folder get an ACL (acl(5), "Object creation and default ACLs").
public func hasDefaultACL(_ folder: FileDescriptor) -> Bool { fgetxattr(folder.rawValue, attribute, nil, 0) >= 0 }

/// Removes the folder's default ACL, so that files made in it do not get an ACL of the build host.
///
/// - Throws: `FileError`.
public func removeDefaultACL(of folder: FilePath) throws {
    let removed = folder.withPlatformString { removexattr($0, attribute) } == 0
    guard removed || errno == ENODATA || errno == EOPNOTSUPP else { throw FileError(folder, Errno(rawValue: errno)) }
}
