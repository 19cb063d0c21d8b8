internal import CCap
import ConfigurationTree
import Glibc
import SystemPackage

/// Applies `<layer>.permissions`: owner, group, mode and capabilities of files of the process's root.
struct LayerPermissions {
    var accounts: Accounts

    /// - Returns: what is wrong, a line each.
    func apply(_ permissions: [OverlayPermission]) -> [String] {
        permissions.compactMap { permission in
            apply(permission).map { "\(permission.location): error: \($0)" }
        }
    }

    private func apply(_ permission: OverlayPermission) -> String? {
        let path = permission.path
        guard let owner = accounts.user(permission.owner) else {
            return "the root has no user '\(permission.owner)'; one of its own /etc/passwd, or a number, would be right"
        }
        guard let group = accounts.group(permission.group) else {
            return "the root has no group '\(permission.group)'; one of its own /etc/group, or a number, would be right"
        }
        guard let kind = Root.kind(path, followingLinks: false) else { return "the root has no \(path)" }
        do {
            // chown(2) takes setuid bits and capabilities away: it comes first.
            try Root.check(path.withPlatformString { lchown($0, owner, group) })
            if kind != S_IFLNK { try Root.check(path.withPlatformString { chmod($0, mode_t(permission.mode)) }) }
        } catch {
            return "\(path): \(error)"
        }
        guard let text = permission.capabilities else { return nil }
        guard kind == S_IFREG else { return "\(path) is no regular file; only such have capabilities" }
        return setCapabilities(text, of: path)
    }

    /// Writes the extended attribute `security.capability` (capabilities(7)).
    private func setCapabilities(_ text: String, of path: FilePath) -> String? {
        guard let capabilities = cap_from_text(text) else {
            return "'\(text)' are no capabilities; 'cap_net_bind_service=ep' would be right (cap_from_text(3))"
        }
        defer { cap_free(UnsafeMutableRawPointer(capabilities)) }
        guard path.withPlatformString({ cap_set_file($0, capabilities) }) == 0 else {
            return "\(path): the capabilities '\(text)' cannot be set: \(Errno(rawValue: errno))"
        }
        return nil
    }
}
