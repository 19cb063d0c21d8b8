import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// A single repository, and what is resolved from it.
struct OneRepository {
    let folder: ScratchFolder

    init(_ repository: SmallRepository) throws {
        folder = try ScratchFolder()
        try repository.write(to: folder, at: "r")
    }

    /// - Parameter lines: as those of `packages`: `name`, `@group`, `-name`.
    func request(
        _ lines: [String], at file: FilePath = "packages", _ change: (inout YumConfiguration) -> Void = { _ in }
    ) -> ResolutionRequest {
        var repository = Repository(id: "r", name: "r")
        repository.baseURLs = ["file://\(folder.path("r"))/"]
        var configuration = YumConfiguration.plain
        configuration.repositories = [repository]
        change(&configuration)
        let requests = lines.enumerated().map { number, line in
            let kind: PackageRequest.Kind = line.hasPrefix("@") ? .group : line.hasPrefix("-") ? .forbid : .install
            return PackageRequest(
                kind, kind == .install ? line : String(line.dropFirst()), at: SourceLocation(file: file, line: number + 1))
        }
        return ResolutionRequest(requests: requests, localPackages: [], configuration: configuration, architecture: "x86_64")
    }

    var resolver: PackageResolver { PackageResolver(cachePath: FilePath(folder.path("cache"))) }

    /// The packages that dnf would install, as `name-evr.arch`.
    func resolve(_ lines: [String], _ change: (inout YumConfiguration) -> Void = { _ in }) async throws -> Set<String> {
        let results = try await resolver.resolve([request(lines, change)]) { _, _ in }
        return Set(try #require(results.first).get().packages.map(\.nevra))
    }
}
