// Converts the package database to Berkeley DB, the only format that rpm before 4.16 reads; librpm of the build host writes SQLite. The root's own programs
// do it: db_load(1) of libdb-utils, which those rpm packages require, writes the table of packages from the headers, and `rpmdb --rebuilddb` writes the
// indices. (`rpmdb --importdb` exists only since rpm 4.12.)
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct BerkeleyDatabase {
    let root: FilePath
    /// The database's folder, as a path in the root.
    let folder: FilePath

    private static let loader: FilePath = "/usr/bin/db_load"
    private static let builder: FilePath = "/usr/bin/rpmdb"

    /// A program for the conversion that the root does not have.
    var missingProgram: FilePath? {
        [Self.loader, Self.builder].first { !isExecutable(root.pushing($0.removingRoot())) }
    }

    /// Makes the database from the transaction's, and removes that one.
    ///
    /// - Throws: `HostSystemError`, with what the root's program said; `WorkerFailure`.
    func make(from transaction: rpmts) throws {
        let dump = folder.appending("Packages.dump")
        let count = try writeDump(of: transaction, to: root.pushing(dump.removingRoot()))
        rpmtsCloseDB(transaction)
        for name in ["rpmdb.sqlite", "rpmdb.sqlite-wal", "rpmdb.sqlite-shm"] {
            removeFile(root.pushing(folder.removingRoot()).appending(name))
        }
        let found = try inside {
            try Tool(name: "db_load", path: Self.loader, package: "libdb-utils")
                .runBlocking(["-f", dump.string, folder.appending("Packages").string])
            removeFile(dump)
            let rpmdb = Tool(name: "rpmdb", path: Self.builder, package: "rpm")
            try rpmdb.runBlocking(["--rebuilddb"])
            return try Tool(name: "rpm", path: "/usr/bin/rpm", package: "rpm").runBlocking(["-qa"])
                .split(separator: "\n").count
        }
        guard found == count else {
            throw WorkerFailure(
                kind: .librpm, message: "the root's rpm finds \(found) packages in the converted database; expected \(count)")
        }
        try makeReproducible()
    }

    /// Writes the headers in the format of db_dump(1): the number and the bytes of each, after an entry 0 with the greatest number.
    private func writeDump(of transaction: rpmts, to path: FilePath) throws -> Int {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        return try file.closeAfter {
            func line(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
                let digits = Array("0123456789abcdef".utf8)
                return [UInt8(ascii: " ")]
                    + bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } + [UInt8(ascii: "\n")]
            }
            func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { line($0) } }
            try file.writeAll("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n".utf8)
            guard let iterator = rpmtsInitIterator(transaction, rpmDbiTagVal(RPMDBI_PACKAGES.rawValue), nil, 0) else {
                throw WorkerFailure(kind: .librpm, message: "the root's package database has no packages")
            }
            defer { rpmdbFreeIterator(iterator) }
            var headers: [UInt32: [UInt8]] = [:]
            while let header = rpmdbNextIterator(iterator) {
                var size: UInt32 = 0
                guard let bytes = headerExport(header, &size) else { continue }
                defer { free(bytes) }
                headers[rpmdbGetIteratorOffset(iterator)] = line(UnsafeRawBufferPointer(start: bytes, count: Int(size)))
            }
            try file.writeAll(number(0) + number(headers.keys.max() ?? 0))
            for (key, bytes) in headers.sorted(by: { $0.key < $1.key }) { try file.writeAll(number(key) + bytes) }
            try file.writeAll("DATA=END\n".utf8)
            return headers.count
        }
    }

    /// Replaces what differs from run to run. Bytes 52 to 72 of a Berkeley DB file are an identity made of inode, clock and random bytes (dbinc/db_page.h, `uid`
    /// of a metadata page), which only has to be unique within an environment. The environment's own files are made again when it is opened.
    private func makeReproducible() throws {
        try walk(root.pushing(folder.removingRoot())) { path, status in
            guard status.st_mode & S_IFMT == S_IFREG, let name = path.lastComponent?.string else { return }
            if name.hasPrefix("__db.") || name == ".dbenv.lock" || name == ".rpm.lock" { return removeFile(path) }
            let file = try FileDescriptor.open(path, .writeOnly, options: [.noFollow, .closeOnExec])
            let identity = Array((Array(name.utf8) + [UInt8](repeating: 0, count: 20)).prefix(20))
            try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: 52, identity) }
        }
    }

    private func inside<Value>(_ body: () throws -> Value) throws -> Value {
        let outside = try FileDescriptor.open("/", .readOnly, options: [.directory, .closeOnExec])
        defer { try? outside.close() }
        guard chdir(root.string) == 0, chroot(".") == 0 else {
            throw HostSystemError.systemCall(what: "entering the root \(root)", errno: Errno(rawValue: errno))
        }
        let result = Result { try body() }
        guard fchdir(outside.rawValue) == 0, chroot(".") == 0 else {
            throw HostSystemError.systemCall(what: "leaving the root \(root)", errno: Errno(rawValue: errno))
        }
        return try result.get()
    }
}
