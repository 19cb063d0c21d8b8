import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// Repositories whose files have moved or changed.
struct MovedMetadataTests {
    private let folder: ScratchFolder
    private let cache: FilePath
    private static let old = [
        SmallRepository.Package("setup-1-1.noarch"), SmallRepository.Package("tool-1-1.noarch", files: ["/usr/share/tool/old"]),
    ]
    private static let new = [
        SmallRepository.Package("setup-1-1.noarch"), SmallRepository.Package("tool-2-1.noarch", files: ["/usr/share/tool/new"]),
    ]

    init() throws {
        folder = try ScratchFolder()
        cache = FilePath(folder.path("cache"))
    }

    private func repository(_ name: String, lifetime: Int? = 3600) -> Repository {
        var repository = Repository(id: name, name: name)
        repository.baseURLs = ["file://\(folder.path(name))/"]
        repository.metadataLifetime = lifetime
        repository.transfer.retries = 1
        return repository
    }

    private func resolve(_ specs: [String], _ repository: Repository, offline: Bool = false) async throws
        -> [Result<Transaction, any Error>]
    {
        var configuration = YumConfiguration.plain
        configuration.repositories = [repository]
        let requests = specs.map { spec in
            ResolutionRequest(
                requests: [PackageRequest(.install, spec, at: SourceLocation(file: "packages"))], localPackages: [],
                configuration: configuration, architecture: "x86_64")
        }
        return try await PackageResolver(cachePath: cache, access: RepositoryAccess(isOffline: offline)).resolve(requests) { _, _ in }
    }

    private func names(_ results: [Result<Transaction, any Error>]) -> [[String]?] {
        results.map { try? $0.get().packages.map(\.nevra).sorted() }
    }

    @Test("When the lists of files of the cached repomd.xml are gone, the repository's current state is taken")
    func filelistsAreGone() async throws {
        try SmallRepository(packages: Self.old).write(to: folder, at: "all")
        #expect(names(try await resolve(["tool"], repository("all"))) == [["setup-1-1.noarch", "tool-1-1.noarch"]])
        // metadata_expire allows the cached repomd.xml, and the lists of files were not needed so far.
        try SmallRepository(packages: Self.new).write(to: folder, at: "all")
        #expect(names(try await resolve(["tool"], repository("all"))) == [["setup-1-1.noarch", "tool-1-1.noarch"]])
        let results = try await resolve(["tool", "/usr/share/tool/new", "/usr/share/tool/old"], repository("all"))
        // Machines that were resolved before the lists were missed have the cached state.
        #expect(names(results)[1...] == [["setup-1-1.noarch", "tool-2-1.noarch"], nil])
        #expect(names(try await resolve(["tool"], repository("all"))) == [["setup-1-1.noarch", "tool-2-1.noarch"]])
    }

    @Test("When the lists of files are gone for good, one error says so")
    func filelistsAreGoneForGood() async throws {
        try SmallRepository(packages: Self.old).write(to: folder, at: "all")
        _ = try await resolve(["tool"], repository("all"))
        try FileManager.default.removeItem(atPath: folder.path("all/repodata/filelists.xml"))
        let results = try await resolve(["/usr/share/tool/old", "tool"], repository("all"))
        let error = #expect(throws: DownloadError.self) { try results[0].get() }
        #expect(error?.failures.count == 1 && error?.description.contains("filelists of all") == true)
        #expect(names(results)[1] == ["setup-1-1.noarch", "tool-1-1.noarch"])
    }

    @Test("xml:base of repomd.xml: a metadata file may lie elsewhere")
    func base() async throws {
        try SmallRepository(packages: Self.old).write(to: folder, at: "all")
        let elsewhere = folder.url.appendingPathComponent("elsewhere/repodata")
        try FileManager.default.createDirectory(at: elsewhere, withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            at: folder.url.appendingPathComponent("all/repodata/filelists.xml"), to: elsewhere.appendingPathComponent("filelists.xml"))
        let repomd = folder.url.appendingPathComponent("all/repodata/repomd.xml")
        let text = try String(contentsOf: repomd, encoding: .utf8)
        for base in ["file://\(folder.path("elsewhere"))", "file://\(folder.path("elsewhere"))/"] {
            try text.replacingOccurrences(
                of: "<location href=\"repodata/filelists", with: "<location xml:base=\"\(base)\" href=\"repodata/filelists"
            ).write(to: repomd, atomically: true, encoding: .utf8)
            try? FileManager.default.removeItem(atPath: cache.string)
            #expect(
                names(try await resolve(["/usr/share/tool/old"], repository("all", lifetime: 0)))
                    == [["setup-1-1.noarch", "tool-1-1.noarch"]])
        }
    }

    @Test("Files of killed fetches are removed after a week, unless a process is writing them")
    func abandoned() throws {
        let files = [
            "packages/ab/abcd/tool.rpm.partial", "packages/ab/abcd/tool.rpm.partial.12.34", "repositories/x-primary.solv.new.1.2",
            "repositories/repomd-1-2.xml", "repositories/mirrors-1-2", "packages/ab/held/tool.rpm.partial",
            "packages/ab/abcd/tool.rpm", "repositories/x-primary.solv", "repositories/0123-repomd.xml", "other/file.partial",
        ]
        func set(_ ages: [Double]) throws {
            for (file, age) in zip(files, ages) {
                let url = try folder.write("x", to: "cache/\(file)")
                try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: url.path)
            }
        }
        func left() -> [String] { files.filter { FileManager.default.fileExists(atPath: folder.path("cache/\($0)")) } }
        let day = 86400.0
        try set(files.map { _ in 6 * day })
        AbandonedFiles.remove(from: cache)
        #expect(left() == files)
        try set(files.map { _ in 8 * day })
        let held = try #require(try PartialFile(of: cache.appending("packages/ab/held/tool.rpm"), resumes: true))
        #expect(AbandonedFiles.remove(from: cache).bytes == 5)
        #expect(left() == Array(files[5...]))
        withExtendedLifetime(held) {}
    }
}
