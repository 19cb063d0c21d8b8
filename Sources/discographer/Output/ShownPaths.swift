import ConfigurationTree
import Glibc
import Synchronization
import SystemPackage

/// Paths in what is printed for people: relative to the working folder where that is short, so that they can be typed, clicked on, and compared with what was typed. Everything
/// else - events, manifests, logs - keeps absolute paths.
struct ShownPaths {
    /// Absolute paths and what is shown for them, the longest first.
    private let replacements: [(path: String, shown: String)]

    /// How many times `..` may be at the beginning. What is further away is found more easily by its absolute path.
    private static let mostSteps = 2

    init(workingFolder: FilePath, folders: [FilePath]) {
        var shown: [String: String] = [:]
        if workingFolder.lastComponent != nil {
            for folder in folders { shown[folder.string] = Self.relative(folder, to: workingFolder) }
            shown[workingFolder.string] = "."
        }
        replacements = shown.map { (path: $0.key, shown: $0.value) }.sorted { $0.path.utf8.count > $1.path.utf8.count }
    }

    private static func relative(_ path: FilePath, to folder: FilePath) -> String? {
        let (there, here) = (Array(path.components), Array(folder.components))
        let common = zip(there, here).prefix { $0 == $1 }.count
        let steps = here.count - common
        guard common > 0, steps <= mostSteps else { return nil }
        let words = Array(repeating: "..", count: steps) + there.dropFirst(common).map(\.string)
        return words.isEmpty ? "." : words.joined(separator: "/")
    }

    /// The text with the paths in it as they are shown.
    func callAsFunction(_ text: String) -> String {
        guard replacements.contains(where: { text.contains($0.path) }) else { return text }
        var result = ""
        var rest = text[...]
        while let slash = rest.firstIndex(of: "/") {
            let before = slash == text.startIndex ? nil : text[text.index(before: slash)]
            let found =
                Self.endsPath(before) && !rest[..<slash].hasSuffix("file:") ? replacements.first { Self.begins(rest[slash...], with: $0.path) } : nil
            result += rest[..<slash]
            if let found {
                rest = rest[slash...].dropFirst(found.path.count)
                // Of `./a` only `a` is shown.
                if found.shown == ".", rest.hasPrefix("/"), rest.dropFirst().first.map({ !Self.endsPath($0) }) == true {
                    rest = rest.dropFirst()
                } else {
                    result += found.shown
                }
            } else {
                result += "/"
                rest = rest[text.index(after: slash)...]
            }
            // The rest of this path belongs to it.
            let end = rest.firstIndex(where: { Self.endsPath($0) }) ?? rest.endIndex
            result += rest[..<end]
            rest = rest[end...]
        }
        return result + rest
    }

    private static func begins(_ text: Substring, with path: String) -> Bool {
        guard text.hasPrefix(path) else { return false }
        let next = text.dropFirst(path.count).first
        return next == "/" || endsPath(next)
    }

    /// Whether a character cannot be within a path of a message.
    private static func endsPath(_ character: Character?) -> Bool {
        guard let character else { return true }
        return character.isWhitespace || ":;,'\"()[]{}<>=`|".contains(character)
    }
}

extension ShownPaths {
    private static let current = Mutex(ShownPaths(workingFolder: "/", folders: []))

    /// From now on printed paths at and below these folders, and below the working folder, are relative where that is short.
    static func use(_ folders: [FilePath]) {
        guard let name = getcwd(nil, 0) else { return }
        defer { free(name) }
        let paths = ShownPaths(workingFolder: FilePath(platformString: name), folders: folders)
        current.withLock { $0 = paths }
    }

    static func shown(_ text: String) -> String { current.withLock { $0 }(text) }
}
