internal import CSolv
import SystemPackage

/// The repository id of the files of `rpms/`.
let localRepositoryID = "@local"

extension PackagePool {
    /// Adds the files of `rpms/`.
    ///
    /// - Returns: their ids.
    /// - Throws: `ResolutionError` with every file that is not a binary package.
    func addLocalPackages(_ paths: [FilePath]) throws -> [Id] {
        guard !paths.isEmpty else { return [] }
        let repo = try repository(localRepositoryID) ?? addRepository(localRepositoryID)
        // Like dnf's @commandline: before every repository that has the same package.
        repo.pointee.priority = 99
        repo.pointee.subpriority = 1000
        var problems: [String] = []
        var ids: [Id] = []
        for path in paths {
            if let known = localFiles.first(where: { $0.value == path }) {
                ids.append(known.key)
                continue
            }
            let id = repo_add_rpm(repo, path.string, Int32(REPO_REUSE_REPODATA) | Int32(RPM_ADD_WITH_SHA256SUM))
            guard id != 0 else {
                // Some of libsolv's messages begin with the path.
                var reason = errorText
                if reason.hasPrefix("\(path): ") { reason.removeFirst("\(path): ".count) }
                problems.append("\(path): error: not a package: \(reason)")
                continue
            }
            guard !isAnySource(id) else {
                problems.append("\(path): error: this is a source package; expected a binary package built from it")
                continue
            }
            localFiles[id] = path
            ids.append(id)
        }
        repo_internalize(repo)
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
        return ids
    }
}
