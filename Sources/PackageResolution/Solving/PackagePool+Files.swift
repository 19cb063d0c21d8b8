// Lists of files. They are ten times as long as all other metadata, so they are read only when a path outside primary.xml matters.
internal import CSolv

extension PackagePool {
    /// How much of the lists of files is in the pool, besides what primary.xml has.
    enum Filelists: Hashable {
        case none, complete
        /// All that is known of these paths.
        case of(WantedFiles)

        func know(_ path: String) -> Bool {
            switch self {
            case .none: false
            case .complete: true
            case .of(let files): files.paths.contains(path)
            }
        }
    }

    /// The state of the pool's index of provides.
    struct ProvidesIndex {
        /// The end of the solvables when the index was made; 0: it has to be made again.
        var endOfSolvables: Id = 0
        /// Paths that libsolv looks up only when a dependency that matters names one.
        var lazyPaths: [Id] = []
    }

    /// Adds what the lists of files say of these paths and of all paths in dependencies. That is needed only when a request or a dependency
    /// names a file that primary.xml leaves out. A glob pattern needs the complete lists.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for metadata that cannot be fetched or read.
    func loadFilelists(of paths: [String] = []) throws {
        guard filelists != .complete else { return }
        var part = SolvFile.Part.filelists
        var known = Filelists.complete
        if !paths.contains(where: \.isGlob) {
            var wanted = expectedPaths.union(paths.map(\.withoutTrailingSlash)).union(pathIDs.map(string))
            if case .of(let files) = filelists { wanted.formUnion(files.paths) }
            part = .files(WantedFiles(wanted))
            known = .of(WantedFiles(wanted))
        }
        providesIndex.endOfSolvables = 0
        pool_set_flag(handle, POOL_FLAG_ADDFILEPROVIDESFILTERED, 0)
        for (metadata, file) in zip(repositories, try store.solvFiles(part, of: repositories)) {
            guard let repo = repository(metadata.repository.id) else { continue }
            if let file, file.add(to: repo, flags: SolvFile.extensionFlags) { continue }
            try store.readXML(part, of: metadata, into: repo)
        }
        filelists = known
    }

    /// Makes the index of provides when packages or files were added.
    func updateProvides() {
        guard providesIndex.endOfSolvables != endOfSolvables else { return }
        pool_addfileprovides(handle)
        pool_createwhatprovides(handle)
        providesIndex.lazyPaths = filelists == .complete ? [] : pathIDs.filter { !isLookedUp($0) }
        providesIndex.endOfSolvables = endOfSolvables
    }

    /// Whether a dependency that mattered to the last solution names a file that is not in primary.xml. Only then can the lists of files
    /// change the solution.
    var asksForFilelists: Bool { providesIndex.lazyPaths.contains { isLookedUp($0) && !filelists.know(string($0)) } }

    /// Whether `match` needs more of the lists of files for this text than the pool has.
    func needsFilelists(_ text: String) -> Bool {
        text.isOutsidePrimary && !(text.isGlob ? filelists == .complete : filelists.know(text.withoutTrailingSlash))
    }
}

extension String {
    var namesFile: Bool { hasPrefix("/") || hasPrefix("*/") }

    /// Whether it is a path, or a pattern, that createrepo leaves out of primary.xml.
    var isOutsidePrimary: Bool {
        namesFile && !hasPrefix("/etc/") && !contains("bin/") && self != "/usr/lib/sendmail"
    }

    /// The form in which lists of files name a folder.
    var withoutTrailingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
}
