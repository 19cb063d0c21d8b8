import BuildStore
import ConfigurationTree
import HostSystem
import PackageInstallation
import PackageResolution
import SystemPackage

/// What the stages of a batch read of the tree and of the build host, each looked at once.
struct HostInputs: Sendable {
    let digests: InputDigests
    let libraries: LibraryInputs
    let tools: ToolTable
    /// rpm's own configuration on the build host, which librpm reads.
    let rpmConfiguration: [FileInput]

    /// - Throws: `FileError`, `HostSystemError`.
    init(_ options: BuildOptions) async throws {
        let folder = options.paths.cachePath.appending("digests")
        let digests = InputDigests(remembering: folder)
        self.digests = digests
        libraries = try await LibraryInputs(of: options.worker, remembering: folder)
        tools = options.tools
        rpmConfiguration = try await offPool {
            try ["/usr/lib/rpm/macros", "/usr/lib/rpm/rpmrc", "/usr/lib/rpm/platform"].map { try FileInput($0, digests: digests) }
        }
    }

    func file(_ path: FilePath) throws -> FileInput { try FileInput(path, digests: digests) }

    func tool(_ name: String) throws -> ToolInput { try ToolInput(name, of: tools, digests: digests) }
}
