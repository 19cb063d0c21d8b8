// What librpm and scriptlets leave in a root that is made of the build's time, of chance, or of inode numbers. Nothing misses it, and without it
// the same packages make the same root.
// struct stat, too, is of the first of the modules that brought its header.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct Leftovers {
    let root: FilePath
    let clock: InstallationClock

    /// Made of chance, for one machine only.
    private static let identities: [FilePath] = [
        // systemd-random-seed.service(8), systemd-creds(1)
        "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret",
        // dbus-uuidgen(1): /etc/machine-id counts where this is missing.
        "/var/lib/dbus/machine-id",
    ]

    /// - Throws: `HostSystemError.systemCall`, `WorkerFailure`.
    func remove(databasePath: FilePath) throws {
        try closeDatabase(in: place(databasePath))
        for path in Self.identities { try delete(place(path)) }
        // The Filesystem Hierarchy Standard, 5.5: a cache can be deleted, its program makes it again. Folders stay: scriptlets give them owners.
        // ldconfig's has inode numbers, fontconfig's and man's have times of folders.
        try forEachFile(below: "/var/cache") { path in try delete(path) }
        // Logs of the build are in the build's log.
        try forEachFile(below: "/var/log") { path in try empty(path) }
        // machine-id(5): empty until a machine has one; the finished root gets its machine's.
        try forEachFile(below: "/etc/machine-id") { path in try empty(path) }
    }

    /// Passwords of accounts that scriptlets made are as old as SOURCE_DATE_EPOCH: useradd(8) writes the day of the build, before shadow 4.9 in any case.
    ///
    /// - Throws: `Errno`.
    func settleAccounts(epoch: Int) throws {
        for path in [place("/etc/shadow"), place("/etc/shadow-")] {
            var status = stat()
            guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            let days = clock.days
            let old = try readText(path)
            let lines = old.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                var fields = line.split(separator: ":", omittingEmptySubsequences: false)
                guard fields.count == 9, let day = Int(fields[2]), days.contains(day) else { return line }
                fields[2] = "\(epoch / 86400)"
                return Substring(fields.joined(separator: ":"))
            }
            let new = lines.joined(separator: "\n")
            guard new != old else { continue }
            let file = try FileDescriptor.open(path, .writeOnly, options: [.truncate, .noFollow, .closeOnExec])
            try file.closeAfter { _ = try file.writeAll(new.utf8) }
        }
    }

    /// rpm's lock, and SQLite's shared memory and write-ahead log. librpm has these two persist; the memory's content differs from run to run
    /// (salts of the log), and both are made anew when the database is opened.
    private func closeDatabase(in folder: FilePath) throws {
        var status = stat()
        let log = folder.appending("rpmdb.sqlite-wal")
        if stat(log.string, &status) == 0, status.st_size > 0 {
            throw WorkerFailure(kind: "librpm", message: "\(log) is not empty: the database was not closed")
        }
        for name in [".rpm.lock", "rpmdb.sqlite-wal", "rpmdb.sqlite-shm"] { try delete(folder.appending(name)) }
    }

    private func forEachFile(below folder: FilePath, _ body: (FilePath) throws -> Void) throws {
        var found: [FilePath] = []
        try walk(place(folder)) { path, status in
            if status.st_mode & S_IFMT == S_IFREG, clock.measures(status.st_mtim) { found.append(path) }
        }
        for path in found { try body(path) }
    }

    private func place(_ path: FilePath) -> FilePath { root.pushing(path.removingRoot()) }

    private func delete(_ path: FilePath) throws {
        guard path.withPlatformString({ unlink($0) }) == 0 || [ENOENT, ENOTDIR].contains(errno) else {
            throw HostSystemError.systemCall(what: "removing \(path)", errno: Errno(rawValue: errno))
        }
    }

    private func empty(_ path: FilePath) throws {
        guard path.withPlatformString({ truncate($0, 0) }) == 0 else {
            throw HostSystemError.systemCall(what: "emptying \(path)", errno: Errno(rawValue: errno))
        }
    }
}
