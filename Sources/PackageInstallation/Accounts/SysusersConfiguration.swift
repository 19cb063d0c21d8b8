// All that one run of systemd-sysusers is asked for: the lines of one source of a package, and the files of the root around them.
import HostSystem
import SystemPackage

struct SysusersConfiguration {
    /// A request and the line that has it.
    struct Request {
        var account: AccountRequest
        var line: String
    }

    /// By name, in the order of their lines.
    private(set) var users = Ordered<Request>()
    private(set) var groups = Ordered<Request>()
    /// By group, those that `m` lines add, in their order.
    private(set) var members = Ordered<[String]>()
    private(set) var range = IdentityRange()
    private(set) var warnings: [String] = []
    private let specifiers: SysusersSpecifiers
    private let root: FilePath

    /// Where systemd looks for configuration, the first one first (sysusers.d(5)).
    private static let folders: [FilePath] = ["/etc/sysusers.d", "/run/sysusers.d", "/usr/local/lib/sysusers.d", "/usr/lib/sysusers.d"]

    /// A line of a package that systemd-sysusers would refuse, and with it the package.
    struct Refused: Error, CustomStringConvertible {
        let line: String
        let reason: String
        var description: String { "'\(line)': \(reason)" }
    }

    init(root: FilePath, hostName: String) {
        self.root = root
        specifiers = SysusersSpecifiers(root: root, hostName: hostName)
    }

    /// Adds what `systemd-sysusers -` adds, or with a source `systemd-sysusers --replace=SOURCE -`: then the lines take the place of that file among the root's own,
    /// and have no say if a file of the same name in a folder of higher rank overrides it (conf_files_list_with_replacement, src/basic/conf-files.c).
    ///
    /// - Throws: `Refused`.
    mutating func add(_ lines: [String], source: FilePath?) throws {
        guard let source else { return try add(lines) }
        guard source.string.hasSuffix(".conf") else {
            throw Refused(line: lines.first ?? "", reason: "\(source) declares it; expected a file that ends in .conf")
        }
        var files = Self.files(in: root)
        let name = source.lastComponent?.string ?? ""
        if let known = files[name], known != source {
            let isHigher = Self.folders.firstIndex { source.starts(with: $0) }.map { rank in
                !Self.folders[...rank].contains { known.starts(with: $0) }
            }
            if isHigher == true { files[name] = source }
        } else {
            files[name] = source
        }
        // As strcmp(3) orders them.
        for (_, file) in files.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            if file == source { try add(lines) } else { addFile(file) }
        }
    }

    /// Users and groups that only `m` lines name (add_implicit, src/sysusers/sysusers.c).
    mutating func addImplicit() {
        for (group, names) in members.elements {
            for name in names where users[name] == nil {
                users.set(name, Request(account: AccountRequest(kind: .user, name: name), line: "m \(name) \(group)"))
            }
            if users[group] == nil, groups[group] == nil {
                groups.set(group, Request(account: AccountRequest(kind: .group, name: group), line: "m \(names.first ?? "-") \(group)"))
            }
        }
    }

    private mutating func add(_ lines: [String]) throws {
        for line in lines.flatMap({ Self.lines(of: $0) }) {
            do { try add(line, at: "'\(line)'") } catch let error as SysusersLine.Malformed { throw Refused(line: line, reason: error.description) }
        }
    }

    /// Systemd leaves out what it cannot read of the root's own files, too.
    private mutating func addFile(_ file: FilePath) {
        guard let bytes = try? readFile(file, inRoot: root) else { return }
        guard let text = String(validating: bytes, as: UTF8.self) else { return warnings.append("\(file) is not UTF-8 text") }
        for line in Self.lines(of: text) {
            do { try add(line, at: "\(file): '\(line)'") } catch { warnings.append("\(file): '\(line)': \(error)") }
        }
    }

    private static func lines(of text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        .filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }

    private mutating func add(_ line: String, at place: String) throws {
        switch try SysusersLine(line, specifiers: specifiers) {
        case .range(let range): self.range.insert(range)
        case .member(let user, let group):
            let known = members[group] ?? []
            if !known.contains(user) { members.set(group, known + [user]) }
        case .account(let account):
            let known = account.kind == .user ? users[account.name] : groups[account.name]
            if let known {
                guard !isSame(known.account, account) else { return }
                warnings.append("\(place): the \(account.kind.rawValue) '\(account.name)' is as '\(known.line)' says; this line is ignored")
            } else if account.kind == .user {
                users.set(account.name, Request(account: account, line: line))
            } else {
                groups.set(account.name, Request(account: account, line: line))
            }
        }
    }

    /// Whether two lines ask for the same (item_equivalent, src/sysusers/sysusers.c).
    private func isSame(_ one: AccountRequest, _ other: AccountRequest) -> Bool {
        var (one, other) = (one, other)
        let shells = [one, other].map { AccountShell.shell(of: $0, in: root) }
        let noLogins = shells.map { $0.map(AccountShell.refuseLogins.contains) ?? false }
        guard shells[0] == shells[1] || noLogins == [true, true] else { return false }
        // Systemd does not compare these either.
        for part in [\AccountRequest.shell, \.groupName] { (one[keyPath: part], other[keyPath: part]) = (nil, nil) }
        (one.isLocked, other.isLocked, one.needsGroup, other.needsGroup) = (false, false, false, false)
        return one == other
    }

    /// By name, the files that systemd reads: of each name the first one.
    private static func files(in root: FilePath) -> [String: FilePath] {
        var files: [String: FilePath] = [:]
        for folder in folders.reversed() {
            guard let opened = try? openFolder(folder, inRoot: root) else { continue }
            defer { try? opened.close() }
            for name in (try? folderEntries(opened)) ?? [] where name.extension == "conf" && !name.string.hasPrefix(".") {
                files[name.string] = folder.appending(name)
            }
        }
        return files
    }
}

enum AccountShell {
    /// Where the guests' distributions have it.
    private static let none = "/usr/sbin/nologin"
    /// Shells that count as the same (is_nologin_shell, src/basic/user-util.c).
    static let refuseLogins: Set<String> = [
        "/bin/nologin", "/sbin/nologin", "/usr/bin/nologin", "/usr/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/true", "/usr/bin/true",
    ]

    /// - Returns: `nil` for a group.
    static func shell(of account: AccountRequest, in root: FilePath) -> String? {
        guard account.kind == .user else { return nil }
        if let shell = account.shell { return shell }
        guard account.userNumber == 0 else { return none }
        // default_root_shell of systemd.
        return owners(of: "/bin/bash", inRoot: root) == nil ? "/bin/sh" : "/bin/bash"
    }
}

/// A dictionary that keeps the order in which its keys came.
struct Ordered<Value> {
    private var keys: [String] = []
    private var values: [String: Value] = [:]

    var isEmpty: Bool { keys.isEmpty }
    var elements: [(key: String, value: Value)] { keys.compactMap { key in values[key].map { (key, $0) } } }

    subscript(key: String) -> Value? { values[key] }

    mutating func set(_ key: String, _ value: Value) {
        if values.updateValue(value, forKey: key) == nil { keys.append(key) }
    }
}
