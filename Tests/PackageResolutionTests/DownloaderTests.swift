import BuildStore
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

struct DownloaderTests {
    private let folder: ScratchFolder
    private let server: LyingServer
    private let text = String(repeating: "the right bytes\n", count: 4096)

    init() throws {
        folder = try ScratchFolder()
        try folder.write(text, to: "served/package.rpm")
        server = try LyingServer(serving: folder.url.appendingPathComponent("served"))
    }

    private func fetch(from mirrors: [String]) throws -> String {
        let destination = folder.url.appendingPathComponent("fetched")
        let checksum = try Checksum(
            .sha256, ofFile: FilePath(folder.url.appendingPathComponent("served/package.rpm").path))
        try Downloader.fetch([
            Download(
                name: "package-1-1.noarch", urls: mirrors.map { server.mirror($0) + "package.rpm" },
                destination: FilePath(destination.path), checksum: checksum, size: UInt64(text.utf8.count),
                options: TransferOptions())
        ])
        return try String(contentsOf: destination, encoding: .utf8)
    }

    @Test(arguments: ["404", "500", "503", "loop", "wrong", "long", "truncated"])
    func aBadMirrorIsLeftForAGoodOne(kind: String) throws {
        #expect(try fetch(from: [kind, "good"]) == text)
    }

    @Test func threeBadMirrorsBeforeAGoodOne() throws {
        #expect(try fetch(from: ["truncated", "wrong", "loop", "good"]) == text)
    }

    @Test func aBusyMirrorIsAskedAgain() throws {
        #expect(try fetch(from: ["busy"]) == text)
    }

    @Test(arguments: ["404", "503", "loop", "wrong", "long", "truncated"])
    func anErrorNamesFileMirrorAndReasonAndLeavesNothing(kind: String) throws {
        let error = try #require(throws: DownloadError.self) { _ = try fetch(from: [kind]) }
        #expect(error.description.contains("package-1-1.noarch"))
        #expect(error.description.contains(server.mirror(kind)))
        if kind == "wrong" { #expect(error.description.contains("checksum")) }
        if Int(kind) != nil { #expect(error.description.contains(kind)) }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        #expect(left == ["served"])
    }

    @Test func aPasswordInAURLIsNotShown() {
        #expect(Downloader.redacted("https://me:secret@host/a") == "https://***@host/a")
        #expect(Downloader.redacted("https://host/a@b") == "https://host/a@b")
    }
}
