// Which accounts are made, and with which numbers. The rules, and the order in which they are tried, are those of systemd-sysusers with --root
// (process_item, add_group, add_user, uid_is_ok and gid_is_ok in src/sysusers/sysusers.c of systemd 252 to 257); nothing depends on the build host's accounts.
import HostSystem
import SystemPackage

/// What differs between versions of systemd.
struct SysusersRules {
    /// The guest's systemd; `nil` for one that is not in the transaction, which counts as a current one.
    let systemd: Int?

    /// A group may have the number of the user of the same name since systemd 253 (gid_is_ok).
    var groupMayHaveNumberOfItsUser: Bool { systemd.map { $0 >= 253 } ?? true }

    /// systemd-firstboot sets root's password where it finds this (systemd 254).
    func password(of user: String) -> String { user == "root" && systemd.map { $0 >= 254 } ?? true ? "!unprovisioned" : "!*" }
}

/// The accounts that the root has, by name and by number. Of two with one name or number the first counts.
struct KnownAccounts {
    private(set) var numbers: [String: UInt32] = [:]
    private(set) var names: [UInt32: String] = [:]

    mutating func add(_ name: String, _ number: UInt32) {
        if numbers[name] == nil { numbers[name] = number }
        if names[number] == nil { names[number] = name }
    }
}

struct AccountAllocation {
    struct NewUser {
        var request: AccountRequest
        var number: UInt32
        var group: UInt32
    }

    struct NewGroup {
        /// Of what it is made for: a user's group comes with its user.
        var kind: AccountRequest.Kind
        var name: String
        var number: UInt32
    }

    /// Why a line has no effect.
    private struct Refusal: Error {
        let reason: String
    }

    /// What is decided of an account so far.
    private struct State {
        var user: UInt32?
        var group: UInt32?
        var isStrict: Bool
        var makesGroup = false

        init(_ request: AccountRequest) {
            user = request.userNumber
            group = request.groupNumber
            isStrict = request.needsGroup
        }
    }

    private(set) var users: [NewUser] = []
    private(set) var groups: [NewGroup] = []
    /// Lines without effect, or with another number than they say.
    private(set) var warnings: [String] = []

    private let root: FilePath
    private let rules: SysusersRules
    private let range: IdentityRange
    private let known: (users: KnownAccounts, groups: KnownAccounts)
    private var newUsers = KnownAccounts()
    private var newGroups = KnownAccounts()
    private var groupStates: [String: State] = [:]
    private var userStates: [String: State] = [:]
    /// The line that is being carried out.
    private var line = ""
    /// The number that was chosen last.
    private var latest = UInt32.max

    init(
        _ configuration: SysusersConfiguration, known: (users: KnownAccounts, groups: KnownAccounts), root: FilePath, rules: SysusersRules
    ) {
        self.root = root
        self.rules = rules
        self.known = known
        range = configuration.range.ranges.isEmpty ? .ofSystem(in: root) : configuration.range
        for (name, request) in configuration.groups.elements {
            var state = State(request.account)
            attempt(request) { try $0.addGroup(request.account, &state) }
            groupStates[name] = state
        }
        for (name, request) in configuration.users.elements {
            var state = State(request.account)
            attempt(request) { try $0.addUserAndGroup(request.account, &state) }
            userStates[name] = state
        }
    }

    private mutating func attempt(_ request: SysusersConfiguration.Request, _ body: (inout Self) throws -> Void) {
        line = request.line
        do { try body(&self) } catch { warn((error as? Refusal)?.reason ?? "\(error)") }
    }

    private mutating func warn(_ text: String) { warnings.append("'\(line)': \(text)") }

    private mutating func addUserAndGroup(_ request: AccountRequest, _ state: inout State) throws {
        var queued: State?
        if state.group == nil {
            queued = groupStates[request.groupName ?? request.name] ?? request.groupName.flatMap { userStates[$0] }
        }
        if let queued, queued.makesGroup {
            state.group = queued.group
            state.isStrict = true
        } else if let name = request.groupName {
            guard let number = known.groups.numbers[name] else {
                throw Refusal(reason: "the user '\(request.name)' is not made, because there is no group '\(name)'")
            }
            state.group = number
            state.isStrict = true
        } else {
            try addGroup(request, &state)
        }
        try addUser(request, &state)
    }

    private mutating func addGroup(_ request: AccountRequest, _ state: inout State) throws {
        if let number = known.groups.numbers[request.name] {
            state.group = number
            return
        }
        if let wanted = state.group {
            let isFree = isFreeGroup(wanted, request.name, alsoAmongUsers: false)
            if state.isStrict {
                guard !isFree else {
                    throw Refusal(reason: "the user '\(request.name)' is not made, because there is no group with the id \(wanted)")
                }
                return
            }
            if !isFree {
                warn("the group id \(wanted) of '\(request.name)' is taken; the group gets another one")
                state.group = nil
            }
        }
        if state.group == nil, let user = state.user, isFreeGroup(user, request.name) { state.group = user }
        if state.group == nil, let number = request.path.flatMap({ owners(of: $0, inRoot: root)?.group }), isSuitable(number),
            isFreeGroup(number, request.name)
        {
            state.group = number
        }
        let number = try state.group ?? choose(for: "the group '\(request.name)'") { $0.isFreeGroup($1, request.name) }
        state.group = number
        state.makesGroup = true
        newGroups.add(request.name, number)
        groups.append(NewGroup(kind: request.kind, name: request.name, number: number))
    }

    private mutating func addUser(_ request: AccountRequest, _ state: inout State) throws {
        if let number = known.users.numbers[request.name] {
            state.user = number
            return
        }
        if let wanted = state.user, !isFreeUser(wanted, request.name, alsoAmongGroups: !state.isStrict) {
            warn("the user id \(wanted) of '\(request.name)' is taken; the user gets another one")
            state.user = nil
        }
        if state.user == nil, let number = request.path.flatMap({ owners(of: $0, inRoot: root)?.user }), isSuitable(number),
            isFreeUser(number, request.name)
        {
            state.user = number
        }
        if state.user == nil, let group = state.group, isFreeUser(group, request.name) { state.user = group }
        let number = try state.user ?? choose(for: "the user '\(request.name)'") { $0.isFreeUser($1, request.name) }
        state.user = number
        newUsers.add(request.name, number)
        users.append(NewUser(request: request, number: number, group: state.group ?? 0))
    }

    /// Whether a file's owner can be an account's number.
    private func isSuitable(_ number: UInt32) -> Bool { number > 0 && range.contains(number) }

    private mutating func choose(for what: String, isFree: (Self, UInt32) -> Bool) throws -> UInt32 {
        while let number = range.next(below: latest) {
            latest = number
            if isFree(self, number) { return number }
        }
        latest = 0
        throw Refusal(reason: "\(what) is not made, because no id is free")
    }

    /// - Parameter alsoAmongGroups: whether a group of another name with this number counts.
    private func isFreeUser(_ number: UInt32, _ name: String, alsoAmongGroups: Bool = true) -> Bool {
        if newUsers.names[number] != nil || known.users.names[number] != nil { return false }
        guard alsoAmongGroups else { return true }
        return [newGroups.names[number], known.groups.names[number]].allSatisfy { $0 == nil || $0 == name }
    }

    /// - Parameter alsoAmongUsers: whether a user with this number counts.
    private func isFreeGroup(_ number: UInt32, _ name: String, alsoAmongUsers: Bool = true) -> Bool {
        if newGroups.names[number] != nil || known.groups.names[number] != nil { return false }
        guard alsoAmongUsers else { return true }
        return [newUsers.names[number], known.users.names[number]].allSatisfy { user in
            user == nil || rules.groupMayHaveNumberOfItsUser && user == name
        }
    }
}
