// The INI dialect of yum.conf(5) and .repo files, as Python's configparser reads it for dnf, with line numbers kept for errors.
import ConfigurationTree
import SystemPackage

/// A file of `[section]`s with `option = value` lines; a line that begins with white space continues the value above it.
///
/// As in libdnf's IniParser, a value may be in quotes, which are removed.
struct INIFile {
    struct Option {
        var name: String
        /// With variables expanded. It may be a secret: messages must not show it.
        var value: String
        /// The value as it is written.
        var writtenValue: String
        var location: SourceLocation
    }

    struct Section {
        var name: String
        var location: SourceLocation
        var options: [Option] = []
    }

    var sections: [Section] = []

    init(text: String, file: FilePath, diagnostics: inout [Diagnostic]) {
        for (index, line) in text.lines.enumerated() {
            let location = SourceLocation(file: file, line: index + 1)
            let trimmed = line.trimmed
            if trimmed.isEmpty || trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
            if line.first?.isWhitespace == true, let section = sections.indices.last,
                let option = sections[section].options.indices.last
            {
                sections[section].options[option].value += "\n" + trimmed
                sections[section].options[option].writtenValue += "\n" + trimmed
                continue
            }
            if trimmed.hasPrefix("["), trimmed.hasSuffix("]") {
                let name = trimmed.dropFirst().dropLast().trimmed
                if name.isEmpty {
                    diagnostics.append(
                        Diagnostic(
                            .error, at: location, "a section without a name", hint: "expected '[main]' or '[repository]'"))
                }
                sections.append(Section(name: name, location: location))
                continue
            }
            guard let equals = trimmed.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: location, "not an option: \(trimmed)",
                        hint: "expected 'name = value' or '[section]'"))
                continue
            }
            guard let section = sections.indices.last else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: location, "an option outside of any section",
                        hint: "a '[section]' line must come first"))
                continue
            }
            let name = trimmed[..<equals].trimmed.lowercased()
            let value = trimmed[trimmed.index(after: equals)...].trimmed
            sections[section].options.append(
                Option(name: name, value: value, writtenValue: value, location: location))
        }
        for section in sections.indices {
            for option in sections[section].options.indices {
                sections[section].options[option].value = sections[section].options[option].value.unquoted
                sections[section].options[option].writtenValue = sections[section].options[option].writtenValue.unquoted
            }
        }
    }
}

extension String {
    /// Without the quotes around it. As in libdnf, quotes around a list's first and last items count as such too.
    fileprivate var unquoted: String {
        guard count > 1, let quote = first, quote == last, quote == "\"" || quote == "'" else { return self }
        return String(dropFirst().dropLast())
    }
}

extension String {
    /// The lines without LF or CR LF and without a byte order mark; libdnf accepts both.
    var lines: [Substring] {
        drop { $0 == "\u{FEFF}" }.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }
}

extension StringProtocol {
    /// Without white space at either end.
    var trimmed: String {
        var rest = Substring(self)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
