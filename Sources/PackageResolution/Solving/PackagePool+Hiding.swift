// What the solver must not see: excludes, module streams that are not active, other versions than locked ones.
internal import CSolv
import ConfigurationTree

extension PackagePool {
    /// What a filter of modules depends on.
    struct ModuleQuestion: Hashable {
        var platform: String?
        var enabled: [String: String]
    }

    /// Makes the pool ready for the solver: hides packages from it as dnf does.
    ///
    /// - Parameters:
    ///   - patterns: packages to hide in every repository.
    ///   - includes: where there are any, the only packages of repositories that are not hidden, besides those that a repository's own
    ///     `includepkgs` names.
    ///   - locks: entries of versionlock.list.
    ///   - enabled: module streams, besides the default ones.
    ///   - allowedLocal: the machine's own local packages; those of other machines are hidden.
    /// - Throws: `DownloadError`, `ResolutionError` for module metadata that cannot be fetched or read.
    func prepare(
        hiding patterns: [String], including includes: [String], locks: [String], platform: String?, enabled: [String: String], allowedLocal: [Id]
    ) throws {
        showEverything()
        updateProvides()
        var hidden: Set<Id> = []
        let included = Set(includes.flatMap { match($0, contents: false).ids })
        for metadata in repositories {
            let repo = repository(metadata.repository.id)
            func isOfRepository(_ id: Id) -> Bool { repository(of: id) == repo }
            func own(_ patterns: [String]) -> [Id] { patterns.flatMap { match($0, contents: false, where: isOfRepository).ids } }
            if !includes.isEmpty || !metadata.repository.includes.isEmpty {
                let included = included.union(own(metadata.repository.includes))
                hidden.formUnion(solvableIDs.lazy.filter { isOfRepository($0) && !included.contains($0) })
            }
            hidden.formUnion(own(metadata.repository.excludes))
        }
        for pattern in patterns { hidden.formUnion(match(pattern, contents: false).ids) }
        hidden.formUnion(localFiles.keys.lazy.filter { !allowedLocal.contains($0) })
        let question = ModuleQuestion(platform: platform, enabled: enabled)
        currentModules = try moduleFilters[question] ?? moduleFilter(modules(), platform: platform, enabled: enabled)
        moduleFilters[question] = currentModules
        hidden.formUnion(currentModules.hidden)
        hide(hidden)
        hide(lockedOut(by: locks))
    }

    /// What dnf's versionlock plugin hides (plugins/versionlock.py of dnf-plugins-core): for a lock all other versions of the
    /// same name and all packages that obsolete the locked ones, for `!` the version itself.
    private func lockedOut(by locks: [String]) -> Set<Id> {
        var excluded: Set<Id> = []
        var locked: Set<Id> = []
        var names: Set<String> = []
        for lock in locks {
            let isExclusion = lock.hasPrefix("!")
            for spec in PackageSpec.versionLockReadings(of: isExclusion ? String(lock.dropFirst()) : lock) {
                let ids = solvables(fitting: spec)
                if isExclusion {
                    excluded.formUnion(ids)
                } else {
                    names.insert(spec.name)
                    locked.formUnion(ids)
                }
                if !ids.isEmpty { break }
            }
        }
        for name in names {
            excluded.formUnion(solvables(fitting: PackageSpec(name: name)).lazy.filter { !locked.contains($0) })
        }
        excluded.formUnion(obsoleters(of: locked.sorted()).lazy.filter { !locked.contains($0) })
        return excluded
    }
}
