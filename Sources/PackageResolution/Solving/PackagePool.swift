internal import CSolv
import Glibc
import SystemPackage

/// The packages of one set of repositories in a libsolv pool. Made, used and dropped on one thread; it hands out values.
///
/// Extensions by topic: `+Files` lists of files, `+Local` the files of `rpms/`, `+Hiding` what the solver must not see, `+Subject` what a
/// line of `packages` means, `+Jobs` what the solver is asked, `+Package` solvables as values; there are more in Modules/ and Explanation/.
final class PackagePool: SolvPool {
    let store: MetadataStore
    let repositories: [RepositoryMetadata]
    let architecture: String
    /// Called with faults of the repositories that do not stop the resolution.
    var report: (String) -> Void = { _ in }
    /// Whether transactions are needed in the order of installation.
    var ordersTransactions = true
    /// Whether another machine may ask the same question next.
    var remembersAnswers = false
    /// Paths that requests name and that primary.xml leaves out: when one of them is looked up, all are.
    var expectedPaths: Set<String> = []

    // What was found out so far; each belongs to the extension of its topic.
    var filelists = Filelists.none
    var providesIndex = ProvidesIndex()
    var localFiles: [Id: FilePath] = [:]
    var comps: Comps?
    /// The modules of all repositories, once they were read.
    var moduleMetadata: ModuleMetadata?
    var moduleFilters: [ModuleQuestion: ModuleFilter] = [:]
    var currentModules = ModuleFilter()
    var obsoletesIndex = ObsoletesIndex()
    /// The last question to the solver, and its answer.
    var lastDecisions: (question: SolverQuestion, decisions: SolverDecisions)?
    /// The last transaction whose requirements were asked for.
    var lastLinks: (ids: [Id], weak: Bool, links: RequirementLinks)?

    /// - Throws: `DownloadError` for metadata that cannot be fetched, `ResolutionError` for metadata that cannot be read.
    init(repositories: [RepositoryMetadata], architecture: String, store: MetadataStore) throws {
        self.store = store
        let byRepository = Dictionary(repositories.map { ($0.repository, $0) }) { first, _ in first }
        self.repositories = repositories.map(\.repository).inOrderOfChoice.compactMap { byRepository[$0] }
        self.architecture = architecture
        try super.init(architecture: architecture)
        // Files that primary.xml leaves out are looked up only when a dependency that matters names one, see `asksForFilelists`.
        pool_set_flag(handle, POOL_FLAG_ADDFILEPROVIDESFILTERED, 1)
        for (metadata, file) in zip(self.repositories, try store.solvFiles(.primary, of: self.repositories)) {
            try add(metadata, file)
        }
    }

    private func add(_ metadata: RepositoryMetadata, _ file: SolvFile?) throws {
        let repo = try addRepository(metadata.repository.id)
        // libsolv's priorities grow with importance, yum's shrink.
        repo.pointee.priority = Int32(clamping: 99 - metadata.repository.priority)
        repo.pointee.subpriority = Int32(clamping: 1000 - metadata.repository.cost)
        if let file, file.add(to: repo) { return }
        repo_empty(repo, 0)
        try store.readXML(.primary, of: metadata, into: repo)
    }

    /// All comps groups and environments; those of several repositories are merged.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for groups that cannot be fetched or read.
    func groups() throws -> Comps {
        if let comps { return comps }
        var all = Comps()
        for metadata in repositories where metadata.repository.hasGroups {
            // librepo, and so dnf, knows only the first two, so prefer them: other clients may never have read the others.
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

    /// A metadata file, decompressed; `nil` when the repository has none of that type.
    func text(_ type: String, of metadata: RepositoryMetadata) throws -> String? {
        guard let path = try store.file(type, of: metadata) else { return nil }
        guard let stream = solv_xfopen(path.string, "r") else {
            throw ResolutionError(problems: ["\(path) cannot be opened: \(String(cString: strerror(errno)))"])
        }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 {
            bytes += chunk[..<count]
            guard bytes.count <= Self.longestText else {
                throw ResolutionError(problems: [
                    "\(type) of \(metadata.repository.id) is more than \(Self.longestText >> 20) MiB when it is unpacked; expected less"
                ])
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Groups and modules are read into memory as a whole. Fedora's have 20 MiB, but three megabytes of gzip can unpack to three gigabytes.
    private static let longestText = 256 << 20
}
