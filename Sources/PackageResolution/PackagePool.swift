// libsolv's pool for one set of repositories. One owner, one thread: nothing in libsolv promises more.
import BuildStore
internal import CSolv
import ConfigurationTree
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Repositories loaded into a libsolv pool. Made, used and dropped on one thread; what it hands out are values.
final class PackagePool {
    let pool: UnsafeMutablePointer<Pool>
    let store: MetadataStore
    let repositories: [RepositoryMetadata]
    private(set) var hasFilelists = false
    private var hasGroups = false
    private var modules: ModuleFilter?
    private var considered = Map()
    private var localFiles: [Id: FilePath] = [:]

    /// - Throws: `DownloadError` for metadata that cannot be had, `ResolutionError` for metadata that cannot be read.
    init(repositories: [RepositoryMetadata], architecture: String, store: MetadataStore) throws {
        guard let pool = pool_create() else { throw Errno.noMemory }
        self.pool = pool
        self.store = store
        self.repositories = repositories
        pool_setdisttype(pool, Int32(DISTTYPE_RPM))
        pool_setarch(pool, architecture)
        // As rpm: a package may conflict with what it provides itself, and obsoletes match names only.
        pool_set_flag(pool, POOL_FLAG_ADDFILEPROVIDESFILTERED, 1)
        map_init(&considered, 0)
        for metadata in repositories { try add(metadata) }
    }

    deinit {
        pool.pointee.considered = nil
        map_free(&considered)
        pool_free(pool)
    }

    private func add(_ metadata: RepositoryMetadata) throws {
        guard let repo = repo_create(pool, metadata.repository.id) else { throw Errno.noMemory }
        // libsolv's priorities grow with importance, yum's shrink.
        repo.pointee.priority = 99 - Int32(clamping: metadata.repository.priority)
        repo.pointee.subpriority = 1000 - Int32(clamping: metadata.repository.cost)
        let solvFile = store.folder.appending("\(metadata.contentKey).solv")
        if let stream = fopen(solvFile.string, "re") {
            defer { fclose(stream) }
            if repo_add_solv(repo, stream, 0) == 0 { return }
            repo_empty(repo, 0)
        }
        try readXML("primary", of: metadata, into: repo) { repo_add_rpmmd(repo, $0, nil, 0) }
        write(repo, to: solvFile)
        // From here on as every later run has it: the order of solvables, and with it the solver's choices, is the file's.
        if let stream = fopen(solvFile.string, "re") {
            defer { fclose(stream) }
            repo_empty(repo, 0)
            guard repo_add_solv(repo, stream, 0) == 0 else {
                throw ResolutionError(problems: [
                    "\(solvFile) cannot be read back: \(String(cString: pool_errstr(pool)))"
                ])
            }
        }
    }

    /// Adds the comps groups: needed only when a request names one. Must come before `prepare`.
    func loadGroups() throws {
        guard !hasGroups else { return }
        hasGroups = true
        for metadata in repositories {
            guard let repo = repository(metadata.repository.id) else { continue }
            // librepo, and so dnf, knows the first two alone; repositories may list others that nobody ever fetched.
            let known = ["group_gz", "group", "group_xz", "group_zst"]
            guard let type = known.first(where: { metadata.files[$0] != nil }) else { continue }
            try readXML(type, of: metadata, into: repo) { repo_add_comps(repo, $0, 0) }
        }
    }

    private func readXML(
        _ type: String, of metadata: RepositoryMetadata, into repo: UnsafeMutablePointer<Repo>,
        _ read: (UnsafeMutablePointer<FILE>) -> Int32
    ) throws {
        guard let path = try store.file(type, of: metadata) else { return }
        guard let stream = solv_xfopen(path.string, "r") else { throw Errno(rawValue: errno) }
        defer { fclose(stream) }
        guard read(stream) == 0 else {
            throw ResolutionError(problems: [
                "\(type) metadata of \(metadata.repository.id) cannot be read: \(String(cString: pool_errstr(pool)))"
            ])
        }
    }

    /// Kept beside the XML: reading it takes a tenth of the time. That it could not be written only costs time.
    private func write(_ repo: UnsafeMutablePointer<Repo>, to path: FilePath) {
        let temporary = "\(path).new.\(getpid()).\(UInt32.random(in: 0 ... .max))"
        guard let stream = fopen(temporary, "we") else { return }
        let written = repo_write(repo, stream) == 0
        if fclose(stream) == 0, written, rename(temporary, path.string) == 0 { return }
        unlink(temporary)
    }

    /// Adds the complete lists of files: needed only when a request or a dependency names a file that primary.xml leaves out.
    func loadFilelists() throws {
        hasFilelists = true
        for metadata in repositories {
            guard let repo = repository(metadata.repository.id) else { continue }
            let flags = Int32(REPO_EXTEND_SOLVABLES) | Int32(REPO_LOCALPOOL)
            try readXML("filelists", of: metadata, into: repo) { repo_add_rpmmd(repo, $0, "FL", flags) }
        }
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
        var problems: [String] = []
        var ids: [Id] = []
        for path in paths {
            let id = repo_add_rpm(repo, path.string, Int32(REPO_REUSE_REPODATA) | Int32(RPM_ADD_WITH_SHA256SUM))
            guard id != 0 else {
                problems.append("\(path): not a package: \(String(cString: pool_errstr(pool)))")
                continue
            }
            localFiles[id] = path
            ids.append(id)
        }
        repo_internalize(repo)
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
        return ids
    }

    /// Hides packages from the solver, as dnf's excludes do, and makes the pool ready for it.
    ///
    /// - Parameter allowedLocal: local packages of other machines are hidden too.
    /// - Throws: `DownloadError`, `ResolutionError` for module metadata that cannot be had or read.
    func prepare(hiding globs: [String], allowedLocal: [Id]) throws {
        map_free(&considered)
        map_init(&considered, pool.pointee.nsolvables)
        map_setall(&considered)
        pool.pointee.considered = nil
        pool_addfileprovides(pool)
        pool_createwhatprovides(pool)
        func hide(_ glob: String, in repository: UnsafeMutablePointer<Repo>?, keeping: Bool) {
            for id in solvables(matching: glob)
            where repository == nil || pool.pointee.solvables[Int(id)].repo == repository {
                if keeping { map_set(&considered, id) } else { map_clr(&considered, id) }
            }
        }
        for metadata in repositories {
            let repo = repository(metadata.repository.id)
            if !metadata.repository.includes.isEmpty {
                for id in 2..<pool.pointee.nsolvables where pool.pointee.solvables[Int(id)].repo == repo {
                    map_clr(&considered, id)
                }
                for glob in metadata.repository.includes { hide(glob, in: repo, keeping: true) }
            }
            for glob in metadata.repository.excludes { hide(glob, in: repo, keeping: false) }
        }
        for glob in globs { hide(glob, in: nil, keeping: false) }
        let modules = try self.modules ?? moduleFilter()
        self.modules = modules
        for id in modules.hidden { map_clr(&considered, id) }
        for id in localFiles.keys where !allowedLocal.contains(id) { map_clr(&considered, id) }
        withUnsafeMutablePointer(to: &considered) { pool.pointee.considered = $0 }
        pool_createwhatprovides(pool)
    }

    /// The module stream that hides the packages of this name, such as `nodejs:20`.
    func moduleStream(hiding name: String) -> String? { modules?.streamsByName[name] }

    /// Packages whose name, `name.arch` or `name-version-release` the glob matches.
    func solvables(matching glob: String) -> [Id] {
        var selection = Queue()
        queue_init(&selection)
        defer { queue_free(&selection) }
        let flags = SELECTION_NAME | SELECTION_CANON | SELECTION_DOTARCH | SELECTION_GLOB
        guard selection_make(pool, &selection, glob, flags) != 0 else { return [] }
        var found = Queue()
        queue_init(&found)
        defer { queue_free(&found) }
        selection_solvables(pool, &selection, &found)
        return found.ids
    }

    /// What the solver is told for one request: pairs of how and what; empty when nothing fits.
    func selection(for spec: String) -> [Id] {
        var selection = Queue()
        queue_init(&selection)
        defer { queue_free(&selection) }
        let flags =
            SELECTION_NAME | SELECTION_PROVIDES | SELECTION_FILELIST | SELECTION_CANON | SELECTION_DOTARCH
            | SELECTION_REL | SELECTION_GLOB
        _ = selection_make(pool, &selection, spec, flags)
        return selection.ids
    }

    /// The names that a comps group has: mandatory and default ones, as dnf installs it. `nil`: there is no such group.
    func packages(ofGroup name: String) -> [String]? {
        let wanted = pool_str2id(pool, "group:\(name)", 0)
        guard wanted != 0 else { return nil }
        for id in 2..<pool.pointee.nsolvables
        where pool.pointee.solvables[Int(id)].name == wanted && pool.pointee.solvables[Int(id)].repo != nil {
            var names: [String] = []
            for key in [SOLVABLE_REQUIRES, SOLVABLE_RECOMMENDS] {
                var queue = Queue()
                queue_init(&queue)
                defer { queue_free(&queue) }
                solvable_lookup_idarray(pool.pointee.solvables + Int(id), Id(key.rawValue), &queue)
                names += queue.ids.compactMap { pool_dep2str(pool, $0).map { String(cString: $0) } }
            }
            return names
        }
        return nil
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
        let location =
            localFiles[id]?.string ?? solvable_lookup_location(solvable, &medium).map { String(cString: $0) } ?? ""
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
