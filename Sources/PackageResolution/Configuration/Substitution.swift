import ConfigurationTree
import HostSystem
import SystemPackage

/// Expands variables as dnf does since 4.18 and dnf5 do (libdnf's ConfigParser::substitute, libdnf5's Vars::substitute): `$name`, `${name}`,
/// `${name:-word}` for a word in place of an unset or empty variable, `${name:+word}` for a word where the variable is neither; words are
/// expanded too. A backslash makes the next character an ordinary one.
///
/// Besides dnf's, there are `${env:NAME}` and `${file:PATH}`, and the variables of scriptlets in braces.
struct Substitution {
    var braced: [String: String]
    var environment: [String: String]
    /// dnf's variables, with or without braces.
    private(set) var plain: [String: String] = [:]
    /// The values of `${env:NAME}` and `${file:PATH}` that were expanded so far.
    private(set) var secrets: Set<Secret> = []

    init(braced: [String: String] = [:], environment: [String: String] = [:], plain: [String: String] = [:]) {
        self.braced = braced
        self.environment = environment
        self.plain = plain
    }

    /// Sets one of dnf's variables. `releasever` sets `releasever_major` and `releasever_minor` too: its parts before and after the first point.
    mutating func set(_ name: String, to value: String) {
        plain[name] = value
        guard name == "releasever", !value.isEmpty else { return }
        let parts = value.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        plain["releasever_major"] = parts[0]
        plain["releasever_minor"] = parts.count > 1 ? parts[1] : ""
    }

    /// - Parameter keepSecrets: leave `${env:NAME}` and `${file:PATH}` as they are: for texts that are shown, and for texts of others.
    mutating func expand(
        _ text: String, at location: SourceLocation, keepSecrets: Bool = false, _ diagnostics: inout [Diagnostic]
    ) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "\\") }) else { return text }
        var rest = Substring(text)
        return expand(&rest, depth: 0, Place(location: location, keepsSecrets: keepSecrets), &diagnostics) ?? text
    }

    /// Expands dnf's variables in a text that comes from somewhere else, such as a line of a mirror list. Others stay as they are.
    func expand(untrusted text: String) -> String {
        var copy = Substitution(plain: plain)
        var silent: [Diagnostic] = []
        return copy.expand(text, at: SourceLocation(file: ""), keepSecrets: true, &silent)
    }

    private struct Place {
        var location: SourceLocation
        var keepsSecrets: Bool
    }

    /// MAXIMUM_EXPRESSION_DEPTH of libdnf5/conf/vars.cpp.
    private static let deepest = 32

    /// - Parameter depth: above 0, the text is a word: it ends before the `}` that closes it.
    /// - Returns: `nil` for a word that is not closed.
    private mutating func expand(_ rest: inout Substring, depth: Int, _ place: Place, _ diagnostics: inout [Diagnostic]) -> String? {
        var result = ""
        while let character = rest.first {
            if character == "}", depth > 0 { return result }
            rest.removeFirst()
            switch character {
            case "\\": result.append(rest.popFirst() ?? character)
            case "$" where rest.hasPrefix("{"): result += braces(&rest, depth: depth, place, &diagnostics)
            case "$":
                let name = rest.variableName
                rest.removeFirst(name.count)
                if plain[name] == nil { reportMissingRelease(name, "$\(name)", place, &diagnostics) }
                result += plain[name] ?? "$\(name)"
            default: result.append(character)
            }
        }
        return depth > 0 ? nil : result
    }

    /// What begins with `{` after a `$`.
    private mutating func braces(_ rest: inout Substring, depth: Int, _ place: Place, _ diagnostics: inout [Diagnostic]) -> String {
        let content = rest.dropFirst().prefix { $0 != "}" }
        let isClosed = content.endIndex < rest.endIndex
        let name = rest.dropFirst().variableName
        let value = braced[name] ?? plain[name]
        let tail = content.dropFirst(name.count)
        if tail.hasPrefix(":-") || tail.hasPrefix(":+"), depth < Self.deepest {
            var word = rest.dropFirst(1 + name.count + 2)
            var ofWord: [Diagnostic] = []
            let isSet = value?.isEmpty == false
            let expanded = expand(&word, depth: depth + 1, place, &ofWord)
            guard let expanded, word.first == "}" else {
                defer { rest = "" }
                return "$\(rest)"
            }
            rest = word.dropFirst()
            let takesWord = isSet == tail.hasPrefix(":+")
            if takesWord { diagnostics += ofWord }
            return takesWord ? expanded : value ?? ""
        }
        guard isClosed else { return "$" }
        rest = rest[rest.index(after: content.endIndex)...]
        if content.hasPrefix("env:") || content.hasPrefix("file:") {
            if place.keepsSecrets { return "${\(content)}" }
            guard let value = secret(String(content), at: place.location, &diagnostics) else { return "" }
            secrets.insert(Secret(value, label: "${\(content)}"))
            return value
        }
        if tail.isEmpty, let value { return value }
        if !reportMissingRelease(String(content), "${\(content)}", place, &diagnostics) {
            diagnostics.append(Diagnostic(.error, at: place.location, "unknown variable ${\(content)}"))
        }
        return "${\(content)}"
    }

    @discardableResult
    private func reportMissingRelease(_ name: String, _ written: String, _ place: Place, _ diagnostics: inout [Diagnostic]) -> Bool {
        guard ["releasever", "releasever_major", "releasever_minor"].contains(name) else { return false }
        diagnostics.append(
            Diagnostic(
                .error, at: place.location, "\(written) is not known",
                hint: "set releasever in yum.conf.template or in yum/vars/releasever"))
        return true
    }

    /// - Parameter name: `env:NAME` or `file:PATH`; a relative path is relative to the file that names it.
    private func secret(_ name: String, at location: SourceLocation, _ diagnostics: inout [Diagnostic]) -> String? {
        if name.hasPrefix("env:") {
            let variable = String(name.dropFirst(4))
            guard let value = environment[variable] else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: location, "the environment has no variable \(variable)",
                        hint: "set it before the build"))
                return nil
            }
            return value
        }
        let path = location.file.removingLastComponent().pushing(FilePath(String(name.dropFirst(5))))
        do {
            return try readText(path).trimmed
        } catch {
            diagnostics.append(
                Diagnostic(
                    .error, at: location, "\(path) cannot be read: \(error)",
                    hint: "expected a file that has the secret and nothing else"))
            return nil
        }
    }
}

extension Substring {
    /// The letters, digits and underscores at its beginning.
    fileprivate var variableName: String {
        String(prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
    }
}
