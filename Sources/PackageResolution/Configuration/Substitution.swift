import ConfigurationTree
import HostSystem
import SystemPackage

/// Expands `${name}`, `${env:NAME}` and `${file:PATH}` in templates, and variables such as `$releasever` in .repo files.
struct Substitution {
    var braced: [String: String]
    var environment: [String: String]
    var plain: [String: String] = [:]
    /// The values of `${env:NAME}` and `${file:PATH}` that were expanded so far.
    private(set) var secrets: Set<Secret> = []

    init(braced: [String: String], environment: [String: String]) {
        self.braced = braced
        self.environment = environment
    }

    /// - Parameter keepSecrets: leave `${env:NAME}` and `${file:PATH}` as they are, for texts that are shown.
    mutating func expand(
        _ text: String, at location: SourceLocation, keepSecrets: Bool = false, _ diagnostics: inout [Diagnostic]
    ) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.hasPrefix("{"), let close = rest.firstIndex(of: "}") {
                let name = String(rest[rest.index(after: rest.startIndex)..<close])
                rest = rest[rest.index(after: close)...]
                let isSecret = name.hasPrefix("env:") || name.hasPrefix("file:")
                if isSecret && keepSecrets {
                    result += "${\(name)}"
                } else if isSecret {
                    if let value = secret(name, at: location, &diagnostics) {
                        secrets.insert(Secret(value, label: "${\(name)}"))
                        result += value
                    }
                } else if let value = braced[name] ?? plain[name] {
                    result += value
                } else {
                    diagnostics.append(Diagnostic(.error, at: location, "unknown variable ${\(name)}"))
                }
            } else {
                let name = String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
                rest = rest.dropFirst(name.count)
                if let value = plain[name] {
                    result += value
                } else {
                    if name == "releasever" {
                        diagnostics.append(
                            Diagnostic(
                                .error, at: location, "$releasever is not known",
                                hint: "set releasever in yum.conf.template or in yum/vars/releasever"))
                    }
                    result += "$" + name
                }
            }
        }
        return result + rest
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
