import ConfigurationTree
import Synchronization
import SystemPackage
import Testing

@testable import PackageResolution

/// Machines that share a pool get the same result as alone, whatever was solved before.
struct BatchTests {
    private static let packages = [
        SmallRepository.Package("setup-1-1.noarch"),
        SmallRepository.Package("tool-1-1.noarch", ["requires": ["engine"]]),
        SmallRepository.Package("fast-1-1.noarch", ["provides": ["engine"], "recommends": ["doc"]]),
        SmallRepository.Package("small-1-1.noarch", ["provides": ["engine"]]),
        SmallRepository.Package("doc-1-1.noarch"),
    ]

    @Test func aBatchGivesEachMachineTheResultThatItGetsAlone() async throws {
        let repository = try OneRepository(SmallRepository(packages: Self.packages))
        let requests = [
            repository.request(["tool", "fast"], at: "one"), repository.request(["tool", "fast"], at: "two"),
            repository.request(["tool", "-fast"], at: "three"), repository.request(["tool", "fast"], at: "four"),
            repository.request(["tool", "fast"], at: "five") { $0.installsWeakDependencies = false },
            repository.request(["tool", "none"], at: "six"), repository.request(["tool", "fast", "doc"], at: "seven"),
        ]
        let resolver = repository.resolver
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

    @Test func warningsNameTheirMachine() async throws {
        let repository = try OneRepository(SmallRepository(packages: [SmallRepository.Package("tool-1-1.noarch")]))
        let said = Mutex<[Int?: String]>([:])
        let resolver = repository.resolver
        _ = try await resolver.resolve([
            repository.request(["tool", "-setup"], at: "one"), repository.request(["tool"], at: "two"),
        ]) { index, text in said.withLock { $0[index] = text } }
        #expect(said.withLock { $0 } == [1: "no repository has the package 'setup'"])
    }
}
