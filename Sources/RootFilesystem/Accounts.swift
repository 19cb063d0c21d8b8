import HostSystem
import SystemPackage

/// The users and groups of the machine's root: from its own passwd and group files, never from the build host's.
struct Accounts {
    private let users: AccountNumbers
    private let groups: AccountNumbers

    init(passwd: String, group: String) {
        users = AccountNumbers(passwd)
        groups = AccountNumbers(group)
    }

    /// Of the process's root.
    init() {
        users = AccountNumbers(file: "/etc/passwd")
        groups = AccountNumbers(file: "/etc/group")
    }

    /// - Parameter name: a name or a number.
    /// - Returns: `nil` when the root does not have the user.
    func user(_ name: String) -> UInt32? { number(name, in: users) }

    /// - Parameter name: a name or a number.
    /// - Returns: `nil` when the root does not have the group.
    func group(_ name: String) -> UInt32? { number(name, in: groups) }

    private func number(_ name: String, in table: AccountNumbers) -> UInt32? {
        // Underlays come before the packages that bring passwd and group.
        table[name] ?? AccountNumbers.number(name) ?? (name == "root" ? 0 : nil)
    }
}
