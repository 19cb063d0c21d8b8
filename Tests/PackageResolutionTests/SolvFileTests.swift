import BuildStore
import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// Kept metadata changes only how long resolution takes.
struct SolvFileTests {
    private static let packages = [
        SmallRepository.Package("tool-1-1.noarch", ["requires": ["/usr/share/data/table", "(a or b)"]]),
        SmallRepository.Package("data-2-1.noarch", ["requires": ["b"]], files: ["/usr/share/data/table"]),
        SmallRepository.Package("a-1-1.noarch"), SmallRepository.Package("b-1-1.noarch"),
        SmallRepository.Package("b-2-1.noarch", ["recommends": ["c"]]), SmallRepository.Package("c-1-1.noarch"),
    ]
    private static let expected: Set = ["tool-1-1.noarch", "data-2-1.noarch", "b-2-1.noarch", "c-1-1.noarch"]

    private let folder: ScratchFolder
    private let request: ResolutionRequest

    init() throws {
        folder = try ScratchFolder()
        try SmallRepository(packages: Self.packages).write(to: folder, at: "first")
        try SmallRepository(packages: [SmallRepository.Package("d-1-1.noarch")]).write(to: folder, at: "second")
        var configuration = YumConfiguration.plain
        for name in ["first", "second"] {
            var repository = Repository(id: name, name: name)
            repository.baseURLs = ["file://\(folder.path(name))/"]
            configuration.repositories.append(repository)
        }
        request = ResolutionRequest(
            requests: [PackageRequest(.install, "tool", at: SourceLocation(file: "packages"))],
            localPackages: [], configuration: configuration, architecture: "x86_64")
    }

    private func resolve() async throws -> [TransactionPackage] {
        let resolver = PackageResolver(cachePath: FilePath(folder.path("cache")))
        return try #require(try await resolver.resolve([request]) { _, _ in }.first).get().packages
    }

    /// The kept files by name.
    private func kept() throws -> [String: Data] {
        let store = folder.url.appendingPathComponent("cache/repositories")
        let names = try FileManager.default.contentsOfDirectory(atPath: store.path).filter { $0.hasSuffix(".solv") }
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: store.appendingPathComponent($0))) })
    }

    @Test("The transaction is the same, in the same order, when everything is read from kept files")
    func warmIsCold() async throws {
        let cold = try await resolve()
        #expect(Self.expected.isSubset(of: cold.map(\.nevra)))
        // Two primary.xml and the lists of files, which the tool's dependency asks for.
        #expect(try kept().count == 4)
        for name in ["first", "second"] {
            for file in ["primary.xml", "filelists.xml"] {
                try FileManager.default.removeItem(atPath: folder.path("\(name)/repodata/\(file)"))
            }
        }
        let store = folder.url.appendingPathComponent("cache/repositories")
        for name in try FileManager.default.contentsOfDirectory(atPath: store.path) where name.hasSuffix(".xml") {
            if name.contains("primary") || name.contains("filelists") {
                try FileManager.default.removeItem(at: store.appendingPathComponent(name))
            }
        }
        #expect(try await resolve() == cold)
    }

    enum Damage: CaseIterable {
        case cut, emptied, oneBit, lastByte, otherVersion
    }

    @Test("A damaged kept file is made again", arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        let before = try await resolve()
        let files = try kept()
        for (name, content) in files {
            var content = content
            switch damage {
            case .cut: content.removeLast(content.count / 3)
            case .emptied: content = Data()
            case .oneBit: content[content.count / 2] ^= 0x10
            case .lastByte: content[content.count - 1] ^= 0x01
            case .otherVersion:
                let text = String(decoding: content, as: Unicode.ASCII.self)
                let version = try #require(text.range(of: " libsolv 0.", options: .backwards))
                content[text.distance(from: text.startIndex, to: version.upperBound)] = UInt8(ascii: "0")
            }
            try content.write(to: folder.url.appendingPathComponent("cache/repositories/\(name)"))
        }
        #expect(try await resolve() == before)
        #expect(try kept() == files)
    }

    @Test("Changed metadata is read again")
    func changed() async throws {
        _ = try await resolve()
        try SmallRepository(packages: Self.packages + [SmallRepository.Package("b-3-1.noarch")]).write(to: folder, at: "first")
        let names = Set(try await resolve().map(\.nevra))
        #expect(names.contains("b-3-1.noarch") && !names.contains("b-2-1.noarch"))
    }
}
