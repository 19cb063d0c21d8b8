import ConfigurationTree
import Foundation
import FoundationXML
import SystemPackage
import Testing

@testable import PackageResolution

/// The rest of a filelists.xml, as an XML parser reads it.
struct WantedFilesTests {
    /// The files of each package.
    private final class Reader: NSObject, XMLParserDelegate {
        var packages: [String: Set<String>] = [:]
        private var package = ""
        private var text: String?

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String] = [:]
        ) {
            if name == "package" { package = attributes["pkgid"] ?? "" }
            if name == "file" { text = "" }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text?.append(string) }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            guard name == "file", let text else { return }
            packages[package, default: []].insert(text)
            self.text = nil
        }
    }

    private func files(_ xml: [UInt8]) throws -> [String: Set<String>] {
        let parser = XMLParser(data: Data(xml))
        let reader = Reader()
        parser.delegate = reader
        try #require(parser.parse(), "\(String(decoding: xml.prefix(2000), as: UTF8.self))")
        return reader.packages
    }

    private func filter(_ xml: String, _ wanted: Set<String>, pieces: Int) -> [UInt8]? {
        var rest = Array(xml.utf8)[...]
        return WantedFiles(wanted).filter { buffer in
            let piece = rest.prefix(min(pieces, buffer.count))
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    @Test("Wanted files stay with their packages and others are removed, in whatever pieces the document arrives", arguments: 0..<4)
    func random(_ seed: Int) throws {
        var random = Seeded(state: UInt64(seed) &* 0x9E37_79B9 &+ 1)
        var names = ["/a", "/usr", "/usr/share/doc/x", "/usr/share/doc/y & z", "/usr/lib/<x>", "/usr/bin/é", "/usr/share/doc/package/copyright"]
        names += (0..<200).map { "/usr/share/directory\($0 % 7)/file\($0)" }
        func escaped(_ text: String) -> String {
            text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        }
        let kinds = ["<file>", "<file type=\"dir\">", "<file type='ghost' >", "<file\n type=\"a>b\">"]
        let spaces = ["", "\n", "  \n"]
        var xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<filelists xmlns=\"http://linux.duke.edu/metadata/filelists\">"
        for package in 0..<20 {
            xml += spaces.randomElement(using: &random) ?? ""
            xml += "<package pkgid=\"p\(package)\" name=\"a&gt;b\" arch=\"noarch\"><version epoch=\"0\" ver=\"1\" rel=\"1\"/>"
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                xml += (kinds.randomElement(using: &random) ?? "") + escaped(names.randomElement(using: &random) ?? "") + "</file>"
                xml += spaces.randomElement(using: &random) ?? ""
            }
            xml += Bool.random(using: &random) ? "</package>" : "<file/></package >"
        }
        xml += "</filelists>"
        let wanted = Set(names.filter { _ in Int.random(in: 0..<20, using: &random) == 0 } + ["/nowhere"])
        let whole = try files(Array(xml.utf8)).mapValues { $0.intersection(wanted) }.filter { !$0.value.isEmpty }
        for pieces in [7, 1000, 1 << 21] {
            let kept = try #require(filter(xml, wanted, pieces: pieces))
            let found = try files(kept).mapValues { $0.intersection(wanted) }.filter { !$0.value.isEmpty }
            #expect(found == whole)
            // Text that needs a parser may stay; everything else is removed.
            let others = try files(kept).values.joined().filter { !$0.isEmpty && !wanted.contains($0) && !$0.contains("&") && !$0.contains("<") }
            #expect(others.isEmpty)
        }
    }

    @Test(
        "What programs do not write is left to the parser",
        arguments: [
            "<filelists><package pkgid=\"p\"><file><![CDATA[/a]]></file></package></filelists>",
            "<filelists><!-- <file>/a</file> --><package pkgid=\"p\"><file>/b</file></package></filelists>",
            "<filelists><package pkgid=\"p\"><file>/<b/>a</file></package></filelists>",
            "<filelists><package pkgid=\"p\"><file>/a",
            "<filelists><package pkgid=\"p\"><file",
        ])
    func unusual(_ xml: String) {
        for pieces in [1, 1000] { #expect(filter(xml, ["/a"], pieces: pieces) == nil) }
    }

    @Test("A path and dependencies on paths are found, and a pattern takes the complete lists")
    func resolved() async throws {
        let folder = try ScratchFolder()
        let packages = [
            SmallRepository.Package("setup-1-1.noarch"),
            SmallRepository.Package("data-1-1.noarch", ["requires": ["/usr/share/table"]], files: ["/usr/share/data/one", "/usr/share/data"]),
            SmallRepository.Package("table-1-1.noarch", files: ["/usr/share/table", "/usr/share/chair"]),
            SmallRepository.Package("lamp-1-1.noarch", files: ["/usr/share/lamp"]),
        ]
        try SmallRepository(packages: packages).write(to: folder, at: "all")
        var configuration = YumConfiguration.plain
        var repository = Repository(id: "all", name: "all")
        repository.baseURLs = ["file://\(folder.path("all"))/"]
        configuration.repositories = [repository]
        let specs = ["/usr/share/data/one", "/usr/share/data/", "/usr/share/lamp", "/usr/share/l*", "/usr/share/no", "/usr/share/chair"]
        let requests = specs.map { spec in
            ResolutionRequest(
                requests: [PackageRequest(.install, spec, at: SourceLocation(file: "packages"))], localPackages: [],
                configuration: configuration, architecture: "x86_64")
        }
        let resolver = PackageResolver(cachePath: FilePath(folder.path("cache")))
        let expected = [
            ["data", "setup", "table"], ["data", "setup", "table"], ["lamp", "setup"], ["lamp", "setup"], nil, ["setup", "table"],
        ]
        for _ in 0..<2 {
            let together = try await resolver.resolve(requests) { _, _ in }
            #expect(together.map { try? $0.get().packages.map(\.name).sorted() } == expected)
        }
        for (request, names) in zip(requests, expected) {
            let alone = try await resolver.resolve([request]) { _, _ in }
            #expect((try? alone[0].get())?.packages.map(\.name).sorted() == names)
        }
    }
}

/// The same numbers for the same seed (Steele and others, SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
