// Making foreign text safe for a terminal: names of packages, groups and modules, output of scriptlets.

extension String {
    /// The text with invisible characters written out, such as `\u{1B}`, which starts a command to the terminal: control characters, including
    /// line breaks, and characters that change the direction of writing.
    ///
    /// - Parameter keepingLines: whether line feeds and tabs are kept.
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
        // The directional characters of Unicode Annex 9. Other format characters, which join letters, are harmless.
        case .format: return ![0x061c, 0x200e, 0x200f].contains(value) && !(0x202a...0x202e).contains(value) && !(0x2066...0x2069).contains(value)
        default: return true
        }
    }
}
