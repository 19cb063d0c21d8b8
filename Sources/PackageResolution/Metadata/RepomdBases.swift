import Foundation
import FoundationXML
import HostSystem
import SystemPackage

/// The places of metadata files that are not beside repomd.xml (`xml:base`, XML Base of the W3C). librepo, and so dnf, fetches them there;
/// libsolv does not report them.
enum RepomdBases {
    /// The base URLs by type of metadata; most repositories have none.
    ///
    /// - Throws: `Errno` when the file cannot be read.
    static func read(_ repomd: FilePath) throws -> [String: String] {
        let bytes = try readBytes(repomd)
        guard String(decoding: bytes, as: UTF8.self).contains("xml:base") else { return [:] }
        let parser = XMLParser(data: Data(bytes))
        let reader = Reader()
        parser.delegate = reader
        // libsolv reports a file that is not XML.
        _ = parser.parse()
        return reader.bases
    }

    private final class Reader: NSObject, XMLParserDelegate {
        var bases: [String: String] = [:]
        private var type: String?

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String] = [:]
        ) {
            if name == "data" { type = attributes["type"] }
            if name == "location", let type, let base = attributes["xml:base"], !base.isEmpty { bases[type] = base }
        }
    }
}
