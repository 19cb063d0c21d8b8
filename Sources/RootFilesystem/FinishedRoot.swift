import Glibc
import HostSystem
import SystemPackage

/// The last changes to a root, after the overlays, made from inside it.
struct FinishedRoot {
    /// Paths that overlays wrote. They are not changed, since the user wants them.
    let overlaid: Set<FilePath>
    let epoch: Int

    /// - Returns: the written files.
    /// - Throws: `WorkerFailure`.
    func place(_ files: [GeneratedFile]) throws -> [FilePath] {
        try files.filter { $0.replaces || !isOverlaid($0.path) }.map { file in
            try failing("writing \(file.path)") {
                try Root.write(file.text.utf8, to: file.path, mode: mode_t(file.mode), epoch: epoch)
            }
            return file.path
        }
    }

    /// Removes the setuid or setgid bit from every file that is not on the list, if there is a list. Folders keep the setgid bit, which is not a privilege there.
    ///
    /// - Returns: the files that lost a bit, sorted, and the listed ones that the root does not have.
    /// - Throws: `WorkerFailure`.
    func strip(setuidWhitelist: [FilePath]?, setgidWhitelist: [FilePath]?) throws -> (
        stripped: [FilePath], unknown: [FilePath]
    ) {
        guard setuidWhitelist != nil || setgidWhitelist != nil else { return ([], []) }
        // A list may have /bin/su although /bin is a link to /usr/bin.
        let setuid = setuidWhitelist.map { Set($0.map(Root.realEntry)) }
        let setgid = setgidWhitelist.map { Set($0.map(Root.realEntry)) }
        var stripped: [FilePath] = []
        try Root.walk("/") { path, status in
            guard status.st_mode & S_IFMT == S_IFREG else { return }
            var kept = status.st_mode
            if let setuid, !setuid.contains(path) { kept &= ~S_ISUID }
            if let setgid, !setgid.contains(path) { kept &= ~S_ISGID }
            guard kept != status.st_mode else { return }
            try failing("removing the setuid and setgid bits of \(path)") {
                try Root.check(path.withPlatformString { chmod($0, kept & 0o7777) })
            }
            stripped.append(path)
        }
        let unknown = Set((setuidWhitelist ?? []) + (setgidWhitelist ?? [])).filter {
            Root.status($0, followingLinks: true) == nil
        }
        return (stripped.sorted { $0.string < $1.string }, unknown.sorted { $0.string < $1.string })
    }

    /// What the tree brings of what each machine should make itself at its first start (`MachineSecrets`). What scriptlets made of it is not in the root any more.
    func sharedSecrets() -> [FilePath] {
        MachineSecrets.files(in: "/").filter { Root.status($0, followingLinks: false).map { $0.st_size > 0 } ?? false }
    }

    /// Sets the time of changed paths that are newer than SOURCE_DATE_EPOCH to it: mostly folders whose entries changed.
    func clampTimes(of changed: [FilePath]) {
        for path in changed {
            guard let status = Root.status(path, followingLinks: false), status.st_mtim.tv_sec > epoch else { continue }
            Root.setTimes(path, epoch: epoch)
        }
    }

    private func isOverlaid(_ path: FilePath) -> Bool { overlaid.contains(Root.realEntry(path)) }

    private func failing(_ what: String, _ body: () throws -> Void) throws {
        do { try body() } catch { throw WorkerFailure(kind: .finish, message: "error: \(what) in the root: \(error)") }
    }
}
