/// A warning that is expected: an entry of `toleratedWarnings` in machine.yaml. It is told with its reason and only on request, and `--strict` lets it pass.
public struct ToleratedWarning: Hashable, Codable, Sendable {
    /// A part of the warning's text; `*` stands for anything.
    public var warning: String
    /// The package's name, without version; `nil` for warnings of any package and of none.
    public var package: String?
    public var reason: String

    public init(warning: String, package: String? = nil, reason: String) {
        self.warning = warning
        self.package = package
        self.reason = reason
    }

    /// - Parameter package: `name-version-release.arch` of the package that the warning is about.
    public func covers(_ text: String, package: String?) -> Bool {
        if let wanted = self.package {
            // Neither version nor release has a hyphen.
            let name = package?.split(separator: "-", omittingEmptySubsequences: false).dropLast(2).joined(separator: "-")
            guard name == wanted else { return false }
        }
        var rest = text[...]
        for piece in warning.split(separator: "*") {
            guard let found = rest.firstRange(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}

extension [ToleratedWarning] {
    /// Why the warning is expected; `nil` when it is not.
    public func reason(for text: String, package: String? = nil) -> String? { first { $0.covers(text, package: package) }?.reason }
}
