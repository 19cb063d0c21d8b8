// How the URLs of repositories and of their files are put together: as librepo's lr_pathconcat (util.c) and libdnf's urlEncode (utils/url-encode.cpp) do it.
import ConfigurationTree

/// Joins and escapes URLs (RFC 3986).
enum RepositoryURL {
    /// A base URL whose path ends with one slash. A query, such as the token of a content delivery network, stays behind the path. A fragment is
    /// dropped, because it is never sent.
    static func folder(_ url: String) -> String {
        let (path, query) = parts(url)
        let root = path.firstRange(of: "://").map { path[..<$0.upperBound] } ?? ""
        var rest = path[root.endIndex...]
        while rest.last == "/" { rest.removeLast() }
        return "\(root)\(rest)/\(query)"
    }

    /// The URL of a file: the path comes behind the path of the base URL, before its query.
    ///
    /// - Parameter path: escaped already.
    static func file(_ path: String, in base: String) -> String {
        let (folder, query) = parts(folder(base))
        return "\(folder)\(path.drop { $0 == "/" })\(query)"
    }

    private static func parts(_ url: String) -> (path: Substring, query: Substring) {
        let whole = url.prefix { $0 != "#" }
        let path = whole.prefix { $0 != "?" }
        return (path, whole[path.endIndex...])
    }

    /// The path of a package or of a file of this host, every other byte as `%xx`. Metadata has the names of files as they are, `%` included, and S3
    /// takes a `+` for a space (RFC 1866 §8.2.1), so a `+` is `%2b`.
    static func escaped(path: String) -> String { escaped(path) { isUnreserved($0) || $0 == UInt8(ascii: "/") } }

    /// The location of a file in repomd.xml. dnf sends it as it is, so escapes and reserved characters keep their meaning there.
    static func escaped(metadataLocation: String) -> String {
        let reserved = Set("%:/[]@!$&'()*,;=".utf8)
        return escaped(metadataLocation) { isUnreserved($0) || reserved.contains($0) }
    }

    /// A whole URL in metadata: only what cannot be in a URL is escaped.
    static func escaped(url: String) -> String {
        escaped(url) { 0x20 < $0 && $0 < 0x7f && !"\"<>".utf8.contains($0) }
    }

    /// RFC 3986 §2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }

    private static func escaped(_ text: String, except stays: (UInt8) -> Bool) -> String {
        var escaped = ""
        for byte in text.utf8 {
            if stays(byte) {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16)
                escaped += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return escaped
    }
}

extension Substitution {
    /// The options that hold URLs.
    private static let urlOptions: Set<String> = ["baseurl", "mirrorlist", "metalink", "gpgkey"]

    /// The value of an option with its variables expanded. In a URL, the paths that `${machine_configPath}` and its like stand for are escaped: a
    /// checkout's own path may have spaces, commas, `%`, `#` and `?`.
    mutating func value(of option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> String {
        let values = braced
        defer { braced = values }
        if Self.urlOptions.contains(option.name) {
            braced = values.mapValues { $0.hasPrefix("/") ? RepositoryURL.escaped(path: $0) : $0 }
        }
        return expand(option.value, at: option.location, &diagnostics)
    }
}
