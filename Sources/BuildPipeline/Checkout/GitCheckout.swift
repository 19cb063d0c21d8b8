import Glibc
import HostSystem
import SystemPackage

/// A Git checkout, as the program `git` reads it. Git itself is asked, and not a library or a parser of ours: it alone knows each version of the index and of its extensions
/// (split and sparse indexes, SHA-256, worktrees), and a tree that is checked out on the build host was nearly always checked out by it.
///
/// The checkout may be somebody else's, and its configuration may name programs. So nothing of the caller's environment and configuration counts, and nothing of the
/// checkout's that would run a program: file system monitors, filters, and transports that fetch missing objects. The folder of the repository is named (GIT_DIR), for which
/// Git does not ask who owns it (git-config(1), safe.directory).
struct GitCheckout: Sendable {
    /// The folder with `.git`.
    var folder: FilePath
    private var git: Tool

    init(folder: FilePath, git: Tool) { (self.folder, self.git) = (folder, git) }

    /// The nearest folder at or above a path that a repository is checked out in; `nil` when there is none.
    static func folder(containing path: FilePath) -> FilePath? {
        var folder = path
        while true {
            let entry = folder.appending(".git")
            // Of a worktree and of a submodule it is a file (gitrepository-layout(5)).
            if isRegularFile(entry) || exists(entry.appending("HEAD")) { return folder }
            guard folder.lastComponent != nil else { return nil }
            folder.removeLastComponent()
        }
    }

    /// An entry of the index.
    struct Entry: Sendable {
        enum Kind: String { case file = "100644", program = "100755", link = "120000", submodule = "160000" }

        var kind: Kind
        var object: String
        /// 1 to 3: one side of a merge that is not resolved.
        var stage: Int
        /// Whether Git leaves the file out of the checkout on purpose (git-sparse-checkout(1)).
        var isLeftOut: Bool
        var path: FilePath
    }

    /// What the index has at and below the paths.
    ///
    /// - Throws: `HostSystemError.toolFailed`.
    func entries(below paths: [FilePath]) async throws -> [Entry] {
        let output = try await run(["ls-files", "-z", "-t", "--stage", "--"] + paths.map(\.string))
        return output.split(separator: "\0").compactMap { line in
            // <tag> <mode> <object> <stage> TAB <path>
            let parts = line.split(separator: "\t", maxSplits: 1)
            let words = parts.first?.split(separator: " ") ?? []
            guard parts.count == 2, words.count == 4, let kind = Entry.Kind(rawValue: String(words[1])), let stage = Int(words[3]) else { return nil }
            return Entry(
                kind: kind, object: String(words[2]), stage: stage, isLeftOut: words[0] == "S" || words[0] == "s",
                path: folder.pushing(FilePath(String(parts[1]))))
        }
    }

    /// A file that is not as the last commit has it.
    struct Change: Sendable {
        enum Kind { case untracked, ignored, changed }
        var kind: Kind
        var path: FilePath
    }

    /// - Throws: `HostSystemError.toolFailed`.
    func changes(below paths: [FilePath]) async throws -> [Change] {
        let output = try await run(
            ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching", "--ignore-submodules=all", "--"]
                + paths.map(\.string), overriding: try await filters())
        return output.split(separator: "\0").compactMap { line in
            guard line.utf8.count > 3 else { return nil }
            let kind: Change.Kind =
                switch line.prefix(2) {
                case "??": .untracked
                case "!!": .ignored
                default: .changed
                }
            return Change(kind: kind, path: folder.pushing(FilePath(String(line.dropFirst(3)))))
        }
    }

    /// The text files that Git has with LF and that were checked out with CR LF, except where the repository itself asks for that (gitattributes(5), eol).
    ///
    /// - Throws: `HostSystemError.toolFailed`.
    func filesWithOtherLineEnds(below paths: [FilePath]) async throws -> [FilePath] {
        let output = try await run(["ls-files", "-z", "--eol", "--"] + paths.map(\.string))
        return output.split(separator: "\0").compactMap { line in
            // i/<ends> w/<ends> attr/<attributes> TAB <path>
            let parts = line.split(separator: "\t", maxSplits: 1)
            guard parts.count == 2, parts[0].hasPrefix("i/lf"), parts[0].contains(" w/crlf"), !parts[0].contains("eol=crlf") else { return nil }
            return folder.pushing(FilePath(String(parts[1])))
        }
    }

    /// The commit that is checked out; `nil` before the first one.
    func commit() async -> String? { try? await run(["rev-parse", "--verify", "--quiet", "HEAD"]).split(separator: "\n").first.map(String.init) }

    /// - Throws: `HostSystemError.toolFailed`.
    func isShallow() async throws -> Bool { try await run(["rev-parse", "--is-shallow-repository"]).hasPrefix("true") }

    /// Whether the executable bits of the checkout say nothing (git-config(1), core.fileMode).
    func ignoresModes() async -> Bool { (try? await run(["config", "--type=bool", "core.fileMode"]))?.hasPrefix("false") ?? false }

    /// The settings that switch the repository's filters off (gitattributes(5), "filter"), which are programs.
    private func filters() async throws -> [(String, String)] {
        let names = try await run(["config", "-z", "--name-only", "--list"]).split(separator: "\0")
        return names.filter { $0.hasPrefix("filter.") }.map { name in (String(name), name.hasSuffix(".required") ? "false" : "") }
    }

    private func run(_ arguments: [String], overriding settings: [(String, String)] = []) async throws -> String {
        var environment = minimalEnvironment
        environment.merge([
            "GIT_DIR": folder.appending(".git").string, "GIT_WORK_TREE": folder.string, "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1",
        ]) { _, new in new }
        let settings = [("core.fsmonitor", "false"), ("core.hooksPath", "/dev/null")] + settings
        environment["GIT_CONFIG_COUNT"] = "\(settings.count)"
        for (index, setting) in settings.enumerated() {
            environment["GIT_CONFIG_KEY_\(index)"] = setting.0
            environment["GIT_CONFIG_VALUE_\(index)"] = setting.1
        }
        return try await git.run(arguments, environment: environment, workingDirectory: folder)
    }
}
