// Finds the packages that a line of `packages`, an exclude or a lock means. The rules are libdnf's (Query::filterSubject in
// libdnf/sack/query.cpp, Subject._get_best_selectors in python/hawkey): the text is read as a NEVRA first, then as a provide, then as a file
// or program.
internal import CSolv
import ConfigurationTree
import Glibc

extension PackagePool {
    /// The packages that a text means, in the order of their ids.
    struct Match {
        var ids: [Id] = []
        /// How it was read; `nil` where it was a provide or a file.
        var spec: PackageSpec?
    }

    /// The packages that are not hidden and that the text means.
    ///
    /// - Parameters:
    ///   - contents: whether the text may also be a provide or a file; in excludes it may not.
    ///   - isPossible: which packages it may mean; `nil`: all.
    func match(_ text: String, contents: Bool, where isPossible: ((Id) -> Bool)? = nil) -> Match {
        func possible(_ ids: [Id]) -> [Id] { isPossible.map { ids.filter($0) } ?? ids }
        for spec in PackageSpec.readings(of: text) {
            let ids = possible(solvables(fitting: spec))
            if !ids.isEmpty { return Match(ids: ids, spec: spec) }
        }
        if text.isGlob {
            let withEpoch = text.contains(":")
            let ids = possible(visible.filter { fnmatch(text, withEpoch ? nevraWithEpoch($0) : nevra($0), 0) == 0 })
            if !ids.isEmpty { return Match(ids: ids) }
        }
        guard contents else { return Match(ids: possible(VersionedName(text).map(solvables(fitting:)) ?? [])) }
        let provided = providers(ofCapability: text)
        if !provided.isEmpty { return Match(ids: provided) }
        if text.namesFile { return Match(ids: owners(ofFile: text)) }
        // As in dnf5, the name of a program.
        guard !text.contains(where: { $0 == "/" || $0 == "(" || $0.isWhitespace }) else { return Match() }
        return Match(ids: Set(["/usr/bin/", "/usr/sbin/"].flatMap { owners(ofFile: $0 + text) }).sorted())
    }

    /// The packages that are not hidden and have that name, version, release and architecture, globs allowed.
    func solvables(fitting spec: PackageSpec) -> [Id] {
        var ids: [Id]
        if !spec.name.isGlob {
            guard let name = knownID(of: spec.name) else { return [] }
            // Every RPM provides its own name.
            ids = providers(of: name).filter { nameID(of: $0) == name && isVisible($0) }
        } else if spec.name == "*" {
            ids = visible
        } else {
            var fits: [Id: Bool] = [:]
            ids = visible.filter { id in
                let name = nameID(of: id)
                if let known = fits[name] { return known }
                let fitting = matches(name, spec.name)
                fits[name] = fitting
                return fitting
            }
        }
        if let architecture = spec.architecture, architecture != "*" {
            ids.removeAll { !matches(architectureID(of: $0), architecture) }
        }
        guard spec.epoch != nil || spec.version != nil else { return ids }
        return ids.filter { id in
            let evr = EpochVersionRelease(self.evr(of: id))
            func fits(_ pattern: String?, _ value: String) -> Bool {
                pattern.map { $0 == "*" || fnmatch($0, value, 0) == 0 } ?? true
            }
            return (spec.epoch.map { $0 == evr.epoch } ?? true) && fits(spec.version, evr.version)
                && fits(spec.release, evr.release)
        }
    }

    /// The packages that are not hidden and have that name, globs allowed, and such a version.
    private func solvables(fitting one: VersionedName) -> [Id] {
        solvables(fitting: PackageSpec(name: one.name)).filter { matchesNameAndVersion($0, dependency(one, on: nameID(of: $0))) }
    }

    /// The newest of these packages: of each name and architecture those of the highest version in the repositories of the best priority.
    func newest(of ids: [Id]) -> [Id] {
        Dictionary(grouping: ids) { [nameID(of: $0), architectureID(of: $0)] }.values.flatMap { same in
            let best = same.lazy.map(repositoryPriority(of:)).max()
            let ofBest = same.filter { repositoryPriority(of: $0) == best }
            guard let top = ofBest.max(by: { compareVersions($0, $1) < 0 }) else { return [Id]() }
            return ofBest.filter { compareVersions($0, top) == 0 }
        }
    }

    /// All obsoletes, by the name that is obsoleted.
    struct ObsoletesIndex {
        var byName: [Id: [(solvable: Id, dependency: Id)]] = [:]
        /// The first solvable that the index does not have yet.
        var end: Id = 2
    }

    private func updateObsoletes() {
        for id in obsoletesIndex.end..<max(obsoletesIndex.end, endOfSolvables) where isSolvable(id) && hasObsoletes(id) {
            for dependency in dependencies(of: id, SOLVABLE_OBSOLETES) {
                obsoletesIndex.byName[nameID(ofDependency: dependency), default: []].append((id, dependency))
            }
        }
        obsoletesIndex.end = endOfSolvables
    }

    /// The packages, not hidden, that obsolete one of these. As in rpm, obsoletes match name and version alone.
    func obsoleters(of targets: [Id]) -> [Id] {
        updateObsoletes()
        var found: Set<Id> = []
        for target in targets {
            for (id, dependency) in obsoletesIndex.byName[nameID(of: target)] ?? []
            where isVisible(id) && matchesNameAndVersion(target, dependency) {
                found.insert(id)
            }
        }
        return found.sorted()
    }

    private func providers(ofCapability text: String) -> [Id] {
        if text.isGlob && !text.hasPrefix("(") {
            // A glob pattern for the name, with or without a version.
            let versioned = VersionedName(text)
            let pattern = versioned?.name ?? text
            var wanted: [Id: Set<Id>?] = [:]
            return visible.filter { id in
                dependencies(of: id, SOLVABLE_PROVIDES).contains { dependency in
                    let name = nameID(ofDependency: dependency)
                    if wanted[name] == nil {
                        let fits = matches(name, pattern)
                        wanted[name] = .some(fits ? Set(providers(of: versioned.map { self.dependency($0, on: name) } ?? name)) : nil)
                    }
                    return wanted[name]??.contains(id) ?? false
                }
            }
        }
        guard let dependency = dependency(text) else { return [] }
        return providers(of: dependency).filter(isVisible)
    }

    /// `name`, `name >= 1.0`, or a boolean dependency; `nil` when it is none of them.
    func dependency(_ text: String) -> Id? {
        if text.hasPrefix("(") { return richDependency(text) }
        return VersionedName(text).map { dependency($0, on: id(of: $0.name)) } ?? id(of: text)
    }

    private func dependency(_ one: VersionedName, on name: Id) -> Id {
        let relation: Int32 =
            switch one.sign {
            case .less: REL_LT
            case .atMost: REL_LT | REL_EQ
            case .equal: REL_EQ
            case .atLeast: REL_GT | REL_EQ
            case .greater: REL_GT
            }
        return pool_rel2id(handle, name, id(of: one.version), relation, 1)
    }

    private func owners(ofFile path: String) -> [Id] {
        let path = path.withoutTrailingSlash
        var iterator = Dataiterator()
        let how = SEARCH_FILES | (path.isGlob ? SEARCH_GLOB : SEARCH_STRING)
        dataiterator_init(&iterator, handle, nil, 0, Id(SOLVABLE_FILELIST.rawValue), path, Int32(how))
        defer { dataiterator_free(&iterator) }
        var ids: Set<Id> = []
        while dataiterator_step(&iterator) != 0 {
            if isVisible(iterator.solvid) { ids.insert(iterator.solvid) }
            dataiterator_skip_solvable(&iterator)
        }
        return ids.sorted()
    }

    /// All packages that are not hidden, without source packages.
    private var visible: [Id] { solvableIDs.filter(isVisible) }

    private func isVisible(_ id: Id) -> Bool { isSolvable(id) && !isSource(id) && isConsidered(id) }
}

/// `[epoch:]version[-release]`, taken apart.
struct EpochVersionRelease {
    var epoch = 0
    var version: String
    var release = ""

    init(_ text: String) {
        var rest = text[...]
        if let colon = rest.firstIndex(of: ":"), let epoch = Int(rest[..<colon]) {
            self.epoch = epoch
            rest = rest[rest.index(after: colon)...]
        }
        let hyphen = rest.lastIndex(of: "-") ?? rest.endIndex
        version = String(rest[..<hyphen])
        if hyphen != rest.endIndex { release = String(rest[rest.index(after: hyphen)...]) }
    }
}
