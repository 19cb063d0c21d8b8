import Testing

@testable import PackageResolution

struct ModuleMetadataTests {
    /// `app` has a default stream that needs `runtime:10`; `runtime` has no default.
    private let yaml = """
        ---
        document: modulemd-defaults
        version: 1
        data:
          module: app
          stream: 1.10
        ...
        ---
        document: modulemd
        version: 2
        data:
          name: app
          stream: 1.10
          summary: s
          description: d
          license: {module: [MIT]}
          dependencies:
          - requires:
              platform: [el9]
              runtime: ["10"]
          artifacts:
            rpms:
            - app-0:1.10-1.noarch
        ...
        ---
        document: modulemd
        version: 2
        data: {name: runtime, summary: s, description: d, license: {module: [MIT]}, stream: "9", artifacts: {rpms: [runtime-0:9-1.noarch]}}
        ...
        ---
        document: modulemd
        version: 2
        data: {name: runtime, summary: s, description: d, license: {module: [MIT]}, stream: "10", artifacts: {rpms: [runtime-0:10-1.noarch]}}
        ...
        """

    @Test func defaultStreamsAndTheirRequirementsAreActive() throws {
        // 1.10 is a name, not the number 1.1.
        #expect(try active(ModuleMetadata(yaml: yaml)) == ["app:1.10", "runtime:10"])
    }

    @Test func repositoriesThatDisagreeHaveNoDefault() throws {
        var modules = try ModuleMetadata(yaml: yaml)
        for stream in ["2", "1.10"] {
            modules.merge(try ModuleMetadata(yaml: "document: modulemd-defaults\nversion: 1\ndata: {module: app, stream: \"\(stream)\"}\n"))
        }
        #expect(try active(modules).isEmpty)
    }

    @Test func newerDefaultsWin() throws {
        var modules = try ModuleMetadata(yaml: yaml)
        modules.merge(
            try ModuleMetadata(
                yaml: "document: modulemd-defaults\nversion: 1\ndata: {module: app, stream: \"2\", modified: 202601010000, "
                    + "profiles: {\"2\": [small]}}\n"))
        #expect(modules.defaults["app"]?.stream == "2")
        #expect(modules.defaults["app"]?.profiles == ["2": ["small"]])
    }

    /// A random context stands for the static one of the same stream with the same requirements.
    @Test func versionsOfAStreamMatchAcrossRandomAndStaticContexts() throws {
        func document(_ version: Int, _ context: String) -> String {
            "---\ndocument: modulemd\nversion: 2\ndata: {name: app, stream: \"1\", version: \(version), \(context), summary: s, "
                + "description: d, license: {module: [MIT]}}\n...\n"
        }
        let modules = try ModuleMetadata(
            yaml: document(1, "context: c0ffee") + document(2, "context: rhel9, static_context: true")
                + "---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: app, stream: \"1\"}\n")
        #expect(try modules.activeStreams(architecture: "x86_64", platform: nil).indices == [0, 1])
    }

    /// Packages of unread streams would be visible as if they were in no stream.
    @Test(arguments: ["---\na: [\n", "---\ndata: {name: app, name: app}\n", "--- x: y: z\n"])
    func aBrokenDocumentIsAnError(_ document: String) throws {
        #expect(throws: (any Error).self) { try ModuleMetadata(yaml: document + yaml) }
        #expect(throws: (any Error).self) { try ModuleMetadata(yaml: yaml + document) }
    }

    @Test func aByteOrderMarkIsIgnored() throws {
        #expect(try ModuleMetadata(yaml: "\u{feff}" + yaml).streams == ModuleMetadata(yaml: yaml).streams)
    }

    @Test func streamsForOtherPlatformsAreNotActive() throws {
        #expect(try active(ModuleMetadata(yaml: yaml), platform: "platform:el8").isEmpty)
        #expect(try active(ModuleMetadata(yaml: yaml), platform: "platform:el9").count == 2)
    }

    /// Judged by dnf 4.14.
    @Test(arguments: [
        ("[-el8, -f29]", "platform:el9", true), ("[-el8, -f29]", "platform:el8", false), ("[]", "platform:el8", true),
        ("[el8, el9]", "platform:el9", true),
        ("[el8]", "platform:el9", false),
    ])
    func aStreamMayExcludePlatforms(streams: String, platform: String, isActive: Bool) throws {
        let excluding = yaml.replacing("platform: [el9]", with: "platform: \(streams)")
        #expect(excluding != yaml || streams == "[el9]")
        #expect(try active(ModuleMetadata(yaml: excluding), platform: platform).contains("app:1.10") == isActive)
        #expect(try active(ModuleMetadata(yaml: excluding)).contains("app:1.10"))
    }

    private func active(_ modules: ModuleMetadata, platform: String? = nil) throws -> Set<String> {
        let indices = try modules.activeStreams(architecture: "x86_64", platform: platform).indices
        return Set(indices.map { "\(modules.streams[$0].module):\(modules.streams[$0].stream)" })
    }
}
