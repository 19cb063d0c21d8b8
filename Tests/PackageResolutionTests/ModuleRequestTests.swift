import Testing

@testable import PackageResolution

/// Lines such as `@app:2/devel`. Each expectation is dnf 4.14's result for the same metadata; Tests/Differential compares many more.
struct ModuleRequestTests {
    private let repository: OneRepository

    init() throws {
        // `app` has the default stream 1; `app:2` needs `runtime:10`, which nothing else would make visible.
        let modules =
            "---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: app, stream: \"1\", profiles: {\"1\": [common], \"2\": [common]}}\n...\n"
            + Self.stream("app", "1", ["app-0:1-1.noarch"], profiles: "common: {rpms: [app]}")
            + Self.stream(
                "app", "2", ["app-0:2-1.noarch", "app-devel-0:2-1.noarch"], requires: "runtime: [\"10\"]",
                profiles: "common: {rpms: [app]}, devel: {rpms: [app, app-devel, tool]}")
            + Self.stream("runtime", "9", ["runtime-0:9-1.noarch"], profiles: "common: {rpms: [runtime]}")
            + Self.stream("runtime", "10", ["runtime-0:10-1.noarch"], profiles: "common: {rpms: [runtime]}")
            + Self.stream(
                "broken", "1", ["broken-0:1-1.noarch"], profiles: "all: {rpms: [tool, broken]}, more: {rpms: [broken]}, small: {rpms: [tool]}")
            + Self.stream("bare", "1", ["bare-0:1-1.noarch"], profiles: "")
            + Self.stream("arm", "1", ["arm-0:1-1.aarch64"], architecture: "aarch64", profiles: "common: {rpms: [arm]}")
            + Self.stream("arm", "2", [], profiles: "common: {rpms: [tool]}")
            + (1...30).map { Self.stream("many", "\($0)", [], profiles: "common: {rpms: [tool]}") }.joined()
        repository = try OneRepository(
            SmallRepository(
                packages: [
                    .init("app-1-1.noarch"), .init("app-2-1.noarch", ["requires": ["runtime >= 10"]]), .init("app-devel-2-1.noarch"),
                    // An ordinary package that is newer than the stream's.
                    .init("app-3-1.noarch"), .init("runtime-9-1.noarch"), .init("runtime-10-1.noarch"), .init("tool-1-1.noarch"),
                    .init("broken-1-1.noarch", ["requires": ["nothing-has-this"]]), .init("bare-1-1.noarch"), .init("arm-1-1.aarch64"),
                ], modules: modules
            ))
    }

    private static func stream(
        _ name: String, _ stream: String, _ artifacts: [String], requires: String = "", architecture: String = "noarch", profiles: String
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
          arch: \(architecture)
          summary: s
          description: d
          license: {module: [MIT]}
          dependencies: [{requires: {\(requires)}}]
          profiles: {\(profiles)}
          artifacts: {rpms: [\(artifacts.joined(separator: ", "))]}
        ...

        """
    }

    private func problems(_ lines: String...) async throws -> String {
        do {
            return "\(try await repository.resolve(lines).sorted())"
        } catch let error as ResolutionError {
            return error.description
        }
    }

    @Test func aStreamBringsItsDefaultProfileAndTheStreamsThatItNeeds() async throws {
        #expect(try await repository.resolve(["app"]) == ["app-1-1.noarch"])
        #expect(try await repository.resolve(["@app:2"]) == ["app-2-1.noarch", "runtime-10-1.noarch"])
        #expect(try await repository.resolve(["@app"]) == ["app-1-1.noarch"])
    }

    @Test func aProfileHasOrdinaryPackagesToo() async throws {
        #expect(
            try await repository.resolve(["@app:2/devel"]) == ["app-2-1.noarch", "app-devel-2-1.noarch", "runtime-10-1.noarch", "tool-1-1.noarch"])
    }

    @Test func everyLineSeesWhatAnyLineEnables() async throws {
        #expect(try await repository.resolve(["runtime", "@app:2"]) == ["app-2-1.noarch", "runtime-10-1.noarch"])
        #expect(try await repository.resolve(["@app/devel", "@app:2"]).contains("app-devel-2-1.noarch"))
    }

    @Test func twoStreamsOfAModuleAreRefused() async throws {
        let text = try await problems("@app:1", "@app:2")
        #expect(text.contains("packages:2: error: two streams of the module 'app' are requested: 'app:2' here and 'app:1' in packages:1"))
    }

    @Test func streamsThatExcludeEachOther() async throws {
        let text = try await problems("@app:2", "@runtime:9/common")
        #expect(text.contains("packages:1: error: the module streams 'app:2' and 'runtime:9' cannot be enabled together"))
        #expect(text.contains("'app:2' needs 'runtime:10'"))
    }

    @Test func unknownStreamsAndProfilesAreReportedWithAlternatives() async throws {
        let text = try await problems("@app:3", "@ap:1", "@runtime", "@app:1/server")
        #expect(text.contains("packages:1: error: '@app:3': no repository has such a stream of the module 'app'; there is '@app:1' and '@app:2'"))
        #expect(text.contains("packages:2: error: '@ap:1': no repository has the module 'ap'; did you mean 'app'?"))
        #expect(text.contains("packages:4: error: 'app:1' has no profile 'server'; use '@app:1/common'"))
        let open = try await problems("@runtime")
        #expect(open.contains("does not say which stream of the module 'runtime' is meant"))
        // Neither has a default profile.
        #expect(open.contains("use '@runtime:9/common' or '@runtime:10/common'"))
    }

    /// As `dnf module enable runtime:10` does; dnf install refuses such a line.
    @Test func aStreamWithoutDefaultProfileIsEnabledAlone() async throws {
        #expect(try await repository.resolve(["@runtime:10"]).isEmpty)
        #expect(try await repository.resolve(["@runtime:10", "runtime"]) == ["runtime-10-1.noarch"])
        #expect(try await repository.resolve(["runtime", "@runtime:9"]) == ["runtime-9-1.noarch"])
        #expect(try await repository.resolve(["@bare:1", "bare"]) == ["bare-1-1.noarch"])
    }

    private func waysOut(_ lines: [String]) async throws -> Set<String> {
        do { return try await repository.resolve(lines) } catch let error as ResolutionError {
            #expect(error.diagnostics.count == 1, "\(error)")
            return Set(error.diagnostics.flatMap(\.waysOut))
        }
    }

    /// Forbidding a package of a profile would be the next error, as in dnf.
    @Test func eachSuggestedWayOutWorks() async throws {
        #expect(
            try await waysOut(["@broken:1/all"]) == [
                "ask for another profile: '@broken:1/small' in place of '@broken:1/all' (packages:1)",
                "do not ask for '@broken:1/all' (packages:1)", "add a repository that has 'nothing-has-this'",
            ])
        #expect(try await repository.resolve(["@broken:1/small"]) == ["tool-1-1.noarch"])
        #expect(
            try await waysOut(["@app:2/devel", "-tool"]) == [
                "allow 'tool': remove the line '-tool' (packages:2)",
                "ask for another profile: '@app:2/common' in place of '@app:2/devel' (packages:1)",
                "do not ask for '@app:2/devel' (packages:1)",
            ])
        #expect(try await repository.resolve(["@app:2/common", "-tool"]) == ["app-2-1.noarch", "runtime-10-1.noarch"])
    }

    @Test func aStreamIsSuggestedOnlyIfItCanBeEnabled() async throws {
        #expect(
            try await waysOut(["app-devel"]) == ["enable its module stream: a line '@app:2' in packages", "do not ask for 'app-devel' (packages:1)"])
        #expect(try await waysOut(["app-devel", "@app:1"]) == ["do not ask for 'app-devel' (packages:1)"])
        #expect(
            try await waysOut(["bare"]) == ["enable its module stream: a line '@bare:1' in packages", "do not ask for 'bare' (packages:1)"])
    }

    @Test func aStreamForAnotherArchitectureIsReportedAsSuch() async throws {
        let text = try await problems("@arm:1", "@arm:1/common", "@arm:3", "@arm")
        for (line, spec) in [(1, "@arm:1"), (2, "@arm:1/common")] {
            let sentence = "'\(spec)' exists only for aarch64, but the machine is x86_64; use '@arm:2/common'"
            #expect(text.contains("packages:\(line): error: \(sentence)"))
        }
        #expect(text.contains("packages:3: error: '@arm:3': no repository has such a stream of the module 'arm'; there is '@arm:2/common'"))
        #expect(text.contains("packages:4: error: '@arm' does not say which stream"))
    }

    @Test(arguments: [
        ("@app:", "'@app:1' or '@app:2'"), ("@app::2", "'@app:2'"), ("@app: 2", "'@app:2'"), ("@app :2/ common", "'@app:2/common'"),
        ("@ app:1", "'@app:1'"), ("@app:2:", "'@app:2'"), ("@app:2::", "'@app:2'"), ("@app:2:/devel", "'@app:2/devel'"),
        ("@app:9:::", "'@app:1' or '@app:2'"),
    ])
    func misspeltStreamsGetTheRightSpelling(_ line: String, _ right: String) async throws {
        #expect(
            try await problems(line)
                == "packages:1: error: '\(line)': a module's stream is written '@name:stream' or '@name:stream/profile'; use \(right)")
    }

    @Test func theMostSimilarOfManyStreamsAreSuggested() async throws {
        let text = try await problems("@many:301", "@many")
        let lines = text.split(separator: "\n")
        #expect(lines[0].contains("'@many:30/common'"), "\(lines[0])")
        #expect(lines[0].hasSuffix(" and 20 more"))
        #expect(lines[1].contains("'@many:1/common', '@many:2/common', "))
        #expect(lines[1].hasSuffix("'@many:10/common' or one of 20 more"))
        #expect(lines.allSatisfy { $0.count < 400 })
    }

    @Test func aHiddenPackageNamesItsStream() async throws {
        let text = try await problems("app-devel", "runtime")
        #expect(text.contains("packages:1: error: 'app-devel' cannot be installed: it belongs to the module stream 'app:2', and 'app:1' is used"))
        #expect(text.contains("enable its module stream: a line '@runtime:10/common' in packages"))
    }

    @Test func withStrict0MissingModulesAreLeftOut() async throws {
        #expect(try await repository.resolve(["tool", "@app:3", "@app:2/server"]) { $0.strict = false } == ["tool-1-1.noarch"])
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
    func groupNamesAreNotModules(_ text: String) { #expect(ModuleSpec(text) == nil) }
}
