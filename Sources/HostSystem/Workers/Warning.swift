/// Something that did not fail a build and that its user should know, such as a file's owner that does not exist.
public struct Warning: Hashable, Codable, Sendable, CustomStringConvertible {
    /// For people: what is wrong with what. It names the package and the path too.
    public var text: String
    /// `name-version-release.arch` of the package that it is about.
    public var package: String?
    /// The file that it is about, in the machine's root.
    public var path: String?

    public init(_ text: String, package: String? = nil, path: String? = nil) {
        self.text = text
        self.package = package
        self.path = path
    }

    private enum CodingKeys: CodingKey { case text, package, path }

    /// Records of earlier versions have the text alone.
    public init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            self.init(text)
            return
        }
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            try fields.decode(String.self, forKey: .text), package: try fields.decodeIfPresent(String.self, forKey: .package),
            path: try fields.decodeIfPresent(String.self, forKey: .path))
    }

    public var description: String { text }
}
