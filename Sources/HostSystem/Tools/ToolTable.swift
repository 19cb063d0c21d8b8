// Finds external programs of this host in the files of pathsPath (DESIGN section 2). $PATH is not used.
public import SystemPackage

/// One external program: its path and its package.
public struct Tool: Hashable, Codable, Sendable {
    public var name: String
    public var path: FilePath
    /// The package of this host family that has the program.
    public var package: String

    public init(name: String, path: FilePath, package: String) {
        self.name = name
        self.path = path
        self.package = package
    }
}

/// The programs of one build-host family, read from `pathsPath/<family>`.
///
/// A line is `name path package`, or `soname library package` for a library that is loaded at run time. Fields are separated by spaces; blank lines and
/// `#` comments are skipped.
public struct ToolTable: Hashable, Codable, Sendable {
    public var family: String
    public var file: FilePath
    public private(set) var tools: [String: Tool] = [:]
    /// The package of a library, by the name that the dynamic linker looks for, such as `libcurl.so.4`.
    public private(set) var libraries: [String: String] = [:]

    /// Reads the table for the family that os-release(5) names (`ID`, then each of `ID_LIKE`).
    ///
    /// - Throws: `HostSystemError.unknownHostFamily` when no file matches, `.toolTableMalformed` for a bad line,
    ///   `.toolTableEmpty` when there are no lines; `FileError` for a file that cannot be read.
    public init(pathsPath: FilePath, osRelease: FilePath = "/etc/os-release") throws {
        let candidates = Self.families(in: try Self.text(of: osRelease) ?? "")
        for family in candidates {
            let file = pathsPath.appending(family)
            guard let text = try Self.text(of: file) else { continue }
            try self.init(family: family, file: file, text: text)
            return
        }
        throw HostSystemError.unknownHostFamily(candidates: candidates, pathsPath: pathsPath)
    }

    /// `nil` when there is no such file.
    private static func text(of file: FilePath) throws -> String? {
        do { return try readText(file) } catch let error as Errno {
            guard error.meansAbsence else { throw FileError(file, error) }
            return nil
        }
    }

    init(family: String, file: FilePath, text: String) throws {
        self.family = family
        self.file = file
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let fields = line.split(separator: " ").map(String.init)
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            if fields.count == 3, fields[1] == "library" {
                libraries[fields[0]] = fields[2]
                continue
            }
            guard fields.count == 3, fields[1].hasPrefix("/") else {
                throw HostSystemError.toolTableMalformed(file: file, line: index + 1, text: String(line))
            }
            tools[fields[0]] = Tool(name: fields[0], path: FilePath(fields[1]), package: fields[2])
        }
        guard !tools.isEmpty else { throw HostSystemError.toolTableEmpty(file: file) }
    }

    /// The program with that name.
    ///
    /// - Throws: `HostSystemError.toolUnknown` when the table does not have the name, `.toolMissing` when the program does not exist at its
    ///   path.
    public func tool(_ name: String) throws -> Tool {
        guard let tool = tools[name] else { throw HostSystemError.toolUnknown(name: name, table: file) }
        guard isExecutable(tool.path) else { throw HostSystemError.toolMissing(tool) }
        return tool
    }

    /// Programs of the table that this host does not have, sorted by name.
    public var missing: [Tool] {
        tools.values.filter { !isExecutable($0.path) }.sorted { $0.name < $1.name }
    }

    static func families(in osRelease: String) -> [String] {
        var values: [String: String] = [:]
        for line in osRelease.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let value = line[line.index(after: equals)...].trimming { $0 == "\"" || $0 == "'" }
            values[String(line[..<equals])] = String(value)
        }
        return [values["ID"]].compactMap(\.self) + (values["ID_LIKE"] ?? "").split(separator: " ").map(String.init)
    }
}

extension Substring {
    fileprivate func trimming(while predicate: (Character) -> Bool) -> Substring {
        var rest = drop(while: predicate)
        while let last = rest.last, predicate(last) { rest.removeLast() }
        return rest
    }
}
