import BuildStore
internal import CSolv
import Glibc
import HostSystem
import SystemPackage

/// The metadata files of one repository, as its repomd.xml lists them.
struct RepositoryMetadata: Sendable {
    struct File: Sendable {
        var name: String
        /// Escaped, and relative to the repository, or a URL of its own (`xml:base`).
        var path: String
        var checksum: Checksum
        var size: UInt64?
    }

    var repository: Repository
    /// Base URLs in order of preference; `nil` when no mirror list was read, because the metadata was there already.
    var mirrors: [String]?
    var repomd: FilePath
    var version: MetadataVersion
    /// The files by type: `primary`, `filelists`, `group`, ...
    var files: [String: File]

    /// Identifies the content of the metadata: equal keys mean equal content.
    var contentKey: String { files["primary"]?.checksum.hexadecimal ?? "" }

    /// 1 TiB, far more than any metadata has.
    private static let largestSize: UInt64 = 1 << 40
}

extension RepositoryMetadata {
    /// Reads a repomd.xml.
    ///
    /// - Throws: `MetadataError` for a file that is not a repomd.xml, `Errno`.
    init(repomd: FilePath, of repository: Repository, mirrors: [String]?) throws {
        let pool = try SolvPool()
        // `repo` and the iterator are of the pool.
        defer { withExtendedLifetime(pool) {} }
        let repo = try pool.addRepository(repository.id)
        guard let stream = fopen(repomd.string, "re") else { throw Errno(rawValue: errno) }
        defer { fclose(stream) }
        guard repo_add_repomdxml(repo, stream, 0) == 0 else {
            throw MetadataError(reasons: [
                "repomd.xml of \(repository.id) cannot be read: \(pool.errorText)"
            ])
        }
        let bases = try RepomdBases.read(repomd)
        var files: [String: File] = [:]
        var iterator = Dataiterator()
        dataiterator_init(&iterator, pool.handle, repo, Id.meta, Id(REPOSITORY_REPOMD_TYPE.rawValue), nil, 0)
        defer { dataiterator_free(&iterator) }
        dataiterator_prepend_keyname(&iterator, Id(REPOSITORY_REPOMD.rawValue))
        while dataiterator_step(&iterator) != 0 {
            dataiterator_setpos_parent(&iterator)
            let position = Id.position
            guard
                let type = pool_lookup_str(pool.handle, position, Id(REPOSITORY_REPOMD_TYPE.rawValue)).map({
                    String(cString: $0)
                }),
                let location = pool_lookup_str(pool.handle, position, Id(REPOSITORY_REPOMD_LOCATION.rawValue)).map({
                    String(cString: $0)
                })
            else { continue }
            var kind: Id = 0
            guard let digest = pool_lookup_checksum(pool.handle, position, Id(REPOSITORY_REPOMD_CHECKSUM.rawValue), &kind),
                let algorithm = Checksum.Algorithm(solvType: kind)
            else { continue }
            let size = pool_lookup_num(pool.handle, position, Id(REPOSITORY_REPOMD_SIZE.rawValue), 0)
            guard size <= Self.largestSize else {
                throw MetadataError(reasons: ["repomd.xml of \(repository.id) says that \(type) has \(size) bytes; expected at most 1 TiB"])
            }
            let escaped =
                location.contains("://") ? RepositoryURL.escaped(url: location) : RepositoryURL.escaped(metadataLocation: location)
            files[type] = .init(
                name: FilePath(location).lastComponent?.string ?? "",
                path: escaped.contains("://") ? escaped : bases[type].map { RepositoryURL.file(escaped, in: $0) } ?? escaped,
                checksum: Checksum(algorithm, String(cString: digest)), size: size == 0 ? nil : size
            )
        }
        guard files["primary"] != nil else {
            throw MetadataError(reasons: ["repomd.xml of \(repository.id) names no primary metadata"])
        }
        let revision = repo_lookup_str(repo, Id.meta, Id(REPOSITORY_REVISION.rawValue)).map { String(cString: $0) }
        let timestamp = repo_lookup_num(repo, Id.meta, Id(REPOSITORY_TIMESTAMP.rawValue), 0)
        version = MetadataVersion(revision: revision, timestamp: timestamp == 0 ? nil : timestamp)
        self.repository = repository
        self.mirrors = mirrors
        self.repomd = repomd
        self.files = files
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
