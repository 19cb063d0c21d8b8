/// `name >= version`: a name with a condition on its version, as a line of `packages` may have it. White space around the sign does not matter.
package struct VersionedName: Hashable, Sendable {
    package enum Sign: String, Sendable {
        case less = "<"
        case atMost = "<="
        case equal = "="
        case atLeast = ">="
        case greater = ">"
    }

    package var name: String
    package var sign: Sign
    /// `[epoch:]version[-release]`.
    package var version: String

    /// - Returns: `nil` for a text of another form. A sign in parentheses belongs to the name: `font(:lang=en)`.
    package init?(_ text: String) {
        var depth = 0
        let start = text.firstIndex { character in
            switch character {
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            return depth == 0 && "<=>".contains(character)
        }
        guard let start else { return nil }
        let rest = text[start...]
        let signs = String(rest.prefix { "<=>".contains($0) })
        let name = text[..<start].split(whereSeparator: \.isWhitespace)
        let version = rest.dropFirst(signs.count).split(whereSeparator: \.isWhitespace)
        // rpm has no `==`; libdnf takes it for `=`.
        guard let sign = Sign(rawValue: signs == "==" ? "=" : signs), name.count == 1, version.count == 1 else { return nil }
        self.name = String(name[0])
        self.sign = sign
        self.version = String(version[0])
    }
}
