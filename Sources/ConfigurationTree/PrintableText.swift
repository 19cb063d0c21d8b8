// Text of others on its way to a terminal: names of packages, groups and modules, output of scriptlets.

extension String {
    /// The text with what is no character to be seen written out, such as `\u{1B}` for the start of a terminal's command: control characters,
    /// line breaks among them, and those that turn the direction of writing round.
    ///
    /// - Parameter keepingLines: whether line feeds and tabs stay what they are.
    package func printable(keepingLines: Bool = false) -> String {
        let isPlain = utf8.allSatisfy { (0x20..<0x7f).contains($0) || keepingLines && Self.layout.contains($0) }
        guard !isPlain else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isSeen || keepingLines && scalar.isASCII && Self.layout.contains(UInt8(truncatingIfNeeded: scalar.value)) {
                text.unicodeScalars.append(scalar)
            } else {
                text += scalar.escaped(asASCII: true)
            }
        }
        return text
    }

    private static let layout = [UInt8(ascii: "\n"), UInt8(ascii: "\t")]
}

extension Unicode.Scalar {
    fileprivate var isSeen: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        // UAX #9, the explicit and implicit directional characters; other formats join letters.
        case .format: return ![0x061c, 0x200e, 0x200f].contains(value) && !(0x202a...0x202e).contains(value) && !(0x2066...0x2069).contains(value)
        default: return true
        }
    }
}
