public import HostSystem
public import SystemPackage

/// A program of the build host that has a say in a stage's bytes: by the digest of its executable, wherever it is.
public struct ToolInput: Codable, Hashable, Sendable, IdentityRepresentable {
    public var tool: Tool
    public var digest: String

    /// - Throws: `HostSystemError` when the program is missing, `FileError`.
    public init(_ name: String, of table: ToolTable, digests: InputDigests) throws {
        tool = try table.tool(name)
        digest = try digests.digest(of: tool.path) ?? ""
    }

    public var identityValue: [String: String] { ["name": tool.name, "digest": digest] }
    public var origin: String? { tool.path.string }
}

/// A file or a folder of the configuration tree, or of the host, that a stage reads: by its content, wherever it is.
public struct FileInput: Codable, Hashable, Sendable, IdentityRepresentable {
    public var path: FilePath
    public var digest: String

    /// - Parameter skipsHiddenTop: names that begin with `.` directly in a folder do not count, as in layers of overlays.
    /// - Throws: `FileError`.
    public init(_ path: FilePath, skipsHiddenTop: Bool = false, digests: InputDigests) throws {
        self.path = path
        digest = try digests.digest(of: path, skipsHiddenTop: skipsHiddenTop) ?? ""
    }

    /// The SHA-256 of the file's bytes alone.
    ///
    /// - Throws: `FileError`.
    public init(contentOf path: FilePath) throws {
        self.path = path
        do { digest = try Checksum(.sha256, ofFile: path).hexadecimal } catch let error as Errno { throw FileError(path, error) }
    }

    public var identityValue: String { digest }
    public var origin: String? { path.string }
}
