import ConfigurationTree
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import PackageResolution

/// Machines that share a pool get what each would get alone, whatever was solved before.
struct BatchTests {
    private static let packages = [
        SmallRepository.Package("setup-1-1.noarch"),
        SmallRepository.Package("tool-1-1.noarch", ["requires": ["engine"]]),
        SmallRepository.Package("fast-1-1.noarch", ["provides": ["engine"], "recommends": ["doc"]]),
        SmallRepository.Package("small-1-1.noarch", ["provides": ["engine"]]),
        SmallRepository.Package("doc-1-1.noarch"),
    ]

    private static func request(_ lines: [String], at file: String, weak: Bool = true, _ repository: Repository)
        -> ResolutionRequest
    {
        var configuration = YumConfiguration.plain
        configuration.repositories = [repository]
        configuration.installsWeakDependencies = weak
        return ResolutionRequest(
            requests: lines.enumerated().map { index, line in
                PackageRequest(
                    line.hasPrefix("-") ? .forbid : .install, line.hasPrefix("-") ? String(line.dropFirst()) : line,
                    at: SourceLocation(file: FilePath(file), line: index + 1))
            }, localPackages: [], configuration: configuration, architecture: "x86_64")
    }

    @Test func whatIsSolvedTogetherIsWhatIsSolvedAlone() async throws {
        let folder = try ScratchFolder()
        try SmallRepository(packages: Self.packages).write(to: folder, at: "all")
        var repository = Repository(id: "all", name: "all")
        repository.baseURLs = ["file://\(folder.path("all"))/"]
        let requests = [
            Self.request(["tool", "fast"], at: "one", repository), Self.request(["tool", "fast"], at: "two", repository),
            Self.request(["tool", "-fast"], at: "three", repository), Self.request(["tool", "fast"], at: "four", repository),
            Self.request(["tool", "fast"], at: "five", weak: false, repository),
            Self.request(["tool", "none"], at: "six", repository), Self.request(["tool", "fast", "doc"], at: "seven", repository),
        ]
        let resolver = PackageResolver(cachePath: FilePath(folder.path("cache")))
        func graphs(_ requests: [ResolutionRequest]) async throws -> [RequirementGraph?] {
            let graphs = Mutex<[RequirementGraph?]>([])
            try await resolver.explain(requests, report: { _, _ in }) { index, graph in
                graphs.withLock { all in
                    #expect(index == all.count)
                    all.append(try? graph.get())
                }
            }
            return graphs.withLock { $0 }
        }
        let together = try await graphs(requests)
        let expected = [
            ["doc", "fast", "setup", "tool"], ["doc", "fast", "setup", "tool"], ["setup", "small", "tool"],
            ["doc", "fast", "setup", "tool"], ["fast", "setup", "tool"], nil, ["doc", "fast", "setup", "tool"],
        ]
        #expect(together.map { $0?.packages.map(\.name).sorted() } == expected)
        for (request, graph) in zip(requests, together) {
            #expect(try await graphs([request]) == [graph])
            // Each machine's own lines asked for its packages.
            let places = graph?.askers.values.joined().compactMap { $0.location?.file } ?? []
            #expect(Set(places).isSubset(of: Set(request.requests.map(\.location.file))))
        }
        let unordered = try await resolver.resolve(requests, ordered: false) { _, _ in }
        #expect(unordered.map { try? $0.get().packages.map(\.name).sorted() } == expected)
    }

    @Test func whatIsSaidOfAMachineNamesIt() async throws {
        let folder = try ScratchFolder()
        try SmallRepository(packages: [SmallRepository.Package("tool-1-1.noarch")]).write(to: folder, at: "all")
        var repository = Repository(id: "all", name: "all")
        repository.baseURLs = ["file://\(folder.path("all"))/"]
        let said = Mutex<[Int?: String]>([:])
        let resolver = PackageResolver(cachePath: FilePath(folder.path("cache")))
        _ = try await resolver.resolve([
            Self.request(["tool", "-setup"], at: "one", repository), Self.request(["tool"], at: "two", repository),
        ]) { index, text in said.withLock { $0[index] = text } }
        #expect(said.withLock { $0 } == [1: "no repository has the package 'setup'"])
    }
}
