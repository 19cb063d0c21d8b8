// SELinux contexts by the root's own policy. Looked up with the build host's libselinux, as matchpathcon(8) and setfiles(8) do, and not with a
// setfiles that is started in the root: that would have to be given the privilege to set the attribute.
internal import CSELinux
import Glibc
import HostSystem
import SystemPackage

struct SecurityPolicy {
    /// Such as `targeted`.
    let name: String
    /// Of /etc/selinux, the files of contexts as they are in the root; by their endings.
    private let texts: [String: [UInt8]]

    private static let configuration: FilePath = "/etc/selinux/config"
    /// selabel_file(5). Those that were compiled (.bin) are for the root's own library.
    private static let endings = ["", ".homedirs", ".local", ".subs", ".subs_dist"]

    /// Why a root's files get no contexts.
    struct Absence: Error, CustomStringConvertible {
        var description: String
    }

    /// Reads the policy of the process's root.
    ///
    /// - Throws: `Absence` when there is none.
    static func read() throws -> SecurityPolicy {
        guard let bytes = try? readBytes(configuration) else { throw Absence(description: "the root has no \(configuration)") }
        let settings = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line -> String? in
            let line = line.drop { $0.isWhitespace }
            return line.hasPrefix("SELINUXTYPE=") ? String(line.dropFirst(12).prefix { !$0.isWhitespace }) : nil
        }
        guard let name = settings.last, !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
            throw Absence(description: "\(configuration) of the root names no policy (SELINUXTYPE)")
        }
        let file = "/etc/selinux/\(name)/contexts/files/file_contexts"
        var texts: [String: [UInt8]] = [:]
        for ending in endings { texts[ending] = try? readBytes(FilePath(file + ending)) }
        guard texts[""] != nil else { throw Absence(description: "the root's policy '\(name)' has no \(file)") }
        return SecurityPolicy(name: name, texts: texts)
    }

    /// The contexts of files, by their paths in the machine and their modes; what a policy says `<<none>>` of gets none.
    ///
    /// - Parameters:
    ///   - files: in the order of the paths. `link` is the same for names of one file, which have the first one's context.
    ///   - scratch: an empty folder.
    /// - Throws: `WorkerFailure`, `Errno`.
    func contexts(of files: [(path: [UInt8], mode: mode_t, link: FileNumber?)], scratch: FilePath) throws -> FileContexts {
        let base = scratch.appending("file_contexts")
        for (ending, text) in texts { try writeAtomically(text, to: FilePath("\(base)\(ending)")) }
        let handle = try base.string.withCString { path in
            var option = selinux_opt(type: SELABEL_OPT_PATH, value: path)
            guard let handle = selabel_open(UInt32(SELABEL_CTX_FILE), &option, 1) else {
                throw WorkerFailure(
                    kind: "finish",
                    message:
                        "the files of contexts of the root's SELinux policy '\(name)' cannot be read: \(Errno(rawValue: errno)); the log has their lines"
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
            // libselinux compiles a pattern when it comes to it, and says nothing of one that it cannot compile.
            let reason = error == 0 ? "one of its patterns is no regular expression" : "\(Errno(rawValue: error))"
            throw WorkerFailure(
                kind: "finish",
                message:
                    "the SELinux policy '\(name)' of the root has no context for \(String(decoding: path, as: UTF8.self)): \(reason); matchpathcon -f says which files"
            )
        }
        defer { freecon(context) }
        return Array(UnsafeRawBufferPointer(start: context, count: strlen(context)))
    }
}

/// What is the same for all names of a file.
struct FileNumber: Hashable {
    var device: dev_t
    var inode: ino_t
}
