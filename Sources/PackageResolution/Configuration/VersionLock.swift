// The list of the versionlock plugin in `yum/plugins` (dnf-versionlock(8), yum-versionlock(1)).
import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

enum VersionLock {
    /// The entries of the list that `versionlock.conf` names, or of `versionlock.list` beside it.
    ///
    /// For an absolute path of the list, the file of that name in `yum/plugins` is read: a build does not read the host's list.
    static func entries(
        of folder: YumFolder, _ substitution: inout Substitution, _ diagnostics: inout [Diagnostic]
    ) -> [String] {
        let plugins = folder.path.appending("plugins")
        let file = plugins.appending("versionlock.conf")
        var list = plugins.appending("versionlock.list")
        var place: SourceLocation?
        if isThere(file, &diagnostics) {
            guard let text = read(file, &diagnostics) else { return [] }
            let options = INIFile(text: text, file: file, diagnostics: &diagnostics).sections
                .filter { $0.name == "main" }.flatMap(\.options)
            var isEnabled = true
            options.last { $0.name == "enabled" }?.read(into: &isEnabled, &diagnostics)
            guard isEnabled else { return [] }
            if let option = options.last(where: { $0.name == "locklist" }) {
                place = option.location
                let path = FilePath(substitution.expand(option.value, at: option.location, &diagnostics))
                let isInTree = path.isRelative || path.starts(with: folder.path)
                list = isInTree ? plugins.pushing(path) : plugins.appending(path.lastComponent?.string ?? "")
            }
        }
        let before = diagnostics.count
        guard isThere(list, &diagnostics) else {
            if let place, diagnostics.count == before {
                diagnostics.append(
                    Diagnostic(.error, at: place, "\(list) does not exist", hint: "an empty list locks nothing"))
            }
            return []
        }
        guard let text = read(list, &diagnostics) else { return [] }
        var entries: [String] = []
        for (index, line) in text.lines.enumerated() {
            let entry = line.trimmed
            guard !entry.isEmpty, !line.hasPrefix("#") else { continue }
            let normal = withEpochInside(entry)
            if PackageSpec.versionLockReadings(of: normal.hasPrefix("!") ? String(normal.dropFirst()) : normal).isEmpty {
                diagnostics.append(
                    Diagnostic(
                        .error, at: SourceLocation(file: list, line: index + 1), "'\(entry)' does not name a package",
                        hint: "expected name-epoch:version-release.arch"))
            } else {
                entries.append(normal)
            }
        }
        return entries
    }

    /// What cannot be looked at is reported, and not taken for absent.
    private static func isThere(_ path: FilePath, _ diagnostics: inout [Diagnostic]) -> Bool {
        do { return try HostSystem.isThere(path) } catch {
            diagnostics.append(Diagnostic(.error, at: SourceLocation(file: path), "cannot be read: \((error as? FileError)?.errno ?? .ioError)"))
            return false
        }
    }

    private static func read(_ path: FilePath, _ diagnostics: inout [Diagnostic]) -> String? {
        do { return try readText(path) } catch {
            diagnostics.append(Diagnostic(.error, at: SourceLocation(file: path), "cannot be read: \(error)"))
            return nil
        }
    }

    /// An entry in the form of dnf's plugin, which has the epoch before the version; yum's plugin wrote `epoch:name-version-release.arch`.
    private static func withEpochInside(_ entry: String) -> String {
        let mark = entry.hasPrefix("!") ? "!" : ""
        let text = entry.dropFirst(mark.count)
        guard let colon = text.firstIndex(of: ":"), let epoch = Int(text[..<colon]) else { return entry }
        let rest = String(text[text.index(after: colon)...])
        guard let spec = PackageSpec.readings(of: rest).first(where: { $0.version != nil }) else { return entry }
        return "\(mark)\(spec.name)-\(epoch):\(rest.dropFirst(spec.name.count + 1))"
    }
}
