internal import CCap
import ConfigurationTree
import Glibc
import SystemPackage

/// Applies `<layer>.permissions` to files of the process's root: owner, group, mode and capabilities.
public struct LayerPermissions {
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
            return "unknown user '\(permission.owner)'; expected one of the root's /etc/passwd, or a number"
        }
        guard let group = accounts.group(permission.group) else {
            return "unknown group '\(permission.group)'; expected one of the root's /etc/group, or a number"
        }
        guard let kind = Root.kind(path, followingLinks: false) else { return "the root does not have \(path)" }
        do {
            // First, since chown(2) removes setuid bits and capabilities.
            try Root.check(path.withPlatformString { lchown($0, owner, group) })
            if kind != S_IFLNK { try Root.check(path.withPlatformString { chmod($0, mode_t(permission.mode)) }) }
        } catch {
            return "\(path): \(error)"
        }
        guard let text = permission.capabilities else { return nil }
        guard kind == S_IFREG else { return "\(path) cannot have capabilities; expected a regular file" }
        return setCapabilities(text, of: path)
    }

    /// Why a text does not name capabilities; `nil` when it does.
    public static func problem(ofCapabilities text: String) -> String? {
        guard let capabilities = cap_from_text(text) else {
            return "invalid capabilities '\(text)'; expected a form such as 'cap_net_bind_service=ep' (cap_from_text(3))"
        }
        cap_free(UnsafeMutableRawPointer(capabilities))
        return nil
    }

    /// Writes the extended attribute `security.capability` (capabilities(7)).
    private func setCapabilities(_ text: String, of path: FilePath) -> String? {
        guard let capabilities = cap_from_text(text) else {
            return Self.problem(ofCapabilities: text)
        }
        defer { cap_free(UnsafeMutableRawPointer(capabilities)) }
        guard path.withPlatformString({ cap_set_file($0, capabilities) }) == 0 else {
            return "\(path): the capabilities '\(text)' cannot be set: \(Errno(rawValue: errno))"
        }
        return nil
    }
}
