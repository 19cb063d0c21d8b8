import Foundation
import Synchronization
import Testing

@testable import PackageResolution

/// Which documents of module metadata count. The expectations are libmodulemd 2.14's; where it is installed, it is run too.
struct ModuleDocumentTests {
    /// Changes of a good document: the old text, the new text, and why the document is left out; `nil` when it is not.
    private static let streams: [(String, String, String?)] = [
        ("", "", nil), ("document: modulemd", "document: modulemd-stream", nil), (", arch: x86_64", "", nil), (", context: c", "", nil),
        (", version: 1", "", nil), ("stream: \"1\"", "stream: ", nil), ("version: 1,", "version: \"20\",", nil), ("version: 1,", "version: +2,", nil),
        ("data:", "nonsense: {version: 5}\ndata:", nil), (", arch", ", nonsense: {a: [b]}, arch", nil), ("[MIT]", "MIT", nil),
        ("profiles: {p: {rpms: [a]}}", "profiles: {p: {}}", nil), ("profiles: {p: {rpms: [a]}}", "profiles: {p: {rpms: a}}", nil),
        ("requires: {m: [x]}", "requires: {m: x}", nil), ("requires: {m: [x]}", "requires: {m: [-x, -y]}", nil),
        ("requires: {m: [x]}", "nonsense: [x]", nil), ("[a-0:1-1.noarch]", "a-0:1-1.noarch", nil), ("[a-0:1-1.noarch]", "[a-b-0:1:2-1.]", nil),
        (", arch", ", static_context: true, arch", nil), (", arch", ", demodularized: {rpms: a}, arch", nil),
        (", arch", ", xmd: {a: [b]}, references: {a: [b]}, components: {rpms: {a: {rationale: r}}}, arch", nil),
        ("document: modulemd\n", "", "its kind is missing"),
        ("document: modulemd", "document: modulemd-packager", "documents are only for building modules"),
        ("version: 2\n", "", "it has no 'version'"), ("version: 2\n", "version: 0\n", "it has no 'version'"),
        ("version: 2\n", "version: 3\n", "version 3 of 'modulemd' is unknown"), ("data: {", "other: {", "it has no 'data'"),
        ("name: app, ", "", "'data.name' is missing"), ("stream: \"1\", ", "", "'data.stream' is missing"),
        ("name: app", "name: [app]", "'data.name' is a list; expected a text"),
        ("stream: \"1\"", "stream: {a: b}", "'data.stream' is a mapping; expected a text"),
        ("version: 1,", "version: one,", "'data.version' is 'one'; expected a number"),
        ("version: 1,", "version: -1,", "expected a number"),
        ("version: 1,", "version: 0x10,", "expected a number"), ("version: 1,", "version: 18446744073709551616,", "expected a number"),
        ("context: c", "context: [c]", "'data.context' is a list"), ("arch: x86_64", "arch: [x86_64]", "'data.arch' is a list"),
        (", arch", ", static_context: yes, arch", "'data.static_context' is 'yes'; expected true or false"),
        ("context: c", "context: a-b, static_context: true", "its static context 'a-b'"),
        ("context: c", "context: abcdefghijklmn, static_context: true", "its static context"),
        (", summary: s", "", "'data.summary' is missing"), (", description: d", "", "'data.description' is missing"),
        ("{module: [MIT]}", "{}", "'data.license.module' is missing"),
        ("{module: [MIT]}", "[MIT]", "'data.license' is a list; expected a mapping"),
        ("[{requires: {m: [x]}}]", "{requires: {m: [x]}}", "'data.dependencies' is a mapping; expected a list"),
        ("[{requires: {m: [x]}}]", "", "'data.dependencies' is a text"),
        ("requires: {m: [x]}", "requires: [m]", "'data.dependencies.requires' is a list"),
        ("requires: {m: [x]}", "requires: {m: {x: y}}", "'data.dependencies.requires.m' is a mapping; expected a list"),
        ("requires: {m: [x]}", "requires: {m: [x, -y]}", "'data.dependencies.requires.m' has streams with '-' and streams without"),
        ("requires: {m: [x]}", "buildrequires: {m: [x, -y]}", "'data.dependencies.buildrequires.m' has streams"),
        ("{p: {rpms: [a]}}", "[p]", "'data.profiles' is a list; expected a mapping"),
        ("{p: {rpms: [a]}}", "{p: [a]}", "'data.profiles.p' is a list"),
        ("{p: {rpms: [a]}}", "{p: {rpms: {a: b}}}", "'data.profiles.p.rpms' is a mapping"),
        ("{p: {rpms: [a]}}", "{p: {default: x}}", "true or false"),
        ("{rpms: [a-0:1-1.noarch]}", "[a-0:1-1.noarch]", "'data.artifacts' is a list; expected a mapping"),
        ("[a-0:1-1.noarch]", "[[a-0:1-1.noarch]]", "in the list 'data.artifacts.rpms' is a list; expected a text"),
        ("[a-0:1-1.noarch]", "[a-1-1.noarch]", "its artifact 'a-1-1.noarch' is not written name-epoch:version-release.arch"),
        ("[a-0:1-1.noarch]", "[a-x:1-1.noarch]", "its artifact"), ("[a-0:1-1.noarch]", "[a-0:1-1]", "its artifact"),
        ("[a-0:1-1.noarch]", "\"\"", "its artifact"),
        (", arch", ", demodularized: [a], arch", "'data.demodularized' is a list"),
        (", arch", ", demodularized: x, arch", "'data.demodularized' is a text"),
        (", arch", ", demodularized: {rpms: {a: b}}, arch", "'data.demodularized.rpms' is a mapping"),
        (", arch", ", components: [a], arch", "'data.components' is a list"),
        (", arch", ", buildopts: , arch", "'data.buildopts' is a text"), (", arch", ", servicelevels: [a], arch", "'data.servicelevels' is a list"),
    ]

    private static let defaults: [(String, String, String?)] = [
        ("", "", nil), ("stream: \"1\", ", "", nil), ("[p]", "p", nil), ("modified: 5", "nonsense: [a]", nil),
        ("version: 1\n", "version: 2\n", "version 2 of 'modulemd-defaults' is unknown"),
        ("module: app", "module: [app]", "'data.module' is a list"),
        ("stream: \"1\"", "stream: [1]", "'data.stream' is a list"),
        ("modified: 5", "modified: x", "'data.modified' is 'x'; expected a number"),
        ("modified: 5", "modified: -1", "expected a number"), ("{\"1\": [p]}", "[p]", "'data.profiles' is a list"),
        ("{\"1\": [p]}", "{\"1\": {p: q}}", "'data.profiles.1' is a mapping"), ("modified: 5", "intents: [a]", "'data.intents' is a list"),
    ]

    private static let stream = """
        ---
        document: modulemd
        version: 2
        data: {name: app, stream: "1", version: 1, context: c, arch: x86_64, summary: s, description: d, license: {module: [MIT]},
          dependencies: [{requires: {m: [x]}}], profiles: {p: {rpms: [a]}}, artifacts: {rpms: [a-0:1-1.noarch]}}
        ...

        """
    private static let someDefaults = """
        ---
        document: modulemd-defaults
        version: 1
        data: {module: app, stream: "1", modified: 5, profiles: {"1": [p]}}
        ...

        """
    private static let oldFormat = stream.replacing("version: 2\n", with: "version: 1\n").replacing(
        "[{requires: {m: [x]}}]", with: "{requires: {m: x}}")
    /// Several documents, of which the last ones are left out.
    private static let together: [(String, String?)] = [
        (stream + stream, nil),
        (
            stream.replacing("[a-0:1-1.noarch]", with: "[b-0:1-1.x, a-0:1-1.x]")
                + stream.replacing("[a-0:1-1.noarch]", with: "[a-0:1-1.x, b-0:1-1.x]"), nil
        ),
        (stream + stream.replacing("a-0:1-1", with: "a-0:2-1"), "an earlier 'app:1:1:c:x86_64' has other content"),
        (stream + stream.replacing("version: 1,", with: "version: 2,"), nil), (oldFormat, nil),
        (oldFormat.replacing("requires: {m: x}", with: "requires: {m: [x]}"), "'data.dependencies.requires.m' is a list; expected a text"),
        (stream.replacing("version: 2\n", with: "version: 1\n"), "'data.dependencies' is a list; expected a mapping"),
    ]

    private static var cases: [(yaml: String, reason: String?)] {
        func changed(_ text: String, _ change: (String, String, String?)) -> (String, String?) {
            (change.0.isEmpty ? text : text.replacing(change.0, with: change.1, maxReplacements: 1), change.2)
        }
        return streams.map { changed(stream, $0) } + defaults.map { changed(someDefaults, $0) } + together
    }

    @Test func faultyDocumentsAreLeftOutWithARemark() throws {
        for (yaml, reason) in Self.cases {
            let remarks = try ModuleMetadata(yaml: yaml).remarks.map(\.description)
            #expect(remarks.count == (reason == nil ? 0 : 1), "\(yaml)\(remarks)")
            if let reason { #expect(remarks.first?.contains(reason) == true, "\(yaml)\(remarks)") }
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/lib/x86_64-linux-gnu/libmodulemd.so.2")))
    func libmodulemdLeavesOutTheSameDocuments() throws {
        let folder = try ScratchFolder()
        let files = try Self.cases.enumerated().map { number, one in
            let file = "\(number).yaml"
            try folder.write(one.yaml, to: file)
            return folder.url.appendingPathComponent(file).path
        }
        let script = URL(fileURLWithPath: #filePath).appendingPathComponent("../../Differential/libmodulemd-verdicts").standardized
        let process = Process()
        let output = Pipe()
        process.executableURL = script
        process.arguments = files
        process.standardOutput = output
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let verdicts = text.split(separator: "\n")
        try #require(verdicts.count == files.count)
        for (one, verdict) in zip(Self.cases, verdicts) { #expect(verdict == (one.reason == nil ? "0" : "1"), "\(one.yaml)") }
    }

    @Test func aRemarkSaysWhichDocumentItIsAbout() throws {
        let yaml = Self.someDefaults + Self.stream.replacing("a-0:1-1.noarch", with: "nonsense")
        #expect(
            try ModuleMetadata(yaml: yaml).remarks.map(\.description) == [
                "document 2, line 7, 'app:1': its artifact 'nonsense' is not written name-epoch:version-release.arch; the document is left out"
            ])
    }

    @Test func aWarningNamesRepositoryAndFile() async throws {
        let wrong = Self.stream.replacing("a-0:1-1.noarch", with: "nonsense")
        let repository = try OneRepository(SmallRepository(packages: [.init("tool-1-1.noarch")], modules: Self.stream + wrong))
        let warnings = Mutex<[String]>([])
        _ = try await repository.resolver.resolve([repository.request(["tool"])]) { _, text in warnings.withLock { $0.append(text) } }
        let warning = try #require(warnings.withLock { $0.first { $0.hasPrefix("modules of ") } })
        #expect(warning.hasPrefix("modules of r (repodata/modules.yaml): document 2, line 8, 'app:1': its artifact 'nonsense' is not written"))
    }

    /// libmodulemd keeps the last defaults in a file, but none of two repositories.
    @Test func contradictingDefaultsAreReported() throws {
        let other = Self.someDefaults.replacing("stream: \"1\"", with: "stream: \"2\"")
        let twice = try ModuleMetadata(yaml: Self.someDefaults + other)
        #expect(twice.defaults["app"]?.stream == "2")
        #expect(twice.remarks.map(\.text) == ["earlier defaults of this module differ; the last ones count"])
        #expect(try ModuleMetadata(yaml: Self.someDefaults + Self.someDefaults).remarks.isEmpty)
        var both = try ModuleMetadata(yaml: Self.someDefaults)
        both.merge(try ModuleMetadata(yaml: other))
        #expect(both.defaults["app"]?.stream == nil)
        #expect(
            both.remarks.map(\.description) == [
                "'app': its default stream is '2' here and '1' in an earlier repository, and neither is newer; the module has no default stream"
            ])
    }

    @Test func theOldFormatHasRequirementsToo() throws {
        #expect(try ModuleMetadata(yaml: Self.oldFormat).streams.map(\.requirements) == [[["m": ["x"]]]])
    }
}
