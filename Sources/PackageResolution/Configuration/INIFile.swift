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

    /// As in libdnf's ConfigParser, a second section of one name goes on with the first one, and of two options of one name in a section the last
    /// one counts.
    init(text: String, file: FilePath, diagnostics: inout [Diagnostic]) {
        // Where options go, and where continuation lines go.
        var current: Int?
        var continued: Int?
        for (index, line) in text.lines.enumerated() {
            let location = SourceLocation(file: file, line: index + 1)
            let trimmed = line.trimmed
            if trimmed.isEmpty || trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
            if let name = Self.sectionName(trimmed) {
                current = begin(name, location, &diagnostics)
                continued = nil
                continue
            }
            if line.first?.isWhitespace == true, let section = current, let option = continued {
                sections[section].options[option].value += "\n" + trimmed
                sections[section].options[option].writtenValue += "\n" + trimmed
                continue
            }
            guard let equals = trimmed.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: location, "not an option: \(trimmed)",
                        hint: "expected 'name = value' or '[section]'"))
                continue
            }
            guard let section = current else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: location, "an option outside of any section",
                        hint: "a '[section]' line must come first"))
                continue
            }
            let value = trimmed[trimmed.index(after: equals)...].trimmed
            continued = sections[section].set(
                Option(name: trimmed[..<equals].trimmed.lowercased(), value: value, writtenValue: value, location: location),
                &diagnostics)
        }
        for section in sections.indices {
            for option in sections[section].options.indices {
                sections[section].options[option].value = sections[section].options[option].value.unquoted
                sections[section].options[option].writtenValue = sections[section].options[option].writtenValue.unquoted
            }
        }
    }

    /// - Returns: the index of the section.
    private mutating func begin(_ name: String, _ location: SourceLocation, _ diagnostics: inout [Diagnostic]) -> Int {
        if name.isEmpty {
            diagnostics.append(
                Diagnostic(.error, at: location, "a section without a name", hint: "expected '[main]' or '[repository]'"))
        } else if let known = sections.firstIndex(where: { $0.name == name }) {
            diagnostics.append(
                Diagnostic(
                    .warning, at: location, "a second section [\(name)]",
                    hint: "its options are taken as options of the first one, in line \(sections[known].location.line ?? 0)"))
            return known
        }
        sections.append(Section(name: name, location: location))
        return sections.count - 1
    }

    /// The name in `[name]`, which a comment may follow; `nil` for other lines. As in libdnf's IniParser, a `]` that ends a range of a glob
    /// pattern belongs to the name.
    private static func sectionName(_ line: String) -> String? {
        guard line.hasPrefix("[") else { return nil }
        var isInRange = false
        for index in line.indices.dropFirst() {
            switch line[index] {
            case "[": isInRange = true
            case "]" where isInRange: isInRange = false
            case "]":
                let rest = line[line.index(after: index)...].trimmed
                let isAtEnd = rest.isEmpty || rest.hasPrefix("#") || rest.hasPrefix(";")
                return isAtEnd ? line[line.index(after: line.startIndex)..<index].trimmed : nil
            default: break
            }
        }
        return nil
    }
}

extension INIFile.Section {
    /// Adds an option, or puts it in the place of the one of its name.
    ///
    /// - Returns: its index.
    fileprivate mutating func set(_ option: INIFile.Option, _ diagnostics: inout [Diagnostic]) -> Int {
        guard let known = options.firstIndex(where: { $0.name == option.name }) else {
            options.append(option)
            return options.count - 1
        }
        diagnostics.append(
            Diagnostic(
                .warning, at: options[known].location, "'\(option.name)' has no effect here",
                hint: "the same option in line \(option.location.line ?? 0) replaces it"))
        options[known] = option
        return known
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
