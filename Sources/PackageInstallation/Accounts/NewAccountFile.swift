// A new version of passwd, group, shadow or gshadow, in a file beside the old one until all of them are complete. Imports CShadow for FILE and struct stat, which
// belong to whichever module was the first to import their headers.
internal import CShadow
import Glibc
import HostSystem
import SystemPackage

final class NewAccountFile {
    let stream: UnsafeMutablePointer<FILE>
    private let name: String
    private let temporaryName: String
    private let folder: FileDescriptor
    private let old: UnsafeMutablePointer<FILE>?
    private var problem: Int32?
    private var isInPlace = false

    /// - Parameters:
    ///   - old: is closed by this object; `nil` when there is none.
    ///   - mode: of a file that did not exist.
    ///   - folder: outlives this object.
    /// - Throws: `WorkerFailure`.
    init(_ name: String, old: UnsafeMutablePointer<FILE>?, modeOfFirst mode: mode_t, in folder: FileDescriptor) throws {
        self.name = name
        self.old = old
        self.folder = folder
        temporaryName = ".\(name).new"
        let (opened, written) = try Self.create(temporaryName, in: folder)
        stream = written
        var status = stat()
        if let old {
            guard fstat(fileno(old), &status) == 0, fchmod(opened, status.st_mode & 0o7777) == 0, fchown(opened, status.st_uid, status.st_gid) == 0
            else { throw failure(errno) }
        } else {
            guard fchmod(opened, mode) == 0 else { throw failure(errno) }
        }
    }

    deinit {
        fclose(stream)
        if let old { fclose(old) }
        if !isInPlace { unlinkat(folder.rawValue, temporaryName, 0) }
    }

    private static func create(_ name: String, in folder: FileDescriptor) throws -> (Int32, UnsafeMutablePointer<FILE>) {
        unlinkat(folder.rawValue, name, 0)
        let opened = openat(folder.rawValue, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard opened >= 0, let stream = fdopen(opened, "w") else {
            throw WorkerFailure(kind: .transaction, message: "/etc/\(name) cannot be made: \(Errno(rawValue: errno))")
        }
        return (opened, stream)
    }

    private func failure(_ code: Int32) -> WorkerFailure {
        WorkerFailure(kind: .transaction, message: "/etc/\(name) cannot be changed: \(Errno(rawValue: code))")
    }

    /// The next entry of the old file.
    func next<Entry>(_ read: (UnsafeMutablePointer<FILE>) -> UnsafeMutablePointer<Entry>?) -> UnsafeMutablePointer<Entry>? {
        guard let old else { return nil }
        errno = 0
        let entry = read(old)
        if entry == nil, ![0, ENOENT].contains(errno) { problem = errno }
        return entry
    }

    /// Notes the result of writing an entry.
    func note(_ result: Int32) {
        if result != 0 { problem = problem ?? errno }
    }

    /// - Throws: `WorkerFailure` when anything could not be read or written.
    func finish() throws {
        if fflush(stream) != 0 { problem = problem ?? errno }
        if let problem { throw failure(problem) }
    }

    /// Keeps the old file as `passwd-` and so on, with its times.
    ///
    /// - Throws: `WorkerFailure`.
    func keepOld() throws {
        guard let old else { return }
        let backup = ".\(name).old"
        let (copy, copyStream) = try Self.create(backup, in: folder)
        defer { fclose(copyStream) }
        var status = stat()
        // The stream has read ahead.
        guard fstat(fileno(old), &status) == 0, lseek(fileno(old), 0, SEEK_SET) == 0 else { throw failure(errno) }
        do { try copyContents(of: FileDescriptor(rawValue: fileno(old)), to: FileDescriptor(rawValue: copy)) } catch let error as Errno {
            throw failure(error.rawValue)
        }
        guard fchmod(copy, status.st_mode & 0o7777) == 0, fchown(copy, status.st_uid, status.st_gid) == 0,
            futimens(copy, [status.st_atim, status.st_mtim]) == 0,
            renameat(folder.rawValue, backup, folder.rawValue, "\(name)-") == 0
        else { throw failure(errno) }
    }

    /// - Throws: `WorkerFailure`.
    func replaceOld() throws {
        guard renameat(folder.rawValue, temporaryName, folder.rawValue, name) == 0 else { throw failure(errno) }
        isInPlace = true
    }
}
