import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// Lines such as `@app:2/devel`. Each expectation is what dnf 4.14 makes of the same metadata; the comparison at length is
/// Tests/Differential.
struct ModuleRequestTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
        // `app` has the default stream 1; `app:2` needs `runtime:10`, which nothing else would make visible.
        let modules =
            "---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: app, stream: \"1\", profiles: {\"1\": [common], \"2\": [common]}}\n...\n"
            + Self.stream("app", "1", ["app-0:1-1.noarch"], profiles: "common: {rpms: [app]}")
            + Self.stream(
                "app", "2", ["app-0:2-1.noarch", "app-devel-0:2-1.noarch"], requires: "runtime: [\"10\"]",
                profiles: "common: {rpms: [app]}, devel: {rpms: [app, app-devel, tool]}")
            + Self.stream("runtime", "9", ["runtime-0:9-1.noarch"], profiles: "common: {rpms: [runtime]}")
            + Self.stream("runtime", "10", ["runtime-0:10-1.noarch"], profiles: "common: {rpms: [runtime]}")
        try SmallRepository(
            packages: [
                .init("app-1-1.noarch"), .init("app-2-1.noarch", ["requires": ["runtime >= 10"]]), .init("app-devel-2-1.noarch"),
                // An ordinary package that is newer than the stream's.
                .init("app-3-1.noarch"), .init("runtime-9-1.noarch"), .init("runtime-10-1.noarch"), .init("tool-1-1.noarch"),
            ], modules: modules
        ).write(to: folder, at: "r")
    }

    private static func stream(
        _ name: String, _ stream: String, _ artifacts: [String], requires: String = "", profiles: String
    ) -> String {
        """
        ---
        document: modulemd
        version: 2
        data:
          name: \(name)
          stream: "\(stream)"
          version: 1
          context: c0ffee
          arch: noarch
          summary: s
          description: d
          license: {module: [MIT]}
          dependencies: [{requires: {\(requires)}}]
          profiles: {\(profiles)}
          artifacts: {rpms: [\(artifacts.joined(separator: ", "))]}
        ...

        """
    }

    private func resolve(
        _ lines: [String], _ change: (inout YumConfiguration) -> Void = { _ in }
    ) async throws -> Set<String> {
        var repository = Repository(id: "r", name: "r")
        repository.baseURLs = [folder.url.appendingPathComponent("r").absoluteString]
        var configuration = YumConfiguration.plain
        configuration.repositories = [repository]
        change(&configuration)
        let requests = lines.enumerated().map { number, line in
            let isGroup = line.hasPrefix("@")
            return PackageRequest(
                isGroup ? .group : .install, isGroup ? String(line.dropFirst()) : line,
                at: SourceLocation(file: "packages", line: number + 1))
        }
        let request = ResolutionRequest(
            requests: requests, localPackages: [], configuration: configuration, architecture: "x86_64")
        let results = try await PackageResolver(cachePath: FilePath(folder.url.appendingPathComponent("cache").path))
            .resolve([request]) { _, _ in }
        return Set(try #require(results.first).get().packages.map(\.nevra))
    }

    private func problems(_ lines: String...) async throws -> String {
        do {
            return "\(try await resolve(lines).sorted())"
        } catch let error as ResolutionError {
            return error.description
        }
    }

    @Test func aStreamBringsItsDefaultProfileAndTheStreamsThatItNeeds() async throws {
        #expect(try await resolve(["app"]) == ["app-1-1.noarch"])
        #expect(try await resolve(["@app:2"]) == ["app-2-1.noarch", "runtime-10-1.noarch"])
        #expect(try await resolve(["@app"]) == ["app-1-1.noarch"])
    }

    @Test func aProfileHasOrdinaryPackagesToo() async throws {
        #expect(
            try await resolve(["@app:2/devel"]) == ["app-2-1.noarch", "app-devel-2-1.noarch", "runtime-10-1.noarch", "tool-1-1.noarch"])
    }

    @Test func everyLineSeesWhatAnyLineEnables() async throws {
        #expect(try await resolve(["runtime", "@app:2"]) == ["app-2-1.noarch", "runtime-10-1.noarch"])
        #expect(try await resolve(["@app/devel", "@app:2"]).contains("app-devel-2-1.noarch"))
    }

    @Test func oneStreamOfAModule() async throws {
        let text = try await problems("@app:1", "@app:2")
        #expect(text.contains("packages:2: error: two streams of the module 'app' are asked for: 'app:2', and 'app:1' in packages:1"))
    }

    @Test func streamsThatExcludeEachOther() async throws {
        let text = try await problems("@app:2", "@runtime:9/common")
        #expect(text.contains("packages:1: error: the module streams 'app:2' and 'runtime:9' cannot be enabled together"))
        #expect(text.contains("'app:2' needs 'runtime:10'"))
    }

    @Test func whatNobodyHasIsToldWithTheAlternatives() async throws {
        let text = try await problems("@app:3", "@ap:1", "@runtime", "@app:1/server", "@runtime:10")
        #expect(text.contains("packages:1: error: '@app:3': no repository has this of the module 'app'; there is '@app:1' and '@app:2'"))
        #expect(text.contains("packages:2: error: '@ap:1': no repository has the module 'ap'; did you mean 'app'?"))
        #expect(text.contains("packages:4: error: 'app:1' has no profile 'server'; '@app:1/common' would be right"))
        #expect(text.contains("packages:5: error: 'runtime:10' has no default profile; '@runtime:10/common' would be right"))
        let open = try await problems("@runtime")
        #expect(open.contains("leaves open which stream of the module 'runtime' is meant"))
        #expect(open.contains("'@runtime:9' or '@runtime:10' would be right"))
    }

    @Test func whatIsHiddenNamesItsStream() async throws {
        let text = try await problems("app-devel", "runtime")
        #expect(text.contains("packages:1: error: 'app-devel' cannot be installed: it belongs to the module stream 'app:2', and 'app:1' is used"))
        #expect(text.contains("enable its module stream: a line '@runtime:10' in packages"))
    }

    @Test func withoutStrictnessWhatCannotBeHadIsLeftOut() async throws {
        #expect(try await resolve(["tool", "@app:3", "@app:2/server"]) { $0.strict = false } == ["tool-1-1.noarch"])
    }

    @Test(arguments: [
        ("nodejs", "nodejs|-|-|-|-|-"), ("nodejs:18", "nodejs|18|-|-|-|-"), ("nodejs/minimal", "nodejs|-|-|-|-|minimal"),
        ("nodejs:18:9020:rhel9:x86_64/s2i", "nodejs|18|9020|rhel9|x86_64|s2i"), ("nodejs:18::x86_64", "nodejs|18|-|-|x86_64|-"),
        ("nodejs::x86_64/", "nodejs|-|-|-|x86_64|-"), ("node*:1[68]", "node*|1[68]|-|-|-|-"),
        ("nodejs:18:9020:rhel9::x86_64", "nodejs|18|9020|rhel9|x86_64|-"),
    ])
    func formsOfALine(_ text: String, _ parts: String) throws {
        let spec = try #require(ModuleSpec(text))
        let all = [spec.name, spec.stream, spec.version, spec.context, spec.architecture, spec.profile]
        #expect(all.map { $0 ?? "-" }.joined(separator: "|") == parts)
    }

    @Test(arguments: ["Server with GUI", "^minimal-environment", "a:b:c:d:e:f", ":18", "a:", "core/mandatory,default", "a:1:x", "a:1::"])
    func groupsAreNoModules(_ text: String) { #expect(ModuleSpec(text) == nil) }
}
