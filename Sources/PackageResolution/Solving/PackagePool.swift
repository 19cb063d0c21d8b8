// libsolv's pool for one set of repositories. One owner, one thread: nothing in libsolv promises more.
import BuildStore
internal import CSolv
import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

/// Repositories loaded into a libsolv pool. Made, used and dropped on one thread; what it hands out are values.
final class PackagePool {
    let pool: UnsafeMutablePointer<Pool>
    let store: MetadataStore
    let repositories: [RepositoryMetadata]
    let architecture: String
    let baseArchitecture: String
    private(set) var filelists = Filelists.none
    private var comps: Comps?
    /// Of all repositories, once they were read.
    var moduleMetadata: ModuleMetadata?
    private var moduleFilters: [ModuleQuestion: ModuleFilter] = [:]
    private(set) var currentModules = ModuleFilter()
    private let considered = UnsafeMutablePointer<Map>.allocate(capacity: 1)
    private var localFiles: [Id: FilePath] = [:]
    /// Told what is wrong with the repositories and no reason to stop.
    var report: (String) -> Void = { _ in }
    /// Whether transactions are wanted in the order of installation.
    var ordersTransactions = true
    /// Whether the next machine may ask the same.
    var remembersAnswers = false
    /// The last question to the solver, and its answer.
    var lastDecisions: (question: SolverQuestion, decisions: SolverDecisions)?
    /// The last transaction of which was asked who needs whom in it.
    var lastLinks: (ids: [Id], weak: Bool, links: RequirementLinks)?
    /// Paths that requests name and that primary.xml leaves out: when any is looked for, all are.
    var expectedPaths: Set<String> = []
    /// Paths that primary.xml leaves out and that libsolv looks up when a dependency that matters names one.
    private var lazyPaths: [Id] = []
    private var obsoletesByName: [Id: [(solvable: Id, dependency: Id)]] = [:]
    private var solvablesInIndex: Id = 2
    private var solvablesInProvides: Id = 0

    /// - Throws: `DownloadError` for metadata that cannot be had, `ResolutionError` for metadata that cannot be read.
    init(repositories: [RepositoryMetadata], architecture: String, store: MetadataStore) throws {
        guard let pool = pool_create() else { throw Errno.noMemory }
        self.pool = pool
        self.store = store
        let byRepository = Dictionary(repositories.map { ($0.repository, $0) }) { first, _ in first }
        self.repositories = repositories.map(\.repository).inOrderOfChoice.compactMap { byRepository[$0] }
        self.architecture = architecture
        baseArchitecture = architecture.hasPrefix("i") && architecture.hasSuffix("86") ? "i386" : architecture
        pool_setdisttype(pool, Int32(DISTTYPE_RPM))
        pool_setarch(pool, architecture)
        // Files that primary.xml leaves out are looked up when something that matters asks for one, see `asksForFilelists`.
        pool_set_flag(pool, POOL_FLAG_ADDFILEPROVIDESFILTERED, 1)
        // As libdnf has it: hidden packages still count where the solver weighs architectures and versions.
        pool_set_flag(pool, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1)
        // Both architectures of a package together, in one version, are no inferior choice: multilib as Fedora has it.
        pool_set_flag(pool, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
        map_init(considered, 0)
        for (metadata, file) in zip(self.repositories, try store.solvFiles(.primary, of: self.repositories)) {
            try add(metadata, file)
        }
    }

    deinit {
        pool.pointee.considered = nil
        map_free(considered)
        considered.deallocate()
        pool_free(pool)
    }

    private func add(_ metadata: RepositoryMetadata, _ file: SolvFile?) throws {
        guard let repo = repo_create(pool, metadata.repository.id) else { throw Errno.noMemory }
        // libsolv's priorities grow with importance, yum's shrink.
        repo.pointee.priority = 99 - Int32(clamping: metadata.repository.priority)
        repo.pointee.subpriority = 1000 - Int32(clamping: metadata.repository.cost)
        if let file, file.add(to: repo) { return }
        repo_empty(repo, 0)
        try store.readXML(.primary, of: metadata, into: repo)
    }

    /// How much of the lists of files is there besides what primary.xml has.
    enum Filelists: Hashable {
        case none, complete
        /// Whatever is known of these paths.
        case of(WantedFiles)

        func know(_ path: String) -> Bool {
            switch self {
            case .none: false
            case .complete: true
            case .of(let files): files.paths.contains(path)
            }
        }
    }

    /// Adds what the lists of files say of these paths and of all that dependencies name: needed only when a request or a dependency
    /// names a file that primary.xml leaves out. A pattern takes the complete lists.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for metadata that cannot be had or read.
    func loadFilelists(of paths: [String] = []) throws {
        guard filelists != .complete else { return }
        var part = SolvFile.Part.filelists
        var known = Filelists.complete
        if !paths.contains(where: \.isGlob) {
            var wanted = expectedPaths.union(paths.map(\.withoutTrailingSlash)).union(pathsInStrings())
            if case .of(let files) = filelists { wanted.formUnion(files.paths) }
            part = .files(WantedFiles(wanted))
            known = .of(WantedFiles(wanted))
        }
        solvablesInProvides = 0
        pool_set_flag(pool, POOL_FLAG_ADDFILEPROVIDESFILTERED, 0)
        for (metadata, file) in zip(repositories, try store.solvFiles(part, of: repositories)) {
            guard let repo = repository(metadata.repository.id) else { continue }
            if let file, file.add(to: repo, flags: SolvFile.extensionFlags) { continue }
            try store.readXML(part, of: metadata, into: repo)
        }
        filelists = known
    }

    /// Whether a dependency that the last solution took into account names a file that is not in primary.xml. Only then can the
    /// lists of files make a difference.
    var asksForFilelists: Bool {
        lazyPaths.contains {
            pool.pointee.whatprovides[Int($0)] != 0 && !filelists.know(String(cString: pool_id2str(pool, $0)))
        }
    }

    /// All comps groups and environments, those of several repositories merged.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for groups that cannot be had or read.
    func groups() throws -> Comps {
        if let comps { return comps }
        var all = Comps()
        for metadata in repositories where metadata.repository.hasGroups {
            // librepo, and so dnf, knows the first two alone; repositories may list others that nobody ever fetched.
            let known = ["group_gz", "group", "group_xz", "group_zst"]
            guard let type = known.first(where: { metadata.files[$0] != nil }), let text = try text(type, of: metadata)
            else { continue }
            do { all.merge(try Comps(xml: text)) } catch {
                throw ResolutionError(problems: ["groups of \(metadata.repository.id) cannot be read: \(error)"])
            }
        }
        comps = all
        return all
    }

    /// By the name that is obsoleted: who does it.
    func obsoletes() -> [Id: [(solvable: Id, dependency: Id)]] {
        let end = pool.pointee.nsolvables
        for id in solvablesInIndex..<max(solvablesInIndex, end)
        where pool.pointee.solvables[Int(id)].repo != nil && pool.pointee.solvables[Int(id)].obsoletes != 0 {
            for dependency in dependencies(of: id, SOLVABLE_OBSOLETES) {
                obsoletesByName[nameID(of: dependency), default: []].append((id, dependency))
            }
        }
        solvablesInIndex = end
        return obsoletesByName
    }

    /// A bit for each package, 1 for those that are not hidden; `nil`: none is.
    var consideredBits: [UInt8]? {
        guard pool.pointee.considered != nil, let bits = considered.pointee.map else { return nil }
        return Array(UnsafeBufferPointer(start: bits, count: Int(considered.pointee.size)))
    }

    /// Whether the package is not hidden.
    func isConsidered(_ id: Id) -> Bool {
        guard pool.pointee.considered != nil, let bits = considered.pointee.map else { return true }
        return bits[Int(id) >> 3] & (1 << UInt8(id & 7)) != 0
    }

    private func repository(_ id: String) -> UnsafeMutablePointer<Repo>? {
        for index in 1..<Int(pool.pointee.nrepos) {
            if let repo = pool.pointee.repos[index], String(cString: repo.pointee.name) == id { return repo }
        }
        return nil
    }

    /// Adds the files of `rpms/`, and returns their ids.
    func addLocalPackages(_ paths: [FilePath]) throws -> [Id] {
        guard !paths.isEmpty else { return [] }
        let repo = repository(localRepositoryID) ?? repo_create(pool, localRepositoryID)
        // As dnf's @commandline: before every repository that has the same package.
        repo?.pointee.priority = 99
        repo?.pointee.subpriority = 1000
        var problems: [String] = []
        var ids: [Id] = []
        for path in paths {
            if let known = localFiles.first(where: { $0.value == path }) {
                ids.append(known.key)
                continue
            }
            let id = repo_add_rpm(repo, path.string, Int32(REPO_REUSE_REPODATA) | Int32(RPM_ADD_WITH_SHA256SUM))
            guard id != 0 else {
                // libsolv begins some of its words with the path.
                var reason = String(cString: pool_errstr(pool))
                if reason.hasPrefix("\(path): ") { reason.removeFirst("\(path): ".count) }
                problems.append("\(path): error: not a package: \(reason)")
                continue
            }
            guard pool.pointee.solvables[Int(id)].arch != Id(ARCH_SRC.rawValue),
                pool.pointee.solvables[Int(id)].arch != Id(ARCH_NOSRC.rawValue)
            else {
                problems.append("\(path): error: a source package; what is built of it would be right")
                continue
            }
            localFiles[id] = path
            ids.append(id)
        }
        repo_internalize(repo)
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
        return ids
    }

    /// Hides packages from the solver, as dnf does it, and makes the pool ready for it.
    ///
    /// - Parameters:
    ///   - patterns: of packages to hide, whichever repository they are from.
    ///   - enabled: streams of modules, besides the default ones.
    ///   - allowedLocal: local packages of other machines are hidden too.
    /// - Throws: `DownloadError`, `ResolutionError` for module metadata that cannot be had or read.
    func prepare(
        hiding patterns: [String], locks: [String], platform: String?, enabled: [String: String], allowedLocal: [Id]
    ) throws {
        pool.pointee.considered = nil
        if solvablesInProvides != pool.pointee.nsolvables {
            pool_addfileprovides(pool)
            pool_createwhatprovides(pool)
            lazyPaths = filelists == .complete ? [] : pathIDs().filter { pool.pointee.whatprovides[Int($0)] == 0 }
            solvablesInProvides = pool.pointee.nsolvables
        }
        var hidden: Set<Id> = []
        for metadata in repositories {
            let repo = repository(metadata.repository.id)
            func isOfRepository(_ id: Id) -> Bool { pool.pointee.solvables[Int(id)].repo == repo }
            if !metadata.repository.includes.isEmpty {
                let included = Set(metadata.repository.includes.flatMap { match($0, contents: false).ids })
                hidden.formUnion(
                    (2..<pool.pointee.nsolvables).lazy.filter { isOfRepository($0) && !included.contains($0) })
            }
            for pattern in metadata.repository.excludes {
                hidden.formUnion(match(pattern, contents: false).ids.lazy.filter(isOfRepository))
            }
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

    private func hide(_ ids: Set<Id>) {
        if pool.pointee.considered == nil {
            map_free(considered)
            map_init(considered, pool.pointee.nsolvables)
            map_setall(considered)
            pool.pointee.considered = considered
        }
        for id in ids { map_clr(considered, id) }
    }

    /// What dnf's versionlock plugin hides (plugins/versionlock.py of dnf-plugins-core): for a lock all other versions of the
    /// same name and whatever obsoletes the locked ones, for `!` the version itself.
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

    /// The pool's strings that are paths: dependencies, nearly all of them.
    private func pathIDs() -> [Id] {
        (1..<pool.pointee.ss.nstrings).filter { id in
            let text = pool.pointee.ss.stringspace + Int(pool.pointee.ss.strings[Int(id)])
            return text.pointee == CChar(UInt8(ascii: "/"))
        }
    }

    private func pathsInStrings() -> [String] { pathIDs().map { String(cString: pool_id2str(pool, $0)) } }

    /// What a filter of modules depends on.
    private struct ModuleQuestion: Hashable {
        var platform: String?
        var enabled: [String: String]
    }

    /// A solvable as a value.
    func package(_ id: Id, reason: TransactionPackage.Reason) -> TransactionPackage {
        let solvable = pool.pointee.solvables + Int(id)
        func text(_ id: Id) -> String { String(cString: pool_id2str(pool, id)) }
        let evr = text(solvable.pointee.evr)
        let colon = evr.firstIndex(of: ":")
        let versionRelease = colon.map { evr[evr.index(after: $0)...] } ?? evr[...]
        let hyphen = versionRelease.lastIndex(of: "-") ?? versionRelease.endIndex
        var kind: Id = 0
        let digest = solvable_lookup_checksum(solvable, Id(SOLVABLE_CHECKSUM.rawValue), &kind).map {
            String(cString: $0)
        }
        let algorithm = Checksum.Algorithm(solvType: kind)
        var medium: UInt32 = 0
        var location =
            localFiles[id]?.string ?? solvable_lookup_location(solvable, &medium).map { String(cString: $0) } ?? ""
        // xml:base: packages that lie elsewhere than their metadata.
        if localFiles[id] == nil, let base = solvable_lookup_str(solvable, Id(SOLVABLE_MEDIABASE.rawValue)) {
            let place = String(cString: base)
            location = place + (place.hasSuffix("/") ? "" : "/") + location
        }
        let repository = solvable.pointee.repo.map { String(cString: $0.pointee.name) } ?? ""
        var checksum: Checksum?
        if let algorithm, let digest, localFiles[id] == nil { checksum = Checksum(algorithm, digest) }
        return TransactionPackage(
            name: text(solvable.pointee.name), epoch: colon.flatMap { Int(evr[..<$0]) } ?? 0,
            version: String(versionRelease[..<hyphen]),
            release: hyphen == versionRelease.endIndex
                ? "" : String(versionRelease[versionRelease.index(after: hyphen)...]),
            architecture: text(solvable.pointee.arch), repository: repository, location: location,
            downloadSize: ByteCount(solvable_lookup_num(solvable, Id(SOLVABLE_DOWNLOADSIZE.rawValue), 0)),
            installedSize: ByteCount(solvable_lookup_num(solvable, Id(SOLVABLE_INSTALLSIZE.rawValue), 0)),
            checksum: checksum, reason: reason)
    }
}

/// The id that stands for the files of `rpms/` where a repository's would stand.
let localRepositoryID = "@local"

extension Queue {
    /// A copy: the queue's memory is libsolv's.
    var ids: [Id] { (0..<Int(count)).map { elements[$0] } }
}
