// What can be known of an incomplete Git checkout from the files alone. What the index of Git says besides is told by BuildPipeline/Checkout.
import Glibc
package import SystemPackage

/// Content that stands in the place of a file's own, because the program that has the content was not run after the checkout.
package enum StandInContent {
    /// Git LFS, docs/spec.md, "The Pointer": at most 1024 bytes, `version` first, then the other keys.
    case largeFilePointer
    /// git-annex, "pointer file" of its internals/pointer_file page.
    case annexPointer
    /// git-crypt's header of encrypted files (its crypto design: ten bytes, NUL GITCRYPT NUL).
    case encrypted

    /// - Throws: `Errno` when the file cannot be read.
    package init?(of path: FilePath) throws(Errno) {
        do {
            // A FIFO that takes the file's place must not be waited for.
            let descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking, .noFollow])
            try self.init(descriptor)
        } catch { throw error as? Errno ?? .ioError }
    }

    /// Closes the file.
    init?(_ descriptor: FileDescriptor) throws {
        var start = [UInt8](repeating: 0, count: 1025)
        let count = try descriptor.closeAfter { try start.withUnsafeMutableBytes { try descriptor.read(into: $0) } }
        self.init(start: start[..<count])
    }

    /// - Parameter start: at least 1025 bytes, or the whole file.
    init?(start: ArraySlice<UInt8>) {
        if start.starts(with: [0] + Array("GITCRYPT".utf8) + [0]) {
            self = .encrypted
        } else if start.starts(with: Array("/annex/objects/".utf8)), start.count <= 1024 {
            self = .annexPointer
        } else if start.count <= 1024, Self.pointerVersions.contains(where: { start.starts(with: Array("version \($0)".utf8)) }),
            String(decoding: start, as: UTF8.self).split(separator: "\n").contains(where: { $0.hasPrefix("oid ") })
        {
            self = .largeFilePointer
        } else {
            return nil
        }
    }

    /// The last two were in use before the specification had a version.
    private static let pointerVersions = ["https://git-lfs.github.com/spec/", "https://hawser.github.com/spec/", "http://git-media.io/v/"]

    package var message: String {
        switch self {
        case .largeFilePointer: "a pointer of Git LFS instead of the file itself"
        case .annexPointer: "a pointer of git-annex instead of the file itself"
        case .encrypted: "encrypted by git-crypt"
        }
    }

    package var cure: String {
        switch self {
        case .largeFilePointer: "run 'git lfs pull' in the checkout, or let CI check out with LFS"
        case .annexPointer: "run 'git annex get' in the checkout"
        case .encrypted: "run 'git-crypt unlock' in the checkout"
        }
    }
}

extension Diagnostic {
    /// A symbolic link that Git wrote as a text file.
    ///
    /// - Parameter target: the file's text.
    package static func linkAsText(_ path: FilePath, target: String, _ severity: Severity = .error) -> Diagnostic {
        Diagnostic(
            severity, at: SourceLocation(file: path),
            "a text file with the path of a symbolic link (\(target.printable())) instead of the link itself",
            hint:
                "Git checked it out with core.symlinks=false; run 'git config core.symlinks true' and check the file out again, on a file system with "
                + "symbolic links")
    }
}

extension ConfigurationReader {
    /// The text of a file that Git wrote instead of a symbolic link (git-config(1), core.symlinks): one line without a line feed, with the path of something that
    /// exists; `nil` for any other file.
    func textOfLink(_ path: FilePath) -> String? {
        guard let descriptor = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking]) else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        guard let count = try? descriptor.closeAfter({ try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0) } }), count > 0,
            count < Int(PATH_MAX), !bytes[..<count].contains(0), let text = String(validating: bytes[..<count], as: UTF8.self),
            !text.contains(where: \.isNewline)
        else { return nil }
        let target = FilePath(text)
        var status = stat()
        let place = target.isAbsolute ? target : path.removingLastComponent().pushing(target)
        return lstat(place.string, &status) == 0 ? text : nil
    }

    /// Whether a file of the tree is a link to a machine group, checked out as text.
    func isLinkAsText(toGroup path: FilePath) -> Bool {
        guard let text = textOfLink(path) else { return false }
        let target = path.removingLastComponent().pushing(FilePath(text))
        if case .there = presence(target.appending("machines")) { return true }
        return false
    }
}
