import Glibc
import HostSystem
import SystemPackage

/// Everything at and below a path, as one pass of lstat(2) sees it, in the order of the names' bytes.
struct TreeListing {
    struct Entry {
        /// Relative to the path, with `/` between names; empty for the path itself. Bytes: names are not always text.
        var name: [UInt8]
        var status: stat
        /// A symbolic link's target.
        var target: [UInt8] = []

        var kind: mode_t { status.st_mode & S_IFMT }

        /// The mode as Git has it: a file's executable bit, and nothing else of what the umask of a checkout decides.
        var gitMode: String {
            switch kind {
            case S_IFREG: status.st_mode & S_IXUSR != 0 ? "100755" : "100644"
            case S_IFDIR: "040000"
            case S_IFLNK: "120000"
            default: String(kind, radix: 8)
            }
        }
    }

    private(set) var entries: [Entry] = []

    /// - Parameters:
    ///   - followsTop: whether a link at the path itself is followed; those below never are.
    ///   - skipsHiddenTop: whether names that begin with `.` directly in the folder are left out.
    /// - Throws: `FileError` for what cannot be read.
    init(_ path: FilePath, followsTop: Bool = true, skipsHiddenTop: Bool = false) throws {
        var status = stat()
        guard path.withPlatformString({ followsTop ? stat($0, &status) : lstat($0, &status) }) == 0 else {
            throw FileError(path, Errno(rawValue: errno))
        }
        var top = Entry(name: [], status: status)
        switch top.kind {
        case S_IFLNK: top.target = try Self.target(AT_FDCWD, path.bytes.map(CChar.init(bitPattern:)) + [0], at: path)
        default: break
        }
        entries.append(top)
        guard top.kind == S_IFDIR else { return }
        do {
            let folder = try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec])
            try folder.closeAfter { try add(folder, name: [], at: path, skipsHidden: skipsHiddenTop) }
        } catch let error as Errno { throw FileError(path, error) }
    }

    private mutating func add(_ folder: FileDescriptor, name: [UInt8], at path: FilePath, skipsHidden: Bool) throws {
        for entry in try folderNames(folder) where !(skipsHidden && entry[0] == 0x2e) {
            let bytes = entry.dropLast().map(UInt8.init(bitPattern:))
            var found = Entry(name: name.isEmpty ? bytes : name + [UInt8(ascii: "/")] + bytes, status: stat())
            guard fstatat(folder.rawValue, entry, &found.status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw FileError(path.appending(name: entry), Errno(rawValue: errno))
            }
            if found.kind == S_IFLNK { found.target = try Self.target(folder.rawValue, entry, at: path.appending(name: entry)) }
            entries.append(found)
            guard found.kind == S_IFDIR else { continue }
            let place = path.appending(name: entry)
            let opened = openat(folder.rawValue, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard opened >= 0 else { throw FileError(place, Errno(rawValue: errno)) }
            let inner = FileDescriptor(rawValue: opened)
            do { try inner.closeAfter { try add(inner, name: found.name, at: place, skipsHidden: false) } } catch let error as Errno {
                throw FileError(place, error)
            }
        }
    }

    private static func target(_ folder: Int32, _ name: [CChar], at path: @autoclosure () -> FilePath) throws -> [UInt8] {
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
            guard let address = buffer.baseAddress else { return }
            count = max(0, address.withMemoryRebound(to: CChar.self, capacity: buffer.count) { readlinkat(folder, name, $0, buffer.count) })
        }
        guard !bytes.isEmpty else { throw FileError(path(), Errno(rawValue: errno)) }
        return bytes
    }
}

extension FilePath {
    /// The path of an entry of a listing of this path.
    func appending(entry name: [UInt8]) -> FilePath {
        name.isEmpty
            ? self
            : (name + [0]).map(CChar.init(bitPattern:)).withUnsafeBufferPointer { pointer in
                pointer.baseAddress.map { pushing(FilePath(platformString: $0)) } ?? self
            }
    }
}
