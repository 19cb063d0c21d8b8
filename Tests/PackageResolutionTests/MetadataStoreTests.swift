import BuildStore
import Foundation
import HostSystem
import Synchronization
import SystemPackage
import Testing

@testable import PackageResolution

struct MetadataStoreTests {
    private let folder: ScratchFolder
    private let server: LyingServer
    private let cache: FilePath

    init() throws {
        folder = try ScratchFolder()
        server = try LyingServer(serving: folder.url.appendingPathComponent("served"))
        cache = FilePath(folder.path("cache/repositories"))
        try FileManager.default.createDirectory(atPath: cache.string, withIntermediateDirectories: true)
    }

    /// A repository with minimal but correct metadata.
    private func publish(_ name: String, revision: Int, primary: String = "<metadata/>") throws {
        let file = try folder.write(primary, to: "served/\(name)/repodata/primary.xml")
        let checksum = try Checksum(.sha256, ofFile: FilePath(file.path)).hexadecimal
        try folder.write(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <repomd xmlns="http://linux.duke.edu/metadata/repo">
              <revision>\(revision)</revision>
              <data type="primary">
                <checksum type="sha256">\(checksum)</checksum>
                <location href="repodata/primary.xml"/>
                <timestamp>\(revision)</timestamp>
                <size>\(primary.utf8.count)</size>
              </data>
            </repomd>
            """, to: "served/\(name)/repodata/repomd.xml")
    }

    private func repository(_ mirrors: String...) -> Repository {
        var repository = Repository(id: "base", name: "base")
        repository.baseURLs = mirrors.map(server.mirror)
        repository.transfer.timeout = 1
        repository.transfer.retries = 1
        // Do not use the proxy of the environment.
        repository.transfer.proxy = ""
        return repository
    }

    private func load(
        _ repository: Repository, offline: Bool = false, accepting: Set<String> = [],
        verify: @escaping @Sendable (SignedFile) async throws -> Void = { _ in }
    ) async throws -> RepositoryMetadata? {
        try await MetadataStore(
            folder: cache, access: RepositoryAccess(isOffline: offline, acceptedRollbacks: accepting, verify: verify)
        ).load(repository, report: { _ in })
    }

    @Test func olderMetadataIsRefusedUntilTheRollbackIsAccepted() async throws {
        try publish("repo", revision: 200)
        _ = try await load(repository("good/repo"))
        try publish("repo", revision: 100)
        let error = try await #require(throws: MetadataError.self) { _ = try await load(repository("good/repo")) }
        for word in [server.mirror("good/repo"), "revision 100", "revision 200", "--accept-rollback base"] {
            #expect(error.description.contains(word), "\(error)")
        }
        #expect(try await load(repository("good/repo"), accepting: ["base"])?.version.revision == "100")
        #expect(try await load(repository("good/repo"))?.version.revision == "100")
    }

    @Test func aRepositoryThatMovedIsAnotherOne() async throws {
        try publish("2024-11", revision: 200)
        try publish("2024-10", revision: 100)
        _ = try await load(repository("good/2024-11"))
        #expect(try await load(repository("good/2024-10"))?.version.revision == "100")
    }

    @Test func anOutdatedMirrorIsReplacedByACurrentOne() async throws {
        try publish("new", revision: 200)
        try publish("old", revision: 100)
        _ = try await load(repository("good/new", "good/old"))
        // The same places, but the first one is gone.
        try FileManager.default.moveItem(atPath: folder.path("served/new"), toPath: folder.path("served/gone"))
        let error = try await #require(throws: MetadataError.self) {
            _ = try await load(repository("good/new", "good/old"))
        }
        #expect(error.description.contains("older") && error.description.contains("404"), "\(error)")
    }

    @Test func tamperedMetadataIsRefusedWithMirrorAndReason() async throws {
        try publish("repo", revision: 1)
        try folder.write("<METADATA/>", to: "served/repo/repodata/primary.xml")
        let metadata = try #require(try await load(repository("good/repo")))
        let store = MetadataStore(folder: cache, access: RepositoryAccess())
        let error = try #require(throws: DownloadError.self) { _ = try store.file("primary", of: metadata) }
        #expect(error.description.contains("primary of base") && error.description.contains("wrong content"), "\(error)")
        #expect(error.description.contains(server.mirror("good/repo")))
        let left = try FileManager.default.contentsOfDirectory(atPath: cache.string)
        #expect(left.allSatisfy { $0.hasSuffix("repomd.xml") || $0 == "seen" }, "\(left)")
    }

    @Test func damagedMetadataInTheCacheIsFetchedAgain() async throws {
        try publish("repo", revision: 1)
        let metadata = try #require(try await load(repository("good/repo")))
        let store = MetadataStore(folder: cache, access: RepositoryAccess())
        let path = try #require(try store.file("primary", of: metadata))
        for damaged in ["", "<metadata", "<METADATA/>"] {
            try damaged.write(toFile: path.string, atomically: false, encoding: .utf8)
            _ = try store.file("primary", of: metadata)
            #expect(try String(contentsOfFile: path.string, encoding: .utf8) == "<metadata/>")
        }
        try FileManager.default.removeItem(atPath: path.string)
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: false)
        let error = try #require(throws: FileError.self) { _ = try store.file("primary", of: metadata) }
        #expect(error.path == path)
    }

    @Test func aSizeThatCannotBeTrueIsRefused() async throws {
        try publish("repo", revision: 1)
        let file = folder.path("served/repo/repodata/repomd.xml")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        for size in ["-1", "18446744073709551615"] {
            try text.replacing(/<size>\d+/, with: "<size>\(size)").write(toFile: file, atomically: true, encoding: .utf8)
            let error = try await #require(throws: MetadataError.self) { _ = try await load(repository("good/repo")) }
            #expect(error.description.contains("says that primary has"), "\(error)")
        }
    }

    /// The first packet of RFC 9580's sample key (A.1).
    private static let key = """
        -----BEGIN PGP PUBLIC KEY BLOCK-----

        xjMEU/NfCxYJKwYBBAHaRw8BAQdAPwmJlL3ZFu1AUxl5NOSofIBzOhKA1i+AEJku
        Q+47JAY=
        -----END PGP PUBLIC KEY BLOCK-----

        """

    @Test func aTruncatedKeyIsNotKept() async throws {
        var repository = repository("good")
        repository.keys = [server.mirror("good") + "key"]
        let keys = MetadataStore(folder: cache, access: RepositoryAccess()).keys
        for text in ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQI", Self.key + "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "<html>"] {
            try folder.write(text, to: "served/key")
            #expect(throws: DownloadError.self, "\(text)") { try keys.keys(of: [repository]) }
        }
        // The key is fetched again at once, not after an hour.
        try folder.write(Self.key, to: "served/key")
        #expect(try keys.keys(of: [repository]).count == 1)
    }

    @Test func aFileThatIsNotARepomdIsRefused() async throws {
        try folder.write("<html>captive portal</html>", to: "served/portal/repodata/repomd.xml")
        try publish("repo", revision: 1)
        await #expect(throws: MetadataError.self) { _ = try await load(repository("good/portal")) }
        #expect(try await load(repository("good/portal", "good/repo")) != nil)
    }

    @Test func signaturesComeFromTheMirrorOfTheMetadata() async throws {
        try publish("forged", revision: 2)
        try publish("unsigned", revision: 2)
        try publish("real", revision: 1)
        try folder.write("forged", to: "served/forged/repodata/repomd.xml.asc")
        try folder.write("real", to: "served/real/repodata/repomd.xml.asc")
        try folder.write(Self.key, to: "served/key")
        var repository = repository("good/forged", "good/unsigned", "good/real")
        repository.metadataIsSigned = true
        repository.keys = [server.mirror("good") + "key"]
        let metadata = try await load(repository) { signed in
            #expect(signed.keys.count == 1)
            let text = try String(contentsOfFile: signed.signature.string, encoding: .utf8)
            if text != "real" { throw MetadataError(reasons: ["it is not signed by us"]) }
        }
        #expect(metadata?.version.revision == "1")
        repository.baseURLs.removeLast()
        repository.skipIfUnavailable = true
        let error = try await #require(throws: MetadataError.self) {
            _ = try await load(repository) { _ in throw MetadataError(reasons: ["it is not signed by us"]) }
        }
        #expect(error.reasons.count == 2)
        #expect(error.description.contains("not signed by us") && error.description.contains("repomd.xml.asc"), "\(error)")
    }

    @Test func offlineUsesTheCache() async throws {
        try publish("repo", revision: 1)
        let known = repository("good/repo")
        let error = try await #require(throws: DownloadError.self) { _ = try await load(known, offline: true) }
        #expect(error.description.contains("repomd.xml of base") && error.description.contains("--offline"))
        let online = try #require(try await load(known))
        let store = MetadataStore(folder: cache, access: RepositoryAccess())
        let primary = try store.file("primary", of: online)
        let asked = try server.requests().count
        let offline = try #require(try await load(known, offline: true))
        let quiet = MetadataStore(folder: cache, access: RepositoryAccess(isOffline: true))
        #expect(try quiet.file("primary", of: offline) == primary)
        #expect(offline.repomd == online.repomd)
        #expect(try server.requests().count == asked)
    }

    @Test(arguments: [(0, 2), (3600, 1), (nil, 1)] as [(Int?, Int)])
    func expiredMetadataIsFetchedAgain(lifetime: Int?, requests: Int) async throws {
        try publish("repo", revision: 1)
        var repository = repository("good/repo")
        repository.metadataLifetime = lifetime
        _ = try await load(repository)
        _ = try await load(repository)
        #expect(try server.requests().count == requests)
    }

    @Test func unavailableRepositoriesCanBeSkippedWithAWarning() async throws {
        var repository = repository("404")
        repository.skipIfUnavailable = true
        let said = Mutex("")
        let store = MetadataStore(folder: cache, access: RepositoryAccess())
        #expect(try await store.load(repository, report: { text in said.withLock { $0 = text } }) == nil)
        #expect(said.withLock { $0 }.contains("base is left out"))
    }

    @Test func aMetalinkGivesMirrorsByPreferenceAndTheRightChecksum() async throws {
        try publish("real", revision: 5)
        try publish("forged", revision: 6)
        let checksum = try Checksum(.sha256, ofFile: FilePath(folder.path("served/real/repodata/repomd.xml"))).hexadecimal
        func url(_ mirror: String, _ preference: Int, _ protocolName: String = "http") -> String {
            "<url protocol=\"\(protocolName)\" preference=\"\(preference)\">\(server.mirror(mirror))repodata/repomd.xml</url>"
        }
        let urls = [url("good/real", 10), url("good/forged", 100), url("404", 50), "<url protocol=\"rsync\" preference=\"99\">rsync://host/</url>"]
        try folder.write(
            """
            <?xml version="1.0" encoding="utf-8"?>
            <metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
             <files><file name="repomd.xml"><mm0:timestamp>5</mm0:timestamp><size>1</size>
              <verification><hash type="md5">00</hash><hash type="sha256">\(String(repeating: "0", count: 64))</hash></verification>
              <mm0:alternates><mm0:alternate><verification><hash type="sha256">\(checksum)</hash></verification></mm0:alternate></mm0:alternates>
              <resources maxconnections="1">\(urls.joined())</resources>
             </file></files>
            </metalink>
            """, to: "served/metalink")
        var repository = repository()
        repository.metalink = server.mirror("good") + "metalink"
        let list = try MetadataStore(folder: cache, access: RepositoryAccess()).mirrors(of: repository)
        #expect(list.baseURLs == ["good/forged", "404", "good/real"].map(server.mirror))
        #expect(try await load(repository)?.version.revision == "5")
    }

    @Test func aMirrorListMayHaveCommentsAndBadMirrors() async throws {
        try publish("repo", revision: 1)
        try folder.write(
            "# mirrors\n\n\(server.mirror("404"))\n  \(server.mirror("good/repo"))  \r\nrsync://host/repo\n", to: "served/list")
        var repository = repository()
        repository.mirrorList = server.mirror("good") + "list"
        #expect(try await load(repository) != nil)
        try folder.write("# nobody\n", to: "served/list")
        let error = try await #require(throws: DownloadError.self) { _ = try await load(repository) }
        #expect(error.description.contains("names no mirror") && error.description.contains(server.mirror("good") + "list"))
    }

    @Test func aMirrorListFromTheNetworkMustNotNameFilesOfThisHost() async throws {
        try publish("repo", revision: 1)
        let own = folder.url.appendingPathComponent("served/repo").absoluteString
        let list = try folder.write("\(own)\n\(folder.path("served/repo"))\n", to: "served/list")
        var repository = repository()
        repository.mirrorList = server.mirror("good") + "list"
        let error = try await #require(throws: DownloadError.self) { _ = try await load(repository) }
        #expect(error.description.contains("names only places of this host"), "\(error)")
        try folder.write("\(own)\n\(server.mirror("good/repo"))\n", to: "served/list")
        let mirrors = try MetadataStore(folder: cache, access: RepositoryAccess()).mirrors(of: repository)
        #expect(mirrors.baseURLs == [server.mirror("good/repo")])
        try folder.write("\(own)\n", to: "served/list")
        repository.mirrorList = list.absoluteString
        #expect(try await load(repository) != nil)
    }

    @Test(arguments: ["<metalink", "<metalink version='3.0'><files><file name='other'/></files></metalink>"])
    func aBrokenMetalinkIsNamed(text: String) async throws {
        try folder.write(text, to: "served/metalink")
        var repository = repository()
        repository.metalink = server.mirror("good") + "metalink"
        let error = try await #require(throws: DownloadError.self) { _ = try await load(repository) }
        #expect(error.description.contains("metalink of base") && error.description.contains(server.mirror("good")), "\(error)")
    }

    @Test func aCachedKeyIsUsedWhenItsServerIsGone() throws {
        let key = try folder.write(Self.key, to: "served/key")
        var repository = repository("good")
        repository.keys = [server.mirror("good") + "key"]
        let store = MetadataStore(folder: cache, access: RepositoryAccess()).keys
        let path = try #require(try store.keys(of: [repository]).first)
        try FileManager.default.removeItem(at: key)
        // Older than the lifetime of keys in the cache.
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: path.string)
        #expect(try store.keys(of: [repository]) == [path])
    }

    @Test func aWebPageIsNotAcceptedAsAKey() throws {
        try folder.write("<html>Moved</html>", to: "served/key")
        var repository = repository("good")
        repository.keys = [server.mirror("good") + "key"]
        let store = MetadataStore(folder: cache, access: RepositoryAccess()).keys
        let error = try #require(throws: DownloadError.self) { _ = try store.keys(of: [repository]) }
        #expect(error.description.contains("\(server.mirror("good"))key is not an OpenPGP public key"), "\(error)")
    }

    @Test func noErrorOrCacheFileShowsASecret() async throws {
        let secret = "s3cr3t-w0rd"
        var repository = repository("404/\(secret)", "good/repo")
        repository.baseURLs.append("http://me:\(secret)@127.0.0.1:\(server.port)/500/")
        repository.transfer.user = "me"
        repository.transfer.password = Secret(secret)
        repository.transfer.secrets = [Secret(secret)]
        let error = try await #require(throws: DownloadError.self) { _ = try await load(repository) }
        #expect(error.description.contains("/404/***/repodata") && error.description.contains("http://***@127.0.0.1"), "\(error)")
        try publish("repo", revision: 1)
        _ = try await load(repository)
        let files = try #require(FileManager.default.enumerator(atPath: cache.string)).compactMap { $0 as? String }
        for file in files {
            let content = try? String(contentsOfFile: cache.appending(file).string, encoding: .utf8)
            #expect(!file.contains(secret) && content?.contains(secret) != true, "\(file)")
        }
        #expect(!"\(error)".contains(secret) && !String(reflecting: repository.transfer.password).contains(secret))
    }
}
