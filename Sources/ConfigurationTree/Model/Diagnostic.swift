public import SystemPackage

/// Where in the configuration something is wrong.
public struct SourceLocation: Hashable, Codable, Sendable, CustomStringConvertible {
    public var file: FilePath
    /// Counted from 1; `nil` when the whole file or folder is meant.
    public var line: Int?

    public init(file: FilePath, line: Int? = nil) {
        self.file = file
        self.line = line
    }

    public var description: String { line.map { "\(file):\($0)" } ?? file.string }
}

extension [Diagnostic] {
    /// What is told of one place twice is there once, as an error if it is one of them.
    public var withoutRepetitions: [Diagnostic] {
        var result: [Diagnostic] = []
        var known: [Diagnostic: Int] = [:]
        for diagnostic in self {
            var key = diagnostic
            key.severity = .note
            if let index = known[key] {
                if diagnostic.severity == .error { result[index].severity = .error }
            } else {
                known[key] = result.count
                result.append(diagnostic)
            }
        }
        return result
    }

    /// Grouped by file, in the order in which the files first occur, and sorted by line within each.
    public var inReadingOrder: [Diagnostic] {
        var ranks: [FilePath: Int] = [:]
        for diagnostic in self where ranks[diagnostic.location.file] == nil { ranks[diagnostic.location.file] = ranks.count }
        return enumerated().sorted { first, second in
            let places = [first, second].map { (ranks[$0.element.location.file] ?? 0, $0.element.location.line ?? 0, $0.offset) }
            return places[0] < places[1]
        }.map(\.element)
    }
}

/// One mistake in the configuration, for the reader of a CI log: what is wrong, where, and what was expected. Diagnostics are collected, not
/// thrown one at a time.
public struct Diagnostic: Hashable, Codable, Sendable, CustomStringConvertible {
    public enum Severity: String, Codable, Sendable, CaseIterable {
        case error, warning
        /// Printed only with `-v`.
        case note
    }

    public var severity: Severity
    public var location: SourceLocation
    public var message: String
    /// What was expected or what to do, as a clause: `expected 0 to 4095`, `use 'chmod +x'`.
    public var hint: String?

    public init(_ severity: Severity, at location: SourceLocation, _ message: String, hint: String? = nil) {
        self.severity = severity
        self.location = location
        self.message = message
        self.hint = hint
    }

    /// `file:line: error: what is wrong; what was expected`, the form that editors and CI systems turn into a link.
    public var description: String {
        "\(location): \(severity.rawValue): \(message)\(hint.map { "; \($0)" } ?? "")"
    }
}
