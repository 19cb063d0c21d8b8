import Foundation
public import HostSystem
public import SystemPackage

/// The libraries that are loaded into discographer-worker, with their digests: some of them have a say in the bytes of a stage's result, such as librpm in an installed
/// root's.
public struct LibraryInputs: Sendable {
    private struct Library: Codable {
        var path: WrittenPath
        var state: FileIdentity
        var digest: String
    }

    private struct Memory: Codable {
        var worker: FileIdentity
        var linkerCache: FileIdentity?
        var libraries: [Library]
    }

    /// By their file names.
    private let digests: [String: String]

    /// Asks the worker which libraries it loads, or, when neither it nor the dynamic linker's cache has changed since, takes what it said then.
    ///
    /// - Parameter folder: where the answer is remembered between runs.
    /// - Throws: `HostSystemError`, `Errno`.
    public init(of worker: Worker, remembering folder: FilePath) async throws {
        let file = folder.appending("libraries.json")
        guard let state = FileIdentity(worker.program) else {
            throw HostSystemError.systemCall(what: "looking at \(worker.program)", errno: .noSuchFileOrDirectory)
        }
        let linkerCache = FileIdentity("/etc/ld.so.cache")
        if let bytes = try? readRegularFile(file), let memory = try? JSONDecoder().decode(Memory.self, from: Data(bytes)), memory.worker == state,
            memory.linkerCache == linkerCache, memory.libraries.allSatisfy({ FileIdentity($0.path.path) == $0.state })
        {
            digests = Self.digests(of: memory.libraries)
            return
        }
        let paths = try await worker.run(LoadedLibrariesJob()).map(\.path)
        let libraries = try await offPool {
            try paths.compactMap { path in
                try FileIdentity(path).map { Library(path: WrittenPath(path), state: $0, digest: try Checksum(.sha256, ofFile: path).hexadecimal) }
            }
        }
        digests = Self.digests(of: libraries)
        try? createDirectories(folder)
        try? writeAtomically(try JSONEncoder().encode(Memory(worker: state, linkerCache: linkerCache, libraries: libraries)), to: file)
    }

    /// The digests of the libraries whose file names begin so, by their file names.
    public func digests(of prefixes: [String]) -> [String: String] {
        digests.filter { library in prefixes.contains(where: library.key.hasPrefix) }
    }

    private static func digests(of libraries: [Library]) -> [String: String] {
        var digests: [String: String] = [:]
        for library in libraries { if let name = library.path.path.lastComponent?.string { digests[name] = library.digest } }
        return digests
    }
}
