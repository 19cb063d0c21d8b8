import ConfigurationTree
import SystemPackage
import Testing

@testable import PackageResolution

struct RequirementGraphTests {
    /// `a>b` requires, `a~b` recommends; the packages in `asked` are asked for.
    private func graph(_ links: [String], asked: [String]) -> RequirementGraph {
        let names = Set(links.flatMap { $0.split { $0 == ">" || $0 == "~" }.map(String.init) }).union(asked).sorted()
        let index = Dictionary(uniqueKeysWithValues: zip(names, 0...))
        let requirements = links.map { link in
            let ends = link.split { $0 == ">" || $0 == "~" }.map { index[String($0)] ?? 0 }
            return RequirementGraph.Requirement(
                from: ends[0], to: ends[1], strength: link.contains("~") ? .recommends : .requires, capabilities: [link])
        }
        return RequirementGraph(
            packages: names.map { .named($0) },
            askers: Dictionary(
                uniqueKeysWithValues: asked.map {
                    (index[$0] ?? 0, [.init(text: $0, location: SourceLocation(file: "/packages", line: 1))])
                }), requirements: requirements)
    }

    private func chains(_ graph: RequirementGraph, to name: String, limit: Int = 5) -> [String] {
        let target = graph.packages.firstIndex { $0.name == name } ?? 0
        return graph.shortestChains(to: target, limit: limit).map { chain in
            #expect(chain.requirements.count == chain.packages.count - 1)
            if let last = graph.shortestChains(to: target, limit: 1).first {
                let nearest = graph.nearestRequirer(of: target)
                #expect(nearest?.package == last.requirements.last?.from && nearest?.strength == last.requirements.last?.strength)
            }
            return chain.packages.map { graph.packages[$0].name }.joined(separator: " ")
        }
    }

    @Test func theShortestChainComesFirst() {
        let graph = graph(["a>b", "b>d", "a>c", "c>e", "e>d", "x>d"], asked: ["a", "x"])
        #expect(chains(graph, to: "d") == ["x d", "a b d", "a c e d"])
        #expect(chains(graph, to: "d", limit: 2) == ["x d", "a b d"])
    }

    @Test func weakLinksComeLast() {
        #expect(chains(graph(["a~d", "a>b", "b>c", "c>d"], asked: ["a"]), to: "d") == ["a b c d", "a d"])
    }

    @Test func aRequestedPackageIsItsOwnReason() {
        #expect(chains(graph(["a>b", "b>c"], asked: ["a", "b"]), to: "b") == ["b", "a b"])
        #expect(chains(graph(["a>b", "b>c"], asked: ["a", "b"]), to: "c") == ["b c"])
    }

    @Test func circlesEnd() {
        #expect(chains(graph(["a>b", "b>c", "c>b", "c>a"], asked: ["a"]), to: "c") == ["a b c"])
        #expect(chains(graph(["b>c", "c>b"], asked: ["a"]), to: "c") == [])
    }

    @Test func theSearchEndsWhenEverythingRequiresEverything() {
        let names = (0..<30).map { "p\($0)" }
        let links = names.flatMap { one in names.filter { $0 != one }.map { "\(one)>\($0)" } }
        #expect(chains(graph(links, asked: ["p0"]), to: "p7", limit: 8).count == 8)
    }
}

extension TransactionPackage {
    static func named(_ name: String, _ version: String = "1") -> TransactionPackage {
        TransactionPackage(
            name: name, epoch: 0, version: version, release: "1", architecture: "noarch", repository: "base",
            location: "\(name)-\(version)-1.noarch.rpm", downloadSize: ByteCount(1), installedSize: ByteCount(1),
            checksum: nil, reason: .dependency)
    }
}
