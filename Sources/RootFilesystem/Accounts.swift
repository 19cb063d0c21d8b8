import HostSystem
import SystemPackage

/// The users and groups of the machine's root: its own passwd and group files, never the build host's.
struct Accounts {
    private let users: [String: UInt32]
    private let groups: [String: UInt32]

    init(passwd: String, group: String) {
        users = Self.numbers(passwd)
        groups = Self.numbers(group)
    }

    /// Of the process's root.
    init() {
        func text(_ path: FilePath) -> String {
            (try? readBytes(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        self.init(passwd: text("/etc/passwd"), group: text("/etc/group"))
    }

    /// A name or a number; `nil` when the root has no such user.
    func user(_ name: String) -> UInt32? { users[name] ?? Self.number(name) }

    func group(_ name: String) -> UInt32? { groups[name] ?? Self.number(name) }

    /// passwd(5) and group(5) both have the name first and the number third; the first line of a name counts.
    private static func numbers(_ text: String) -> [String: UInt32] {
        var numbers: [String: UInt32] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard fields.count > 2, let number = number(fields[2]), numbers[fields[0]] == nil else { continue }
            numbers[fields[0]] = number
        }
        // Underlays come before any package has brought these files.
        if numbers["root"] == nil { numbers["root"] = 0 }
        return numbers
    }

    /// All but the number that chown(2) takes for "unchanged".
    private static func number(_ text: String) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let number = UInt32(text), number != .max
        else { return nil }
        return number
    }
}
