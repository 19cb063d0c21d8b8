// Passwords and tokens, and how they are kept out of texts.
import Foundation

/// A value that is never shown: descriptions and mirrors have its label, and it cannot be encoded.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String
    /// The text that is shown in its place.
    let label: String

    public init(_ value: String, label: String = "***") {
        self.value = value
        self.label = label
    }

    public var description: String { label }
    public var debugDescription: String { label }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Removes secrets from texts for people and programs.
struct SecretMask: Sendable {
    private let labels: [(value: String, label: String)]

    /// Shorter secrets are hidden only as user or password of a URL: elsewhere, hiding them would hide half of each message.
    private static let shortest = 4

    init(_ secrets: Set<Secret> = []) {
        var labels: [String: String] = [:]
        // A password that came from a variable gets the label of the variable.
        for secret in secrets.sorted(by: { $0.label > $1.label }) where secret.value.count >= Self.shortest {
            labels[secret.value] = secret.label
            if let encoded = secret.value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) { labels[encoded] = secret.label }
        }
        // The longest first, so that a secret that contains another one is replaced as a whole.
        self.labels = labels.map { ($0.key, $0.value) }.sorted { ($1.value.count, $0.value) < ($0.value.count, $1.value) }
    }

    /// The text with each secret's label in its place, and `***` for the `user:password` of every URL.
    func callAsFunction(_ text: String) -> String {
        var masked = Self.withoutUsers(text)
        for (value, label) in labels { masked = masked.replacing(value, with: label) }
        return masked
    }

    /// Without a regular expression: one is compiled in each call, and every line of every machine's yum.conf passes here.
    private static func withoutUsers(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "@")) else { return text }
        var result = ""
        var rest = Substring(text)
        while let separator = rest.firstRange(of: "://") {
            result += rest[..<separator.upperBound]
            rest = rest[separator.upperBound...]
            let authority = rest.prefix { !"/?#".contains($0) && !$0.isWhitespace }
            guard let end = authority.lastIndex(of: "@") else { continue }
            result += "***"
            rest = rest[end...]
        }
        return result + rest
    }
}
