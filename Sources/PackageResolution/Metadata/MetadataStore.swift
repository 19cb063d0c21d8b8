// Metadata of repositories on disk. Each content is fetched once. Files are checked against repomd.xml, and repomd.xml against its
// signature, the metalink and the version that was seen before.
import BuildStore
import Glibc
import HostSystem
import SystemPackage

/// `<cachePath>/repositories`: metadata by checksum.
struct MetadataStore: Sendable {
    let folder: FilePath
    let access: RepositoryAccess
    let downloader: Downloader
    /// Called with the progress of fetches.
    var progress: @Sendable (FetchProgress) -> Void = { _ in }

    init(folder: FilePath, access: RepositoryAccess) {
        self.folder = folder
        self.access = access
        downloader = Downloader(offline: access.isOffline)
    }

    var keys: KeyStore { KeyStore(folder: folder.appending("keys"), downloader: downloader) }

    /// Runs blocking work on a thread of its own; it ends when the task is cancelled.
    func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withTaskCancellationHandler {
            try await offPool(body)
        } onCancel: {
            downloader.cancellation.cancel()
        }
    }

    /// Reads repomd.xml of a repository: from the first mirror whose copy can be trusted, or from the cache when that copy is recent enough
    /// or the run is offline.
    ///
    /// - Parameters:
    ///   - refresh: ask a mirror even if the cached copy is recent enough.
    ///   - report: called when the repository is left out.
    /// - Returns: `nil` when the repository cannot be fetched and may be left out.
    /// - Throws: `DownloadError`, `MetadataError`, `CancellationError`.
    func load(
        _ repository: Repository, refresh: Bool = false, report: @Sendable (String) -> Void
    ) async throws -> RepositoryMetadata? {
        do {
            let memory = RepositoryMemory(of: repository, in: folder)
            let isLocal = repository.baseURLs.contains { $0.lowercased().hasPrefix("file:") }
            if let memory, let known = try? known(memory, repository) {
                let isFresh = !refresh && memory.isFresh(for: repository.metadataLifetime, now: time(nil))
                if isFresh || access.isOffline && !isLocal {
                    try await checkSignature(of: known.repomd, signature: Self.signature(of: known.repomd), repository)
                    return known
                }
            }
            return try await fetch(repository, memory)
        } catch let error as DownloadError where repository.skipIfUnavailable {
            report("the repository \(repository.id) is left out (skip_if_unavailable): \(error)")
            return nil
        }
    }

    private func known(_ memory: RepositoryMemory, _ repository: Repository) throws -> RepositoryMetadata? {
        let path = folder.appending("\(memory.repomd)-repomd.xml")
        guard exists(path) else { return nil }
        return try RepositoryMetadata(repomd: path, of: repository, mirrors: nil)
    }

    private static func signature(of repomd: FilePath) -> FilePath { FilePath("\(repomd).asc") }

    /// Goes on to the next mirror when the repomd.xml of one cannot be trusted.
    private func fetch(_ repository: Repository, _ memory: RepositoryMemory?) async throws -> RepositoryMetadata {
        let list = try await blocking { try mirrors(of: repository) }
        let mask = SecretMask(repository.transfer.secrets)
        var candidates = list.baseURLs
        var reasons: [String] = []
        let fetched = folder.appending("repomd-\(getpid())-\(UInt64.random(in: 0 ... .max)).xml")
        defer {
            removeFile(fetched)
            removeFile(Self.signature(of: fetched))
        }
        while true {
            let mirror: String
            do {
                mirror = try await blocking { [candidates] in
                    try fetchRepomd(of: repository, from: candidates, checksums: list.metadataChecksums, to: fetched)
                }
            } catch let error as DownloadError where !reasons.isEmpty {
                throw MetadataError(reasons: reasons + error.failures)
            }
            do {
                let metadata = try RepositoryMetadata(repomd: fetched, of: repository, mirrors: list.baseURLs)
                try checkAge(metadata.version, memory)
                if repository.metadataIsSigned {
                    try await blocking { try fetchSignature(of: repository, from: mirror, to: Self.signature(of: fetched)) }
                    try await checkSignature(of: fetched, signature: Self.signature(of: fetched), repository)
                }
                return try keep(metadata)
            } catch let error as MetadataError {
                reasons += error.reasons.map { "\(repository.id): repomd.xml of \(mask(mirror)) is refused: \($0)" }
                candidates.removeAll { $0 == mirror }
                if candidates.isEmpty { throw MetadataError(reasons: reasons) }
            }
        }
    }

    private func fetchRepomd(
        of repository: Repository, from mirrors: [String], checksums: [Checksum], to path: FilePath
    ) throws -> String {
        let sources = try downloader.fetch([
            Download(
                name: "repomd.xml of \(repository.id)", path: "repodata/repomd.xml", mirrors: mirrors,
                destination: path, checksums: checksums, size: nil, options: repository.transfer)
        ])
        return sources.first.flatMap(\.self) ?? ""
    }

    private func fetchSignature(of repository: Repository, from mirror: String, to path: FilePath) throws {
        do {
            try downloader.fetch([
                Download(
                    name: "repomd.xml.asc of \(repository.id)", path: "repodata/repomd.xml.asc", mirrors: [mirror],
                    destination: path, checksums: [], size: nil, options: repository.transfer)
            ])
        } catch let error as DownloadError {
            throw MetadataError(reasons: ["repo_gpgcheck=1 requires a signature, and there is none: \(error)"])
        }
    }

    private func checkAge(_ version: MetadataVersion, _ memory: RepositoryMemory?) throws {
        guard let memory, version.isOlder(than: memory.version), !access.acceptedRollbacks.contains(memory.repository)
        else { return }
        throw MetadataError(reasons: [
            "it is older (\(version)) than the version seen before (\(memory.version)); "
                + "'--accept-rollback \(memory.repository)' accepts it"
        ])
    }

    private func checkSignature(of file: FilePath, signature: FilePath, _ repository: Repository) async throws {
        guard repository.metadataIsSigned else { return }
        guard exists(signature) else {
            throw MetadataError(reasons: ["\(repository.id): repo_gpgcheck=1 requires a signature, and the cache has none"])
        }
        let keys = try await blocking { [keys] in try keys.keys(of: [repository]) }
        do {
            try await access.verify(SignedFile(file: file, signature: signature, keys: keys))
        } catch let error where !(error is CancellationError) {
            throw MetadataError(reasons: [self.keys.naming(keysOf: [repository], in: "\(error)")])
        }
    }

    /// Keeps repomd.xml under its checksum, and remembers its version.
    private func keep(_ metadata: RepositoryMetadata) throws -> RepositoryMetadata {
        let digest = try Checksum(.sha256, ofFile: metadata.repomd).hexadecimal
        var kept = metadata
        kept.repomd = folder.appending("\(digest)-repomd.xml")
        let signature = Self.signature(of: metadata.repomd)
        if exists(signature) { try writeAtomically(try readBytes(signature), to: Self.signature(of: kept.repomd)) }
        try writeAtomically(try readBytes(metadata.repomd), to: kept.repomd)
        try RepositoryMemory(
            of: metadata.repository, repomd: digest, version: metadata.version, asked: time(nil)
        ).write(of: metadata.repository, in: folder)
        return kept
    }

    /// The base URLs of the repository in librepo's order of preference: baseurl, then the lists of metalink and mirrorlist. Blocks.
    ///
    /// - Throws: `DownloadError` when a list cannot be fetched or read, or names no mirror.
    func mirrors(of repository: Repository) throws -> MirrorList {
        var mirrors = MirrorList()
        mirrors.baseURLs = repository.baseURLs.map(RepositoryURL.folder)
        for (kind, url) in [("metalink", repository.metalink), ("mirror list", repository.mirrorList)] {
            guard let url else { continue }
            let name = "\(kind) of \(repository.id)"
            let path = folder.appending("mirrors-\(getpid())-\(UInt64.random(in: 0 ... .max))")
            defer { removeFile(path) }
            let shown = SecretMask(repository.transfer.secrets)(url)
            do {
                try downloader.fetch([
                    Download(
                        name: name, places: [.init(mirror: url, url: url)], destination: path, checksums: [], size: nil,
                        options: repository.transfer)
                ])
            } catch is DownloadError where !mirrors.baseURLs.isEmpty || repository.metalink == url && repository.mirrorList != nil {
                // There are other places.
                continue
            }
            let list: MirrorList
            do {
                let text = String(decoding: try readBytes(path), as: UTF8.self)
                list =
                    kind == "metalink"
                    ? try MirrorList(metalink: text, variables: repository.variables) : try MirrorList(text: text, variables: repository.variables)
            } catch let error as MetadataError {
                throw DownloadError(failures: ["\(name), \(shown), cannot be read: \(error)"])
            }
            if list.baseURLs.isEmpty { throw DownloadError(failures: ["\(name), \(shown), names no mirror"]) }
            // A list from the network must not choose files of this host.
            let places = list.baseURLs.filter { isOfHost(url) || !isOfHost($0) }
            guard !places.isEmpty else {
                throw DownloadError(failures: ["\(name), \(shown), names only places of this host (file:); only a list on this host may do that"])
            }
            var known = Set(mirrors.baseURLs)
            mirrors.baseURLs += places.filter { known.insert($0).inserted }
            mirrors.metadataChecksums += list.metadataChecksums
        }
        return mirrors
    }

    private func isOfHost(_ url: String) -> Bool { url.lowercased().hasPrefix("file:") }

    /// The metadata file of a type, which is fetched and checked if it is missing; `nil` when the repository has none. Blocks.
    func file(_ type: String, of metadata: RepositoryMetadata) throws -> FilePath? {
        try fetch([(type, metadata)])
        return path(of: type, metadata)
    }

    /// Fetches the metadata files that are missing or damaged, several at once. Blocks.
    func fetch(_ files: [(type: String, metadata: RepositoryMetadata)]) throws {
        var downloads: [Download] = []
        for (type, metadata) in files {
            guard let file = metadata.files[type], let path = path(of: type, metadata) else { continue }
            // A file that a power cut has truncated would be reused for ever.
            do {
                if try Checksum(file.checksum.algorithm, ofFile: path) == file.checksum { continue }
                removeFile(path)
            } catch Errno.noSuchFileOrDirectory {
                // It was not fetched yet.
            } catch let error as Errno {
                throw FileError(path, error)
            }
            let repository = metadata.repository
            downloads.append(
                Download(
                    name: "\(type) of \(repository.id)", path: file.path,
                    mirrors: try metadata.mirrors ?? mirrors(of: repository).baseURLs, destination: path,
                    checksums: [file.checksum], size: file.size, options: repository.transfer))
        }
        try downloader.fetch(downloads, progress: progress)
    }

    private func path(of type: String, _ metadata: RepositoryMetadata) -> FilePath? {
        guard let file = metadata.files[type], let name = FilePath(file.name).lastComponent, name.kind == .regular
        else { return nil }
        // The name may begin with a checksum already; the part after the last '-' says type and compression.
        let suffix = name.string.split(separator: "-").last.map(String.init) ?? name.string
        return folder.appending("\(file.checksum.hexadecimal)-\(suffix)")
    }
}
