// A repository's metadata on disk: fetched once per content, every file checked against repomd.xml.
import BuildStore
internal import CSolv
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The metadata files of one repository, as its repomd.xml lists them.
struct RepositoryMetadata: Sendable {
    struct File: Sendable {
        /// Relative to the repository.
        var location: String
        var checksum: Checksum
        var size: UInt64?
    }

    var repository: Repository
    /// The base URLs that are left after the mirror list was read, in order of preference.
    var baseURLs: [String]
    var repomd: FilePath
    /// By type: `primary`, `filelists`, `group`, ...
    var files: [String: File]

    /// A name for what the metadata says: equal names, equal content.
    var contentKey: String { files["primary"]?.checksum.hexadecimal ?? "" }
}

/// `<cachePath>/repositories`: metadata by checksum.
struct MetadataStore: Sendable {
    var folder: FilePath

    /// Fetches repomd.xml of each repository, from the first base URL that has it.
    ///
    /// - Throws: `DownloadError`, unless the repository may be skipped.
    func load(_ repository: Repository, report: (String) -> Void) throws -> RepositoryMetadata? {
        do {
            let baseURLs = try baseURLs(of: repository)
            let repomd = folder.appending("repomd-\(getpid())-\(UInt64.random(in: 0 ... .max)).xml")
            try Downloader.fetch([
                Download(
                    name: "repomd.xml of \(repository.id)", urls: baseURLs.map { $0 + "repodata/repomd.xml" },
                    destination: repomd, checksum: nil,
                    size: nil, options: repository.transfer)
            ])
            defer { unlink(repomd.string) }
            let kept = folder.appending("\(try Checksum(.sha256, ofFile: repomd).hexadecimal)-repomd.xml")
            try writeAtomically(try readBytes(repomd), to: kept)
            return RepositoryMetadata(
                repository: repository, baseURLs: baseURLs, repomd: kept,
                files: try Self.files(in: kept, of: repository))
        } catch  where repository.skipIfUnavailable {
            report("the repository \(repository.id) is left out (skip_if_unavailable): \(error)")
            return nil
        }
    }

    /// The repository's places in order of preference, its mirror list read; each ends with a slash.
    ///
    /// - Throws: `DownloadError` when the mirror list cannot be had or names nobody.
    func baseURLs(of repository: Repository) throws -> [String] {
        var baseURLs = repository.baseURLs
        if let mirrorList = repository.mirrorList {
            let list = folder.appending("mirrorlist-\(getpid())-\(UInt64.random(in: 0 ... .max))")
            defer { unlink(list.string) }
            try Downloader.fetch([
                Download(
                    name: "mirror list of \(repository.id)", urls: [mirrorList], destination: list, checksum: nil,
                    size: nil, options: repository.transfer)
            ])
            baseURLs += try readText(list).split(separator: "\n").map(\.trimmed)
                .filter { !$0.hasPrefix("#") && $0.contains("://") }
            guard !baseURLs.isEmpty else {
                throw DownloadError(failures: [
                    "the mirror list of \(repository.id), \(Downloader.redacted(mirrorList)), names no mirror"
                ])
            }
        }
        return baseURLs.map { $0.hasSuffix("/") ? $0 : $0 + "/" }
    }

    /// The metadata file of that type, fetched and checked when it is not there yet; `nil` when the repository has none.
    func file(_ type: String, of metadata: RepositoryMetadata) throws -> FilePath? {
        guard let file = metadata.files[type] else { return nil }
        guard let name = FilePath(file.location).lastComponent else { return nil }
        let path = folder.appending("\(file.checksum.hexadecimal)-\(suffix(of: name.string))")
        if !exists(path) {
            try Downloader.fetch([
                Download(
                    name: "\(type) of \(metadata.repository.id)", urls: metadata.baseURLs.map { $0 + file.location },
                    destination: path,
                    checksum: file.checksum, size: file.size, options: metadata.repository.transfer)
            ])
        }
        return path
    }

    /// Names carry the checksum once; what is left says type and compression.
    private func suffix(of name: String) -> String {
        name.split(separator: "-").last.map(String.init) ?? name
    }

    private static func files(in repomd: FilePath, of repository: Repository) throws -> [String: RepositoryMetadata
        .File]
    {
        guard let pool = pool_create() else { throw Errno.noMemory }
        defer { pool_free(pool) }
        guard let repo = repo_create(pool, repository.id), let stream = fopen(repomd.string, "re") else {
            throw Errno(rawValue: errno)
        }
        defer { fclose(stream) }
        guard repo_add_repomdxml(repo, stream, 0) == 0 else {
            throw DownloadError(failures: [
                "repomd.xml of \(repository.id) cannot be read: \(String(cString: pool_errstr(pool)))"
            ])
        }
        var files: [String: RepositoryMetadata.File] = [:]
        var iterator = Dataiterator()
        dataiterator_init(&iterator, pool, repo, Id.meta, Id(REPOSITORY_REPOMD_TYPE.rawValue), nil, 0)
        defer { dataiterator_free(&iterator) }
        dataiterator_prepend_keyname(&iterator, Id(REPOSITORY_REPOMD.rawValue))
        while dataiterator_step(&iterator) != 0 {
            dataiterator_setpos_parent(&iterator)
            let position = Id.position
            guard
                let type = pool_lookup_str(pool, position, Id(REPOSITORY_REPOMD_TYPE.rawValue)).map({
                    String(cString: $0)
                }),
                let location = pool_lookup_str(pool, position, Id(REPOSITORY_REPOMD_LOCATION.rawValue)).map({
                    String(cString: $0)
                })
            else { continue }
            var kind: Id = 0
            guard let digest = pool_lookup_checksum(pool, position, Id(REPOSITORY_REPOMD_CHECKSUM.rawValue), &kind),
                let algorithm = Checksum.Algorithm(solvType: kind)
            else { continue }
            let size = pool_lookup_num(pool, position, Id(REPOSITORY_REPOMD_SIZE.rawValue), 0)
            files[type] = .init(
                location: location, checksum: Checksum(algorithm, String(cString: digest)), size: size == 0 ? nil : size
            )
        }
        guard files["primary"] != nil else {
            throw DownloadError(failures: ["repomd.xml of \(repository.id) names no primary metadata"])
        }
        return files
    }
}

extension Id {
    /// SOLVID_META of solv/repodata.h: the repository itself.
    static let meta: Id = -1
    /// SOLVID_POS of solv/repodata.h: the data iterator's place.
    static let position: Id = -2
}

extension Checksum.Algorithm {
    init?(solvType: Id) {
        switch UInt32(bitPattern: solvType) {
        case REPOKEY_TYPE_MD5.rawValue: self = .md5
        case REPOKEY_TYPE_SHA1.rawValue: self = .sha1
        case REPOKEY_TYPE_SHA256.rawValue: self = .sha256
        case REPOKEY_TYPE_SHA384.rawValue: self = .sha384
        case REPOKEY_TYPE_SHA512.rawValue: self = .sha512
        default: return nil
        }
    }
}
