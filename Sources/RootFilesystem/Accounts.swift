import HostSystem
import SystemPackage

/// The users and groups of the machine's root: its own passwd and group files, never the build host's.
struct Accounts {
    private var users: [String: UInt32] = [:]
    private var groups: [String: UInt32] = [:]

    init(passwd: String, group: String) {
        users = Self.numbers(passwd)
        groups = Self.numbers(group)
    }

    /// Of the process's root.
    init() {
        self.init(passwd: (try? readText("/etc/passwd")) ?? "", group: (try? readText("/etc/group")) ?? "")
    }

    /// A name or a number; `nil` when the root has no such user.
    func user(_ name: String) -> UInt32? { users[name] ?? UInt32(name) }

    func group(_ name: String) -> UInt32? { groups[name] ?? UInt32(name) }

    /// passwd(5) and group(5) both have the name first and the number third.
    private static func numbers(_ text: String) -> [String: UInt32] {
        var numbers: [String: UInt32] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, let number = UInt32(fields[2]) { numbers[String(fields[0])] = number }
        }
        return numbers
    }
}
