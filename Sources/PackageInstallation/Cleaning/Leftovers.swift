// Removes what librpm and scriptlets leave in a root that depends on the build's time, on random numbers, or on inode numbers. No program needs it, and without
// it the same packages make the same root. Imports CRPM for struct stat; see InstallTimestamps.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct Leftovers {
    let root: FilePath
    let timestamps: InstallTimestamps

    /// - Throws: `HostSystemError.systemCall`, `WorkerFailure`.
    func remove(databasePath: FilePath) throws {
        try closeDatabase(in: place(databasePath))
        for path in MachineSecrets.files(in: root) where try isOfInstallation(path) { try delete(path) }
        // A cache can be deleted, since its program makes it again (Filesystem Hierarchy Standard, 5.5). Folders stay, since scriptlets set their owners.
        // ldconfig's cache has inode numbers, those of fontconfig and man have times of folders.
        try forEachFile(below: "/var/cache") { path in try delete(path) }
        // What scriptlets print is in the build's log.
        try forEachFile(below: "/var/log") { path in try empty(path) }
        // Empty until compose writes the machine's own (machine-id(5)).
        try forEachFile(below: "/etc/machine-id") { path in try empty(path) }
    }

    /// Sets the day of the last password change of accounts that scriptlets made to SOURCE_DATE_EPOCH. useradd(8) writes the day of the build; before shadow
    /// 4.9 it does so whatever SOURCE_DATE_EPOCH is.
    ///
    /// - Throws: `Errno`.
    func clampPasswordAges(epoch: Int) throws {
        for path in [place("/etc/shadow"), place("/etc/shadow-")] {
            var status = stat()
            guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            let days = timestamps.days
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

    /// Removes rpm's lock, and SQLite's shared memory and write-ahead log, which librpm leaves. The shared memory differs from run to run (the log's salts), and
    /// both are made again when the database is opened.
    private func closeDatabase(in folder: FilePath) throws {
        var status = stat()
        let log = folder.appending("rpmdb.sqlite-wal")
        if stat(log.string, &status) == 0, status.st_size > 0 {
            throw WorkerFailure(kind: .librpm, message: "\(log) is not empty; the database was not closed")
        }
        for name in [".rpm.lock", "rpmdb.sqlite-wal", "rpmdb.sqlite-shm"] { try delete(folder.appending(name)) }
    }

    private func forEachFile(below folder: FilePath, _ body: (FilePath) throws -> Void) throws {
        var found: [FilePath] = []
        try walk(place(folder), where: { $0.st_mode & S_IFMT == S_IFREG && timestamps.contains($0.st_mtim) }) { path, _ in found.append(path) }
        for path in found { try body(path) }
    }

    private func isOfInstallation(_ path: FilePath) throws -> Bool {
        var status = stat()
        guard path.withPlatformString({ lstat($0, &status) }) == 0 else { throw Errno(rawValue: errno) }
        return timestamps.contains(status.st_mtim)
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
