// Which packages a line of `packages`, an exclude or a lock means. The rules are libdnf's (Query::filterSubject in
// libdnf/sack/query.cpp, Subject._get_best_selectors in python/hawkey): readings as a NEVRA first, then provides, then files.
internal import CSolv
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
    ///   - contents: whether it may be a provide or a file as well; it may not in excludes.
    func match(_ text: String, contents: Bool) -> Match {
        for spec in PackageSpec.readings(of: text) {
            let ids = solvables(fitting: spec)
            if !ids.isEmpty { return Match(ids: ids, spec: spec) }
        }
        if text.isGlob {
            let withEpoch = text.contains(":")
            let ids = visible.filter { fnmatch(text, nevra(of: $0, withEpoch: withEpoch), 0) == 0 }
            if !ids.isEmpty { return Match(ids: ids) }
        }
        guard contents else { return Match() }
        let provided = providers(ofCapability: text)
        if !provided.isEmpty { return Match(ids: provided) }
        return Match(ids: text.namesFile ? owners(ofFile: text) : [])
    }

    /// Whether `match` needs more of the lists of files for this text than is there.
    func needsFilelists(_ text: String) -> Bool {
        text.isOutsidePrimary && !(text.isGlob ? filelists == .complete : filelists.know(text.withoutTrailingSlash))
    }

    /// The packages that are not hidden and have that name, version, release and architecture, globs allowed.
    func solvables(fitting spec: PackageSpec) -> [Id] {
        var ids: [Id]
        if !spec.name.isGlob {
            let name = pool_str2id(pool, spec.name, 0)
            guard name != 0 else { return [] }
            // Every RPM provides its own name.
            ids = providers(of: name).filter { pool.pointee.solvables[Int($0)].name == name && isVisible($0) }
        } else if spec.name == "*" {
            ids = visible
        } else {
            var fits: [Id: Bool] = [:]
            ids = visible.filter { id in
                let name = pool.pointee.solvables[Int(id)].name
                if let known = fits[name] { return known }
                let fitting = fnmatch(spec.name, pool_id2str(pool, name), 0) == 0
                fits[name] = fitting
                return fitting
            }
        }
        if let architecture = spec.architecture, architecture != "*" {
            ids.removeAll { fnmatch(architecture, pool_id2str(pool, pool.pointee.solvables[Int($0)].arch), 0) != 0 }
        }
        guard spec.epoch != nil || spec.version != nil else { return ids }
        return ids.filter { id in
            let evr = EpochVersionRelease(String(cString: pool_id2str(pool, pool.pointee.solvables[Int(id)].evr)))
            func fits(_ pattern: String?, _ value: String) -> Bool {
                pattern.map { $0 == "*" || fnmatch($0, value, 0) == 0 } ?? true
            }
            return (spec.epoch.map { $0 == evr.epoch } ?? true) && fits(spec.version, evr.version)
                && fits(spec.release, evr.release)
        }
    }

    /// The packages, not hidden, that obsolete one of these; as rpm has it, by name and version alone.
    func obsoleters(of targets: [Id]) -> [Id] {
        var found: Set<Id> = []
        let index = obsoletes()
        for target in targets {
            for (id, dependency) in index[pool.pointee.solvables[Int(target)].name] ?? []
            where isVisible(id) && pool_match_nevr(pool, pool.pointee.solvables + Int(target), dependency) != 0 {
                found.insert(id)
            }
        }
        return found.sorted()
    }

    private func providers(ofCapability text: String) -> [Id] {
        if text.isGlob && !text.hasPrefix("(") {
            var fits: [Id: Bool] = [:]
            return visible.filter { id in
                dependencies(of: id, SOLVABLE_PROVIDES).contains { dependency in
                    let name = nameID(of: dependency)
                    if let known = fits[name] { return known }
                    let fitting = fnmatch(text, pool_id2str(pool, name), 0) == 0
                    fits[name] = fitting
                    return fitting
                }
            }
        }
        guard let dependency = dependency(text) else { return [] }
        return providers(of: dependency).filter(isVisible)
    }

    /// `name`, `name >= 1.0`, or a boolean dependency; `nil` when it is none of them.
    func dependency(_ text: String) -> Id? {
        if text.hasPrefix("(") {
            let id = pool_parserpmrichdep(pool, text)
            return id == 0 ? nil : id
        }
        let name = String(text.prefix { !$0.isWhitespace })
        let rest = text.dropFirst(name.count).drop(while: \.isWhitespace)
        let sign = String(rest.prefix { "<=>".contains($0) })
        let version = String(rest.dropFirst(sign.count).drop(while: \.isWhitespace))
        let relation: Int32
        switch sign {
        case "<": relation = REL_LT
        case "<=": relation = REL_LT | REL_EQ
        case "=", "==": relation = REL_EQ
        case ">=": relation = REL_GT | REL_EQ
        case ">": relation = REL_GT
        default: return pool_str2id(pool, text, 1)
        }
        guard !version.isEmpty else { return nil }
        return pool_rel2id(pool, pool_str2id(pool, name, 1), pool_str2id(pool, version, 1), relation, 1)
    }

    private func owners(ofFile path: String) -> [Id] {
        let path = path.withoutTrailingSlash
        var iterator = Dataiterator()
        let how = SEARCH_FILES | (path.isGlob ? SEARCH_GLOB : SEARCH_STRING)
        dataiterator_init(&iterator, pool, nil, 0, Id(SOLVABLE_FILELIST.rawValue), path, Int32(how))
        defer { dataiterator_free(&iterator) }
        var ids: Set<Id> = []
        while dataiterator_step(&iterator) != 0 {
            if isVisible(iterator.solvid) { ids.insert(iterator.solvid) }
            dataiterator_skip_solvable(&iterator)
        }
        return ids.sorted()
    }

    /// All packages that are not hidden, source packages left out.
    private var visible: [Id] { (2..<max(2, pool.pointee.nsolvables)).filter(isVisible) }

    private func isVisible(_ id: Id) -> Bool {
        let solvable = pool.pointee.solvables[Int(id)]
        guard solvable.repo != nil, solvable.arch != Id(ARCH_SRC.rawValue) else { return false }
        return isConsidered(id)
    }

    func nameID(of dependency: Id) -> Id {
        var (id, name, evr): (Id, Id, Id) = (dependency, 0, 0)
        while discographer_relation(pool, id, &name, &evr) != 0 { id = name }
        return id
    }

    private func nevra(of id: Id, withEpoch: Bool) -> String {
        let solvable = pool.pointee.solvables[Int(id)]
        let evr = String(cString: pool_id2str(pool, solvable.evr))
        return String(cString: pool_id2str(pool, solvable.name)) + "-"
            + (withEpoch && !evr.contains(":") ? "0:" : "") + evr + "."
            + String(cString: pool_id2str(pool, solvable.arch))
    }
}

extension String {
    fileprivate var namesFile: Bool { hasPrefix("/") || hasPrefix("*/") }

    /// Whether it is a path, or a pattern, that createrepo leaves out of primary.xml.
    var isOutsidePrimary: Bool {
        namesFile && !hasPrefix("/etc/") && !contains("bin/") && self != "/usr/lib/sendmail"
    }

    /// As lists of files name a folder.
    var withoutTrailingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
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
