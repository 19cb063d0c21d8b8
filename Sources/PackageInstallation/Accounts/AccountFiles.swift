// Reads and writes passwd, group, shadow and gshadow of a root as systemd-sysusers does (write_files, src/sysusers/sysusers.c), with the same functions of glibc,
// so that every line that exists is kept or dropped as systemd does it. All new files are written before the first one takes its place.
internal import CShadow
import Glibc
import HostSystem
import SystemPackage

struct AccountFiles {
    let root: FilePath
    /// Days since 1970 of the new accounts' last password change.
    let day: Int
    let rules: SysusersRules

    private typealias Stream = UnsafeMutablePointer<FILE>

    /// - Throws: `WorkerFailure` when a file cannot be read.
    func known() throws -> (users: KnownAccounts, groups: KnownAccounts) {
        var (users, groups) = (KnownAccounts(), KnownAccounts())
        try read("passwd") { stream in
            while let user = fgetpwent(stream) { users.add(String(cString: user.pointee.pw_name), user.pointee.pw_uid) }
        }
        try read("group") { stream in
            while let group = fgetgrent(stream) { groups.add(String(cString: group.pointee.gr_name), group.pointee.gr_gid) }
        }
        return (users, groups)
    }

    /// Adds accounts, and users to groups.
    ///
    /// - Parameter members: by group.
    /// - Throws: `WorkerFailure` when a file cannot be written or has one of the accounts already. All files are as before then.
    func add(_ users: [AccountAllocation.NewUser], _ groups: [AccountAllocation.NewGroup], members: [String: [String]]) throws {
        let folder = try openEtc()
        defer { try? folder.close() }
        // Systemd and shadow-utils take this lock. Nothing else changes accounts here, but the file stays, as on every system.
        let lock = openat(folder.rawValue, ".pwd.lock", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0o600)
        if lock >= 0 { close(lock) }
        var files: [NewAccountFile] = []
        if !groups.isEmpty || !members.isEmpty {
            files += try [writeGroup(groups, members, in: folder), writeGroupShadow(groups, members, in: folder)].compactMap(\.self)
        }
        if !users.isEmpty { files += [try writeUsers(users, in: folder), try writeShadow(users, in: folder)] }
        for file in files { try file.keepOld() }
        for file in files { try file.replaceOld() }
    }

    private func openEtc() throws -> FileDescriptor {
        let path = root.appending("etc")
        if mkdir(path.string, 0o755) != 0, errno != EEXIST { throw failure("/etc cannot be made", errno) }
        do { return try openFolder("/etc", inRoot: root) } catch { throw failure("/etc cannot be opened: \(error)") }
    }

    private func failure(_ text: String, _ code: Int32? = nil) -> WorkerFailure {
        WorkerFailure(kind: .transaction, message: text + (code.map { ": \(Errno(rawValue: $0))" } ?? ""))
    }

    private func read(_ name: String, _ body: (Stream) -> Void) throws {
        guard let stream = try Self.open(name, in: root) else { return }
        defer { fclose(stream) }
        errno = 0
        body(stream)
        guard [0, ENOENT].contains(errno) else { throw failure("/etc/\(name) cannot be read", errno) }
    }

    /// - Returns: `nil` when the root does not have the file.
    private static func open(_ name: String, in root: FilePath) throws -> Stream? {
        do {
            let file = try openFile(FilePath("/etc/\(name)"), inRoot: root)
            return fdopen(file.rawValue, "r")
        } catch Errno.noSuchFileOrDirectory { return nil } catch {
            throw WorkerFailure(kind: .transaction, message: "/etc/\(name) cannot be read: \(error)")
        }
    }

    private func new(_ name: String, mode: mode_t, in folder: FileDescriptor) throws -> NewAccountFile {
        try NewAccountFile(name, old: try Self.open(name, in: root), modeOfFirst: mode, in: folder)
    }

    /// Entries of NIS (`+` and `-`) stay the last ones.
    private static func isNIS(_ name: UnsafePointer<CChar>) -> Bool {
        [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(UInt8(bitPattern: name.pointee))
    }

    private func writeUsers(_ users: [AccountAllocation.NewUser], in folder: FileDescriptor) throws -> NewAccountFile {
        let file = try new("passwd", mode: 0o644, in: folder)
        var entry: UnsafeMutablePointer<passwd>?
        while let next = file.next(fgetpwent) {
            if Self.isNIS(next.pointee.pw_name) {
                entry = next
                break
            }
            guard !users.contains(where: { $0.number == next.pointee.pw_uid }) else {
                throw failure("/etc/passwd has the user id \(next.pointee.pw_uid) already")
            }
            file.note(putpwent(next, file.stream))
        }
        for user in users {
            let shell = AccountShell.shell(of: with(number: user.number, user.request), in: root) ?? ""
            withStrings([user.request.name, "x", user.request.comment, user.request.home ?? "/", shell]) { text in
                var new = passwd(
                    pw_name: text[0], pw_passwd: text[1], pw_uid: user.number, pw_gid: user.group, pw_gecos: text[2], pw_dir: text[3],
                    pw_shell: text[4])
                file.note(putpwent(&new, file.stream))
            }
        }
        while let rest = entry {
            file.note(putpwent(rest, file.stream))
            entry = file.next(fgetpwent)
        }
        try file.finish()
        return file
    }

    /// The number that counts for the choice of a shell is the one that the user gets.
    private func with(number: UInt32, _ request: AccountRequest) -> AccountRequest {
        var request = request
        request.userNumber = number
        return request
    }

    private func writeShadow(_ users: [AccountAllocation.NewUser], in folder: FileDescriptor) throws -> NewAccountFile {
        let file = try new("shadow", mode: 0, in: folder)
        var left = users
        var entry: UnsafeMutablePointer<spwd>?
        while let next = file.next(fgetspent) {
            let name = String(cString: next.pointee.sp_namp)
            if left.contains(where: { $0.request.name == name }) {
                next.pointee.sp_lstchg = day
                left.removeAll { $0.request.name == name }
            }
            if Self.isNIS(next.pointee.sp_namp) {
                entry = next
                break
            }
            file.note(putspent(next, file.stream))
        }
        for user in left {
            withStrings([user.request.name, rules.password(of: user.request.name)]) { text in
                var new = spwd()
                (new.sp_namp, new.sp_pwdp, new.sp_lstchg) = (text[0], text[1], day)
                (new.sp_min, new.sp_max, new.sp_warn, new.sp_inact) = (-1, -1, -1, -1)
                new.sp_expire = user.request.isLocked ? 1 : -1
                new.sp_flag = .max
                file.note(putspent(&new, file.stream))
            }
        }
        while let rest = entry {
            file.note(putspent(rest, file.stream))
            entry = file.next(fgetspent)
        }
        try file.finish()
        return file
    }

    private func writeGroup(_ groups: [AccountAllocation.NewGroup], _ members: [String: [String]], in folder: FileDescriptor) throws
        -> NewAccountFile?
    {
        let file = try new("group", mode: 0o644, in: folder)
        var isChanged = !groups.isEmpty
        var entry: UnsafeMutablePointer<group>?
        while let next = file.next(fgetgrent) {
            let (name, number) = (String(cString: next.pointee.gr_name), next.pointee.gr_gid)
            guard !groups.contains(where: { $0.kind == .group && $0.name == name || $0.number == number }) else {
                throw failure("/etc/group has '\(name)' (\(number)) already")
            }
            if Self.isNIS(next.pointee.gr_name) {
                entry = next
                break
            }
            withMembers(next.pointee.gr_mem, adding: members[name]) { list in
                if let list {
                    next.pointee.gr_mem = list
                    isChanged = true
                }
                file.note(putgrent(next, file.stream))
            }
        }
        for new in groups {
            withStrings([new.name, "x"]) { text in
                withMembers(nil, adding: members[new.name]) { list in
                    var group = group(gr_name: text[0], gr_passwd: text[1], gr_gid: new.number, gr_mem: list)
                    file.note(putgrent(&group, file.stream))
                }
            }
        }
        while let rest = entry {
            file.note(putgrent(rest, file.stream))
            entry = file.next(fgetgrent)
        }
        try file.finish()
        return isChanged ? file : nil
    }

    private func writeGroupShadow(_ groups: [AccountAllocation.NewGroup], _ members: [String: [String]], in folder: FileDescriptor) throws
        -> NewAccountFile?
    {
        let file = try new("gshadow", mode: 0, in: folder)
        var isChanged = !groups.isEmpty
        while let next = file.next(fgetsgent) {
            let name = String(cString: next.pointee.sg_namp)
            // Systemd lets it pass for the group of a user.
            guard !groups.contains(where: { $0.kind == .group && $0.name == name }) else {
                throw failure("/etc/gshadow has '\(name)' already, but /etc/group does not")
            }
            withMembers(next.pointee.sg_mem, adding: members[name]) { list in
                if let list {
                    next.pointee.sg_mem = list
                    isChanged = true
                }
                file.note(putsgent(next, file.stream))
            }
        }
        for new in groups {
            withStrings([new.name, "!*"]) { text in
                withMembers(nil, adding: members[new.name]) { list in
                    var group = sgrp(sg_namp: text[0], sg_passwd: text[1], sg_adm: nil, sg_mem: list)
                    file.note(putsgent(&group, file.stream))
                }
            }
        }
        try file.finish()
        return isChanged ? file : nil
    }

    /// Calls `body` with the old and the new members, sorted by bytes; with `nil` when none is new.
    private func withMembers(
        _ old: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, adding new: [String]?,
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Void
    ) {
        var names: [String] = []
        var next = old
        while let name = next?.pointee {
            names.append(String(cString: name))
            next = next?.successor()
        }
        guard let new, !Set(new).isSubset(of: names) else { return body(nil) }
        let all = Set(names + new).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        withStrings(all) { text in
            var list: [UnsafeMutablePointer<CChar>?] = text + [nil]
            list.withUnsafeMutableBufferPointer { body($0.baseAddress) }
        }
    }

    private func withStrings(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>]) -> Void) {
        let copies = strings.compactMap { strdup($0) }
        defer { for copy in copies { free(copy) } }
        body(copies)
    }
}
