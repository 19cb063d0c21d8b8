import Glibc

/// The parts of a line such as `@nodejs:18/common`: `name:stream:version:context:architecture/profile`. All but the name are optional, and `::`
/// precedes an architecture that follows nothing else. This is libdnf's NSVCAP (libdnf/nsvcap.cpp), glob patterns included.
struct ModuleSpec: Hashable {
    var name: String
    /// `nil`: any; the same for the properties below.
    var stream: String?
    var version: String?
    var context: String?
    var architecture: String?
    /// `nil`: the default ones.
    var profile: String?

    init(name: String) { self.name = name }

    /// - Returns: `nil` for a text that is not of this form, such as a group's name with spaces.
    init?(_ text: String) {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var parts = halves[0].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        // An empty part is only allowed before a final architecture.
        if let gap = parts.firstIndex(of: "") {
            guard gap > 0, gap == parts.count - 2 else { return nil }
            architecture = parts.removeLast()
            parts.removeLast()
        } else if parts.count == 5 {
            architecture = parts.removeLast()
        }
        guard (1...4).contains(parts.count) else { return nil }
        name = parts[0]
        stream = parts.count > 1 ? parts[1] : nil
        version = parts.count > 2 ? parts[2] : nil
        context = parts.count > 3 ? parts[3] : nil
        if halves.count > 1, !halves[1].isEmpty { profile = String(halves[1]) }
        let isVersion = version?.allSatisfy { "0123456789-".contains($0) || Self.globs.contains($0) } ?? true
        guard isVersion, [name, stream, context, architecture, profile].allSatisfy({ $0.map(Self.isName) ?? true }) else { return nil }
    }

    /// Whether a version of a stream fits.
    func fits(_ one: ModuleMetadata.Stream) -> Bool {
        func fits(_ pattern: String?, _ value: String) -> Bool { pattern.map { fnmatch($0, value, 0) == 0 } ?? true }
        return fits("\(name):\(stream ?? "*")", one.nameStream) && fits(version, String(one.version))
            && fits(context, one.originalContext) && fits(architecture, one.architecture)
    }

    private static let globs = "][*?!"

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || "+._-".contains($0) || globs.contains($0) }
    }
}
