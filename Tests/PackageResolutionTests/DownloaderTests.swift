import BuildStore
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

struct DownloaderTests {
    private let folder: ScratchFolder
    private let server: LyingServer
    private let text = (0..<4096).map { "the right bytes \($0)\n" }.joined()
    private let options: TransferOptions

    init() throws {
        folder = try ScratchFolder()
        try folder.write(text, to: "served/package.rpm")
        server = try LyingServer(serving: folder.url.appendingPathComponent("served"))
        var options = TransferOptions()
        options.timeout = 2
        options.retries = 1
        // Do not use the proxy of the environment.
        options.proxy = ""
        self.options = options
    }

    private func download(_ mirrors: [String], name: String = "package.rpm", to destination: String = "fetched", options: TransferOptions? = nil)
        throws -> Download
    {
        Download(
            name: "package-1-1.noarch", path: RepositoryURL.escaped(path: name), mirrors: mirrors.map(server.mirror),
            destination: FilePath(folder.path(destination)),
            checksums: [try Checksum(.sha256, ofFile: FilePath(folder.path("served/\(name)")))], size: UInt64(text.utf8.count),
            options: options ?? self.options)
    }

    private func fetch(from mirrors: [String], options: TransferOptions? = nil) throws -> String {
        try Downloader().fetch([try download(mirrors, options: options)])
        return try String(contentsOfFile: folder.path("fetched"), encoding: .utf8)
    }

    private static let lies = [
        "404", "500", "503", "loop", "to:loop", "wrong", "truncated", "long", "short", "endless", "stall", "silent", "closed", "gzip", "dies:1000",
    ]

    @Test(arguments: lies)
    func aBadMirrorIsReplacedByAGoodOne(kind: String) throws {
        #expect(try fetch(from: [kind, "good"]) == text)
    }

    @Test(arguments: [["truncated", "wrong", "loop"], ["stall", "closed", "gzip"], ["404", "endless", "short"]])
    func threeBadMirrorsAreReplacedByAGoodOne(kinds: [String]) throws {
        #expect(try fetch(from: kinds + ["good"]) == text)
    }

    @Test func aBusyMirrorIsAskedAgain() throws {
        #expect(try fetch(from: ["busy"]) == text)
    }

    /// The words by which an error names each kind.
    private static let reasons = [
        "404": "404", "500": "500", "503": "503", "loop": "redirects", "wrong": "wrong content: the checksum is", "gzip": "wrong content",
        "truncated": "bytes", "long": "bytes", "short": "ends after", "endless": "more than the", "stall": "too slow", "silent": "too slow",
        "closed": "Empty reply",
    ]

    @Test(arguments: reasons.keys.sorted())
    func anErrorNamesFileMirrorAndReasonAndLeavesNoCompleteFile(kind: String) throws {
        let error = try #require(throws: DownloadError.self) { _ = try fetch(from: [kind]) }
        #expect(error.description.contains("package-1-1.noarch"))
        #expect(error.description.contains(server.mirror(kind)))
        #expect(error.description.contains(Self.reasons[kind] ?? "?"), "\(error)")
        #expect(try folder.names.filter { $0 != "fetched.partial" } == ["served"])
        // Wrong content is not kept as a beginning for the next build.
        if ["wrong", "gzip", "endless", "404", "loop"].contains(kind) { #expect(try folder.names == ["served"]) }
    }

    @Test func anInterruptedTransferContinuesWhereItStopped() throws {
        var patient = options
        patient.retries = 100
        #expect(try fetch(from: ["dies:20000"], options: patient) == text)
        let ranges = try server.requests().compactMap { $0.split(separator: " ").dropFirst(2).first }
        #expect(ranges.prefix(3) == ["-", "bytes=20000-", "bytes=40000-"])
    }

    @Test func theNextBuildContinuesAnInterruptedFile() throws {
        #expect(throws: DownloadError.self) { try fetch(from: ["dies:10000"]) }
        #expect(try fetch(from: ["good"]) == text)
        let last = try #require(try server.requests().last)
        #expect(last.contains("/good/package.rpm bytes=20000-"), "\(last)")
        #expect(try folder.names == ["fetched", "served"])
    }

    @Test(arguments: ["good", "whole", "wrong"])
    func aBeginningWithOtherContentIsDiscarded(kind: String) throws {
        try folder.write(String(text.prefix(1000).reversed()), to: "fetched.partial")
        #expect(try fetch(from: [kind, "good"]) == text)
    }

    @Test(arguments: [0, 1])
    func aCompletePartialFileNeedsNoServer(surplus: Int) throws {
        try folder.write(text + String(repeating: "x", count: surplus), to: "fetched.partial")
        #expect(try fetch(from: ["good"]) == text)
        #expect(try server.requests().count == surplus)
    }

    @Test func twoBuildsFetchAFileOnce() async throws {
        let one = try download(["good"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await MetadataStore.test.blocking { try Downloader().fetch([one]) } } }
            try await group.waitForAll()
        }
        #expect(try server.requests().count == 1)
        #expect(try folder.names == ["fetched", "served"])
    }

    @Test func aMirrorThatDoesNotAnswerIsAskedLastForFurtherFiles() throws {
        let names = (0..<8).map { "package\($0).rpm" }
        for name in names { try folder.write(text, to: "served/\(name)") }
        var oneAtATime = options
        oneAtATime.parallelTransfers = 1
        try Downloader().fetch(try names.map { try download(["closed", "good"], name: $0, to: $0, options: oneAtATime) })
        #expect(try server.requests().filter { $0.contains("/closed/") }.count == 1)
    }

    @Test func filesComeFromSeveralMirrorsAtOnce() throws {
        let names = (0..<6).map { "package\($0).rpm" }
        for name in names { try folder.write(text, to: "served/\(name)") }
        let sources = try Downloader().fetch(try names.map { try download(["good", "good/good"], name: $0, to: $0) })
        #expect(Set(sources) == [server.mirror("good"), server.mirror("good/good")])
    }

    @Test func cancellingEndsAStalledTransfer() async throws {
        var patient = options
        patient.timeout = 3600
        let stalled = try download(["stall"], options: patient)
        let store = MetadataStore.test
        let task = Task { try await store.blocking { try store.downloader.fetch([stalled]) } }
        for _ in 0..<3000 {
            if try !server.requests().isEmpty { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try folder.names.filter { $0 != "fetched.partial" } == ["served"])
    }

    @Test func progressEndsWithAllBytes() throws {
        var seen: [FetchProgress] = []
        try Downloader().fetch([try download(["good"])]) { seen.append($0) }
        let size = UInt64(text.utf8.count)
        #expect(seen.first == FetchProgress(files: 0, totalFiles: 1, bytes: 0, totalBytes: size))
        #expect(seen.last == FetchProgress(files: 1, totalFiles: 1, bytes: size, totalBytes: size, finished: "package-1-1.noarch"))
    }

    @Test func offlineListsAllMissingFilesAndAsksNoServer() throws {
        let files = try ["a", "b"].map { name in
            var one = try download(["good"], to: name)
            one.name = name
            return one
        }
        let error = try #require(throws: DownloadError.self) { try Downloader(offline: true).fetch(files) }
        #expect(error.failures.count == 2 && error.failures.allSatisfy { $0.contains("--offline") })
        #expect(try server.requests().isEmpty)
    }

    @Test func offlineReadsFilesOfThisHost() throws {
        var local = try download([])
        local.places = [.init(mirror: "file", url: "file://" + folder.path("served/package.rpm"))]
        try Downloader(offline: true).fetch([local])
        #expect(try String(contentsOfFile: folder.path("fetched"), encoding: .utf8) == text)
    }

    @Test func specialCharactersInFileNamesAreEscaped() throws {
        let name = "a b#c?d^e~f+g%é.rpm"
        try folder.write(text, to: "served/\(name)")
        var odd = try download(["good"])
        odd.places = try download(["good"], name: name).places
        try Downloader().fetch([odd])
        #expect(try folder.names.contains("fetched"))
    }
}

extension MetadataStore {
    /// For its way of ending blocking work.
    static var test: MetadataStore { MetadataStore(folder: "/nonexistent", access: RepositoryAccess()) }
}
