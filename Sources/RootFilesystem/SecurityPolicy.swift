// Looks up SELinux contexts in the root's own policy with the build host's libselinux, as matchpathcon(8) and setfiles(8) do. Running setfiles in the root
// instead would require the privilege to set the attribute.
internal import CSELinux
import Glibc
import HostSystem
import SystemPackage

struct SecurityPolicy {
    /// Such as `targeted`.
    let name: String
    /// The policy's files of contexts, by the endings of their names.
    private let texts: [String: [UInt8]]

    private static let configuration: FilePath = "/etc/selinux/config"
    /// From selabel_file(5). Compiled files (.bin) are for the root's own library.
    private static let endings = ["", ".homedirs", ".local", ".subs", ".subs_dist"]

    /// Why the files of a root do not get contexts.
    struct Absence: Error, CustomStringConvertible {
        var description: String
    }

    /// Reads the policy of the process's root.
    ///
    /// - Throws: `Absence` when it does not have one; `FileError` when it cannot be read.
    static func read() throws -> SecurityPolicy {
        guard let bytes = try Self.bytes(of: configuration) else { throw Absence(description: "the root does not have \(configuration)") }
        let settings = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line -> String? in
            let line = line.drop { $0.isWhitespace }
            return line.hasPrefix("SELINUXTYPE=") ? String(line.dropFirst(12).prefix { !$0.isWhitespace }) : nil
        }
        guard let name = settings.last, !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
            throw Absence(description: "\(configuration) of the root does not name a policy (SELINUXTYPE)")
        }
        let file = "/etc/selinux/\(name)/contexts/files/file_contexts"
        var texts: [String: [UInt8]] = [:]
        for ending in endings { texts[ending] = try Self.bytes(of: FilePath(file + ending)) }
        guard texts[""] != nil else { throw Absence(description: "the root's policy '\(name)' does not have \(file)") }
        return SecurityPolicy(name: name, texts: texts)
    }

    /// `nil` when the root does not have the file.
    private static func bytes(of file: FilePath) throws -> [UInt8]? {
        do { return try readBytes(file) } catch let error as Errno {
            guard error.meansAbsence else { throw FileError(file, error) }
            return nil
        }
    }

    /// Looks up the contexts of files by their paths in the machine and their modes. Files with `<<none>>` in the policy do not get one.
    ///
    /// - Parameters:
    ///   - files: sorted by path. Hard links have the same `link`, and get the context of the first one.
    ///   - scratch: an empty folder.
    /// - Throws: `WorkerFailure`, `Errno`.
    func contexts(of files: [(path: [UInt8], mode: mode_t, link: FileNumber?)], scratch: FilePath) throws -> FileContexts {
        let base = scratch.appending("file_contexts")
        for (ending, text) in texts { try writeAtomically(text, to: FilePath("\(base)\(ending)")) }
        let handle = try base.string.withCString { path in
            var option = selinux_opt(type: SELABEL_OPT_PATH, value: path)
            guard let handle = selabel_open(UInt32(SELABEL_CTX_FILE), &option, 1) else {
                throw WorkerFailure(
                    kind: .finish,
                    message:
                        "the file contexts of the root's SELinux policy '\(name)' cannot be read: \(Errno(rawValue: errno)); the log names the lines"
                )
            }
            return handle
        }
        defer { selabel_close(handle) }
        var contexts = FileContexts()
        var linked: [FileNumber: [UInt8]?] = [:]
        for (path, mode, link) in files {
            if let link, let known = linked[link] {
                contexts[path] = known
                continue
            }
            let context = try lookUp(path, mode, handle)
            contexts[path] = context
            if let link { linked[link] = .some(context) }
        }
        return contexts
    }

    private func lookUp(_ path: [UInt8], _ mode: mode_t, _ handle: OpaquePointer) throws -> [UInt8]? {
        var context: UnsafeMutablePointer<CChar>?
        errno = 0
        let result = (path + [0]).withUnsafeBytes { bytes in
            selabel_lookup_raw(handle, &context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(mode & S_IFMT))
        }
        guard result == 0, let context else {
            let error = errno
            if error == ENOENT { return nil }
            // libselinux compiles a pattern when it is first used, and does not report one that is invalid.
            let reason = error == 0 ? "one of its patterns is not a regular expression" : "\(Errno(rawValue: error))"
            throw WorkerFailure(
                kind: .finish,
                message:
                    "the SELinux policy '\(name)' of the root does not give a context for \(String(decoding: path, as: UTF8.self)): \(reason); check the policy with matchpathcon -f"
            )
        }
        defer { freecon(context) }
        return Array(UnsafeRawBufferPointer(start: context, count: strlen(context)))
    }
}

/// Identifies a file with several names.
struct FileNumber: Hashable {
    var device: dev_t
    var inode: ino_t
}
