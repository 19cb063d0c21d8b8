import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

/// Compares what a Git checkout has with what Git says should be there. A checkout that is not complete - a submodule, a link or a file is missing, or something else stands
/// in its place - would give a machine without anybody noticing. `StandInContent` finds what the files alone tell, wherever the tree came from.
struct CheckoutInspection {
    var used: UsedPaths
    var tools: ToolTable
    /// Whether files that are not committed are looked for, which takes longer.
    var findsChanges: Bool
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var changedFiles = 0
    private var seen: Set<FilePath> = []

    init(_ used: UsedPaths, tools: ToolTable, findsChanges: Bool) {
        self.used = used
        self.tools = tools
        self.findsChanges = findsChanges
    }

    /// Looks at the checkouts that the used paths are in.
    mutating func run() async {
        var checkouts: [FilePath: [FilePath]] = [:]
        for root in used.roots {
            guard let folder = GitCheckout.folder(containing: root) else {
                reportEmptySubmodules(around: root)
                continue
            }
            // What is in a folder is looked at with it.
            if !checkouts[folder, default: []].contains(where: root.starts(with:)) { checkouts[folder, default: []].append(root) }
        }
        guard !checkouts.isEmpty else { return }
        let git: Tool
        do { git = try tools.tool("git") } catch {
            for folder in checkouts.keys.sorted(by: { $0.string < $1.string }) {
                report(.note, folder, "what Git says of this checkout is not looked at: \(error)")
            }
            return
        }
        for (folder, roots) in checkouts.sorted(by: { $0.key.string < $1.key.string }) {
            await look(at: GitCheckout(folder: folder, git: git), roots, git)
        }
    }

    private mutating func report(_ severity: Diagnostic.Severity, _ path: FilePath, _ message: String, hint: String? = nil) {
        diagnostics.append(Diagnostic(severity, at: SourceLocation(file: path), message, hint: hint))
    }

    private mutating func look(at checkout: GitCheckout, _ roots: [FilePath], _ git: Tool) async {
        guard seen.insert(checkout.folder).inserted else { return }
        do {
            let entries = try await checkout.entries(below: roots).filter { used.contains($0.path) }
            reportConflicts(entries)
            for entry in entries where entry.stage == 0 { await look(at: entry, of: checkout, git) }
            reportCollisions(entries)
            await reportModes(entries, of: checkout)
            guard findsChanges else { return }
            try await reportChanges(below: roots, of: checkout)
        } catch {
            report(.warning, checkout.folder, "Git cannot read this checkout, so that it may not be complete: \(error)")
        }
    }

    private mutating func reportConflicts(_ entries: [GitCheckout.Entry]) {
        for path in Set(entries.filter { $0.stage > 0 }.map(\.path)).sorted(by: { $0.string < $1.string }) {
            report(.error, path, "a merge conflict that is not resolved", hint: "resolve it and use 'git add'")
        }
    }

    private mutating func look(at entry: GitCheckout.Entry, of checkout: GitCheckout, _ git: Tool) async {
        let path = entry.path
        let kind = Self.kind(of: path)
        if entry.isLeftOut, kind == nil, !used.isOfAbsentMachine(path) {
            return report(
                .error, path, "left out of this sparse checkout",
                hint: "run 'git sparse-checkout disable', or add its folder with 'git sparse-checkout add'")
        }
        switch (entry.kind, kind) {
        case (.link, S_IFREG):
            diagnostics.append(.linkAsText(path, target: (try? readText(path)) ?? "?"))
        case (.submodule, _): await lookAtSubmodule(entry, of: checkout, git)
        default: break
        }
    }

    private mutating func lookAtSubmodule(_ entry: GitCheckout.Entry, of checkout: GitCheckout, _ git: Tool) async {
        let path = entry.path
        if Self.isEmptyOrAbsent(path) { return reportSubmodule(path, of: checkout.folder) }
        // Without a repository of its own it is a folder of files that were put there.
        guard GitCheckout.folder(containing: path) == path else { return }
        let inner = GitCheckout(folder: path, git: git)
        if let commit = await inner.commit(), commit != entry.object {
            report(
                .warning, path, "the submodule is at the commit \(commit.prefix(12)); the checkout around it wants \(entry.object.prefix(12))",
                hint: "run 'git submodule update'")
        }
        await look(at: inner, [path], git)
    }

    private mutating func reportSubmodule(_ path: FilePath, of folder: FilePath) {
        report(
            .error, path, "a submodule of Git that was not checked out",
            hint: "run 'git submodule update --init' in \(folder), or let CI check out with submodules")
    }

    /// Of a tree that is not a checkout, such as an archive of one: empty folders that its .gitmodules names (gitmodules(5)).
    private mutating func reportEmptySubmodules(around root: FilePath) {
        for folder in sequence(first: root, next: { $0.lastComponent == nil ? nil : $0.removingLastComponent() }) {
            let file = folder.appending(".gitmodules")
            guard isRegularFile(file), seen.insert(file).inserted, let text = try? readText(file) else { continue }
            for line in text.split(whereSeparator: \.isNewline) {
                let parts = line.split(separator: "=", maxSplits: 1).map { $0.filter { !$0.isWhitespace || $0 == " " } }
                guard parts.count == 2, parts[0].filter({ $0 != " " }) == "path" else { continue }
                let path = folder.pushing(FilePath(String(parts[1].drop { " \"".contains($0) }.reversed().drop { " \"".contains($0) }.reversed())))
                if used.contains(path), Self.isEmptyOrAbsent(path) { reportSubmodule(path, of: folder) }
            }
        }
    }

    /// Files of which a file system that does not tell upper and lower case apart keeps only one.
    private mutating func reportCollisions(_ entries: [GitCheckout.Entry]) {
        var names: [String: Set<FilePath>] = [:]
        var known: Set<FilePath> = []
        for entry in entries {
            var path = entry.path
            // Folders collide too.
            while known.insert(path).inserted, used.contains(path) {
                // Strings are equal in either form of their accents, which some file systems do not tell apart either.
                names[path.string.lowercased(), default: []].insert(path)
                path.removeLastComponent()
            }
        }
        for paths in names.values.filter({ $0.count > 1 }).map({ $0.sorted { $0.string < $1.string } }).sorted(by: { $0[0].string < $1[0].string }) {
            let lost = paths.filter { !Self.isListed($0) }
            for path in lost {
                let others = paths.filter { $0 != path }.map { "'\($0.lastComponent?.string ?? "")'" }.joined(separator: ", ")
                report(
                    .error, path, "missing in this checkout: where upper and lower case are not told apart, it is the same as \(others)",
                    hint: "rename one of them in Git, or check out on another file system")
            }
            if lost.isEmpty {
                report(
                    .note, paths[0],
                    "differs only in upper and lower case from '\(paths[1].lastComponent?.string ?? "")'; some file systems keep one of them")
            }
        }
    }

    /// Where Git does not trust the file system with executable bits, those of the index and of the files may differ without being told by `git status`.
    private mutating func reportModes(_ entries: [GitCheckout.Entry], of checkout: GitCheckout) async {
        let wrong = entries.filter { entry in
            guard entry.stage == 0, entry.kind == .file || entry.kind == .program, let status = Self.status(of: entry.path),
                status.st_mode & S_IFMT == S_IFREG
            else { return false }
            return (status.st_mode & S_IXUSR != 0) != (entry.kind == .program)
        }
        guard !wrong.isEmpty, await checkout.ignoresModes() else { return }
        for entry in wrong {
            report(
                .warning, entry.path,
                entry.kind == .program
                    ? "not executable here, but Git has it as a program" : "executable here, but Git does not have it as a program",
                hint: "the checkout has core.fileMode=false; check out on a file system with modes, or use 'chmod'")
        }
    }

    private mutating func reportChanges(below roots: [FilePath], of checkout: GitCheckout) async throws {
        for path in try await checkout.filesWithOtherLineEnds(below: roots) where used.contains(path) {
            report(
                .warning, path, "checked out with CR LF, but Git has it with LF",
                hint: "run 'git config core.autocrlf false' and check the file out again, or set 'eol=lf' in .gitattributes")
        }
        for change in try await checkout.changes(below: roots) where used.contains(change.path) {
            changedFiles += 1
            switch change.kind {
            case .changed: report(.note, change.path, "differs from the last commit")
            case .untracked: report(.note, change.path, "not in Git; other checkouts do not have it", hint: "use 'git add'")
            case .ignored: report(.note, change.path, "ignored by Git; other checkouts do not have it", hint: "use 'git add --force', or remove it")
            }
        }
        if try await checkout.isShallow() { report(.note, checkout.folder, "a shallow clone; builds do not read the history") }
    }

    private static func status(of path: FilePath) -> stat? {
        var status = stat()
        return path.withPlatformString { lstat($0, &status) } == 0 ? status : nil
    }

    private static func kind(of path: FilePath) -> mode_t? { status(of: path).map { $0.st_mode & S_IFMT } }

    private static func isEmptyOrAbsent(_ path: FilePath) -> Bool {
        guard kind(of: path) != nil else { return true }
        // What cannot be listed is not empty; that it cannot be read is told elsewhere.
        guard let folder = try? FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec]) else { return false }
        return (try? folder.closeAfter { try folderNames(folder).isEmpty }) ?? false
    }

    /// Whether the folder has the very name.
    private static func isListed(_ path: FilePath) -> Bool {
        guard let folder = try? FileDescriptor.open(path.removingLastComponent(), .readOnly, options: [.directory, .closeOnExec]) else {
            return false
        }
        let names = (try? folder.closeAfter { try folderEntries(folder) }) ?? []
        return names.contains { $0.bytes == path.lastComponent?.bytes }
    }
}
