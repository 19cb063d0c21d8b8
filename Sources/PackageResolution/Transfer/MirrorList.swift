// The lists of mirrors behind mirrorlist and metalink, read by librepo's rules.
import BuildStore
import Foundation
import FoundationXML

/// The mirrors of a repository.
struct MirrorList: Hashable, Sendable {
    /// Base URLs in order of preference, as `RepositoryURL.folder` makes them.
    var baseURLs: [String] = []
    /// The checksums that a metalink allows for repomd.xml; empty without a metalink.
    var metadataChecksums: [Checksum] = []

    init() {}

    /// The content of a mirrorlist URL: one base URL per line, or a metalink (yum and dnf accept both).
    ///
    /// - Parameter variables: dnf's. librepo expands them in the URLs of both kinds of lists.
    /// - Throws: `MetadataError` for a metalink that cannot be read.
    init(text: String, variables: [String: String] = [:]) throws {
        guard !text.trimmed.hasPrefix("<") else {
            try self.init(metalink: text, variables: variables)
            return
        }
        self.init()
        let substitution = Substitution(plain: variables)
        baseURLs = text.split(whereSeparator: \.isNewline).map(\.trimmed)
            .filter { !$0.hasPrefix("#") }.map(substitution.expand(untrusted:)).compactMap(Self.baseURL)
    }

    /// A metalink of MirrorManager: version 3 with its alternates, or RFC 5854's version 4.
    ///
    /// - Throws: `MetadataError`.
    init(metalink text: String, variables: [String: String] = [:]) throws {
        self.init()
        let substitution = Substitution(plain: variables)
        let reader = MetalinkReader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        guard parser.parse(), reader.hasFile else {
            let reason = parser.parserError.map { _ in "not well-formed at line \(parser.lineNumber)" }
            throw MetadataError(reasons: [reason ?? "it does not mention repomd.xml"])
        }
        let suffix = "repodata/repomd.xml"
        // Entries of equal preference keep the list's order, which sort(by:) does not promise.
        let ordered = reader.urls.enumerated().sorted { ($1.element.preference, $0.offset) < ($0.element.preference, $1.offset) }
        baseURLs = ordered.map { substitution.expand(untrusted: $0.element.url) }.compactMap { url in
            // Unlike librepo, also before a query: a URL of repomd.xml is never a base URL.
            let path = url.prefix { $0 != "?" }
            return Self.baseURL(path.hasSuffix(suffix) ? String(path.dropLast(suffix.count)) + url.dropFirst(path.count) : url)
        }
        metadataChecksums = reader.versions.compactMap { hashes in
            // Like librepo, take the strongest checksum of each version.
            hashes.max { Self.strength($0.algorithm) < Self.strength($1.algorithm) }
        }
    }

    /// `nil` for schemes that cannot be fetched, such as rsync.
    private static func baseURL(_ text: String) -> String? {
        let url = text.hasPrefix("/") ? "file://" + text : text
        guard let scheme = url.range(of: "://"), ["http", "https", "ftp", "file"].contains(url[..<scheme.lowerBound].lowercased())
        else { return nil }
        return RepositoryURL.folder(url)
    }

    private static func strength(_ algorithm: Checksum.Algorithm) -> Int {
        Checksum.Algorithm.allCases.firstIndex(of: algorithm) ?? 0
    }
}

/// Collects what a metalink says about repomd.xml.
private final class MetalinkReader: NSObject, XMLParserDelegate {
    private(set) var urls: [(url: String, preference: Int)] = []
    /// The checksums of repomd.xml, and of each of its alternates: earlier versions that are still valid.
    private(set) var versions: [[Checksum]] = []
    private(set) var hasFile = false
    private var isInFile = false
    private var attributes: [String: String] = [:]
    private var text = ""

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        text = ""
        self.attributes = attributes
        switch element {
        case "file":
            // Only the first file of that name counts.
            isInFile = attributes["name"] == "repomd.xml" && !hasFile
            if isInFile { (hasFile, versions) = (true, [[]]) }
        case "mm0:alternate": if isInFile { versions.append([]) }
        default: break
        }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func parser(_ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?) {
        guard isInFile else { return }
        switch element {
        case "file": isInFile = false
        case "hash":
            // Version 4 writes `sha-256`.
            guard let type = attributes["type"]?.lowercased().replacing("-", with: ""),
                let algorithm = Checksum.Algorithm(rawValue: type == "sha" ? "sha1" : type)
            else { return }
            versions[versions.count - 1].append(Checksum(algorithm, text.trimmed))
        case "url":
            // Version 4 counts the other way round (RFC 5854 §4.1.3.1): 1 is best.
            let preference = attributes["preference"].flatMap { Int($0) } ?? attributes["priority"].flatMap { Int($0) }.map { -$0 }
            urls.append((text.trimmed, preference ?? 0))
        default: break
        }
    }
}
