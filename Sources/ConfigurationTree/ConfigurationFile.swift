// Reading files of the tree: their kinds, their text and their lines. Every mistake becomes a diagnostic; nothing is thrown.
import Glibc
import SystemPackage

/// What a path of the tree leads to, with symlinks resolved.
enum EntryKind {
    /// `executable` as Git sees it: whether its owner may execute it.
    case file(executable: Bool)
    case folder
    case other
    /// The path leads to nothing.
    case absent
    /// The kernel does not say what is there.
    case unreadable(Errno)
}

/// Whether there is something at a path of the tree. What cannot be looked at may be there, so it is not taken for absent.
enum Presence {
    case there, absent
    case unreadable(Errno)
}

/// Reads entries of the tree and collects what is wrong with them. A file that several machines share through symlinks is read once and
/// reported once.
final class ConfigurationReader {
    private(set) var diagnostics: [Diagnostic] = []
    private let root: FilePath
    private var seen: Set<Diagnostic> = []
    private var lines: [FilePath: [ConfigurationLine]] = [:]
    private var layersSeen: Set<FilePath> = []

    init(root: FilePath) { self.root = root }

    func report(
        _ severity: Diagnostic.Severity, _ file: FilePath, line: Int? = nil, _ message: String, hint: String? = nil
    ) { report(severity, SourceLocation(file: file, line: line), message, hint: hint) }

    func report(_ severity: Diagnostic.Severity, _ location: SourceLocation, _ message: String, hint: String? = nil) {
        report(Diagnostic(severity, at: location, message, hint: hint))
    }

    func report(_ diagnostic: Diagnostic) {
        if seen.insert(diagnostic).inserted { diagnostics.append(diagnostic) }
    }

    /// Whether a layer's content is looked at now; layers that several machines share are looked at once.
    func begins(_ layer: FilePath) -> Bool { layersSeen.insert(layer).inserted }

    func reportUnreadable(_ path: FilePath, _ error: Errno) {
        report(.error, path, "cannot be read: \(error)", hint: error == .permissionDenied ? "the build's user must be able to read it" : nil)
    }

    /// The path with symlinks resolved. Reports broken links, loops, and, as a note, links that leave the tree.
    ///
    /// - Parameter what: what is expected there, for the report.
    func resolve(_ path: FilePath, required: Bool, what: String) -> FilePath? {
        var status = stat()
        guard lstat(path.string, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR {
                if required { report(.error, path, "missing", hint: "expected \(what)") }
            } else {
                reportUnreadable(path, Errno(rawValue: errno))
            }
            return nil
        }
        guard let resolved = realpath(path.string, nil) else {
            switch errno {
            case ELOOP: report(.error, path, "a loop of symbolic links")
            case ENOENT: report(.error, path, "a broken symbolic link (\(target(of: path)))", hint: "expected \(what)")
            default: reportUnreadable(path, Errno(rawValue: errno))
            }
            return nil
        }
        defer { free(resolved) }
        let real = FilePath(String(cString: resolved))
        if !real.starts(with: root) { report(.note, path, "a symbolic link that leaves the tree, to \(real)") }
        return real
    }

    func target(of path: FilePath) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink(path.string, $0, bytes.count) } ?? 0
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : "?"
    }

    /// Whether the path exists; a broken link does.
    func presence(_ path: FilePath) -> Presence {
        var status = stat()
        if lstat(path.string, &status) == 0 { return .there }
        return errno == ENOENT || errno == ENOTDIR ? .absent : .unreadable(Errno(rawValue: errno))
    }

    func kind(_ path: FilePath) -> EntryKind {
        var status = stat()
        guard stat(path.string, &status) == 0 else {
            return errno == ENOENT || errno == ENOTDIR ? .absent : .unreadable(Errno(rawValue: errno))
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(executable: status.st_mode & S_IXUSR != 0)
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    /// A regular file that can be read and has its own content, with symlinks resolved; `nil` after reporting why not.
    func file(_ path: FilePath, required: Bool, what: String, executable: Bool = false) -> FilePath? {
        guard let real = resolve(path, required: required, what: what) else { return nil }
        switch kind(real) {
        case .file(let isExecutable):
            if executable && !isExecutable { report(.error, path, "not executable", hint: "use 'chmod +x'") }
            do {
                if let standIn = try StandInContent(of: real) {
                    report(.error, path, standIn.message, hint: standIn.cure)
                    return nil
                }
            } catch {
                reportUnreadable(path, error)
                return nil
            }
            return real
        case .folder:
            report(.error, path, "a folder", hint: "expected a file: \(what)")
            return nil
        case .unreadable(let error):
            reportUnreadable(path, error)
            return nil
        case .absent, .other:
            report(.error, path, "not a regular file", hint: "expected \(what)")
            return nil
        }
    }

    /// A folder that can be listed, with symlinks resolved; `nil` after reporting why not.
    func folder(_ path: FilePath, required: Bool, what: String) -> FilePath? {
        guard let real = resolve(path, required: required, what: what) else { return nil }
        switch kind(real) {
        case .folder: break
        case .unreadable(let error):
            reportUnreadable(path, error)
            return nil
        default:
            if let target = textOfLink(real) {
                report(.linkAsText(path, target: target))
            } else {
                report(.error, path, "not a folder", hint: "expected \(what)")
            }
            return nil
        }
        guard faccessat(AT_FDCWD, real.string, R_OK | X_OK, AT_EACCESS) == 0 else {
            reportUnreadable(path, Errno(rawValue: errno))
            return nil
        }
        return real
    }

    /// The names in a folder in alphanumeric (byte) order, without hidden ones.
    func names(in folder: FilePath) -> [String] {
        guard let stream = opendir(folder.string) else {
            reportUnreadable(folder, Errno(rawValue: errno))
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if let name = String(validating: bytes, as: UTF8.self) {
                if !name.hasPrefix(".") { names.append(name) }
            } else {
                report(.error, folder, "the name '\(String(decoding: bytes, as: UTF8.self))' is not UTF-8", hint: "rename it")
            }
            errno = 0
        }
        if errno != 0 { reportUnreadable(folder, Errno(rawValue: errno)) }
        return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    /// Reports a script whose first line ends with CR LF: the kernel would look for an interpreter named "bash\r". A CR further down may be
    /// intended, in a here-document. Compiled programs may contain any bytes.
    func checkLineEnds(script path: FilePath) {
        var start = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            count = try descriptor.closeAfter { try start.withUnsafeMutableBytes { try descriptor.read(into: $0) } }
        } catch {
            report(.error, path, "cannot be read: \(error)")
            return
        }
        let line = start[..<count].prefix { $0 != UInt8(ascii: "\n") }
        if line.count < count, line.last == UInt8(ascii: "\r"), !line.starts(with: [0x7F] + Array("ELF".utf8)) {
            report(.error, path, line: 1, "a line ends with CR LF", hint: "expected LF")
        }
    }

    /// The first line of a file, without the white space around it; empty when the file is.
    func firstLine(_ path: FilePath) -> String {
        let line = Array((text(path) ?? "").utf8.prefix { $0 != UInt8(ascii: "\n") })
        if line.last == UInt8(ascii: "\r") {
            report(.error, path, line: 1, "a line ends with CR LF", hint: "expected LF")
        }
        let words = String(decoding: line, as: UTF8.self).drop(while: \.isWhitespace)
        return String(words.reversed().drop(while: \.isWhitespace).reversed())
    }

    /// The file as UTF-8 text; `nil` after reporting why not.
    func text(_ path: FilePath) -> String? {
        let bytes: [UInt8]
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            bytes = try descriptor.closeAfter {
                var bytes: [UInt8] = []
                let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
                defer { chunk.deallocate() }
                while case let count = try descriptor.read(into: chunk), count > 0 {
                    bytes.append(contentsOf: chunk[..<count])
                }
                return bytes
            }
        } catch {
            report(.error, path, "cannot be read: \(error)", hint: "the build's user must be able to read it")
            return nil
        }
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.contains(0) {
                report(.error, path, line: index + 1, "a NUL byte", hint: "expected text")
                return nil
            }
            if String(validating: line, as: UTF8.self) == nil {
                report(.error, path, line: index + 1, "not UTF-8", hint: "expected UTF-8 text")
                return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The lines that are neither blank nor a `#` comment, without the white space around them.
    func meaningfulLines(_ path: FilePath) -> [ConfigurationLine] {
        if let known = lines[path] { return known }
        var result: [ConfigurationLine] = []
        var carriageReturns = false
        // By bytes: Swift treats CR LF as one Character, which is not equal to "\n".
        var content = Array((text(path) ?? "").utf8)
        let byteOrderMark = Array("\u{FEFF}".utf8)
        if content.starts(with: byteOrderMark) {
            report(.error, path, line: 1, "a byte order mark", hint: "expected UTF-8 without one")
            content.removeFirst(byteOrderMark.count)
        }
        for (index, bytes) in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if bytes.last == UInt8(ascii: "\r") {
                if !carriageReturns {
                    report(.error, path, line: index + 1, "a line ends with CR LF", hint: "expected LF")
                }
                carriageReturns = true
            }
            let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            result.append(ConfigurationLine(words: words, location: SourceLocation(file: path, line: index + 1)))
        }
        lines[path] = result
        return result
    }
}

/// One meaningful line of a line-based file.
struct ConfigurationLine {
    var words: [String]
    var location: SourceLocation
}
