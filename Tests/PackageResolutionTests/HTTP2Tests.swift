import BuildStore
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// Transfers over HTTP/2 from nghttpd: the results of the lying server's tests for HTTP/1.1 hold there too.
@Suite(.enabled(if: HTTP2Server.isInstalled, "nghttpd (nghttp2-server) is not installed"))
struct HTTP2Tests {
    private let folder: ScratchFolder
    private var options = TransferOptions()

    init() throws {
        folder = try ScratchFolder()
        try folder.makeCertificates()
        options.timeout = 2
        options.retries = 1
        options.proxy = ""
        options.tls.certificateAuthority = folder.path("ca.pem")
    }

    private func download(_ name: String, from mirrors: [String]) throws -> Download {
        let file = FilePath(folder.path("served/\(name)"))
        return Download(
            name: name, path: name, mirrors: mirrors, destination: FilePath(folder.path("fetched-\(name)")),
            checksums: [try Checksum(.sha256, ofFile: file)], size: UInt64(try Data(contentsOf: URL(fileURLWithPath: file.string)).count),
            options: options)
    }

    /// 16 MiB, more than sockets hold: no server has sent everything when the first bytes arrive.
    private mutating func makeLargeFile() throws {
        try folder.write(String(repeating: "0123456789abcde\n", count: 1 << 20), to: "served/large")
        options.throttle = Double(4 << 20)
    }

    /// Runs `body` as soon as a part of the large file has arrived.
    private func whenSomeOfItIsHere(_ body: @escaping @Sendable () -> Void) {
        let partial = folder.path("fetched-large.partial")
        Thread.detachNewThread {
            for _ in 0..<12_000 {
                let size = (try? FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int) ?? 0
                if size > 0 { return body() }
                usleep(5000)
            }
        }
    }

    @Test func manyFilesShareOneConnection() throws {
        let names = (0..<24).map { "package\($0).rpm" }
        for name in names { try folder.write(String(repeating: "\(name)\n", count: 20_000), to: "served/\(name)") }
        let server = try HTTP2Server(serving: "served", in: folder)
        try Downloader().fetch(try names.map { try download($0, from: [server.mirror]) })
        for name in names {
            #expect(FileManager.default.contentsEqual(atPath: folder.path("served/\(name)"), andPath: folder.path("fetched-\(name)")))
        }
        let connections = try server.connections()
        #expect(connections.count == names.count)
        #expect(Set(connections).count == 1, "\(connections)")
    }

    @Test func aFileMissingOnOneMirrorComesFromTheNext() throws {
        try folder.write("the right bytes", to: "served/file")
        try folder.write("another file", to: "poor/other")
        let poor = try HTTP2Server(serving: "poor", in: folder)
        let good = try HTTP2Server(serving: "served", in: folder)
        try Downloader().fetch([try download("file", from: [poor.mirror, good.mirror])])
        #expect(try String(contentsOfFile: folder.path("fetched-file"), encoding: .utf8) == "the right bytes")
        try FileManager.default.removeItem(atPath: folder.path("fetched-file"))
        let error = try #require(throws: DownloadError.self) { try Downloader().fetch([try download("file", from: [poor.mirror])]) }
        #expect(error.description.contains("404") && error.description.contains(poor.mirror), "\(error)")
    }

    @Test(arguments: [SIGSTOP, SIGKILL])
    mutating func aServerThatStallsOrDiesIsReplacedByTheNext(_ signal: Int32) throws {
        try makeLargeFile()
        let bad = try HTTP2Server(serving: "served", in: folder)
        let good = try HTTP2Server(serving: "served", in: folder)
        let process = bad.processIdentifier
        whenSomeOfItIsHere { kill(process, signal) }
        try Downloader().fetch([try download("large", from: [bad.mirror, good.mirror])])
        #expect(FileManager.default.contentsEqual(atPath: folder.path("served/large"), andPath: folder.path("fetched-large")))
        #expect(try !good.connections().isEmpty)
    }

    @Test(arguments: [(SIGSTOP, "too slow"), (SIGKILL, "127.0.0.1")])
    mutating func withoutAnotherMirrorTheErrorNamesMirrorAndReason(_ signal: Int32, _ reason: String) throws {
        try makeLargeFile()
        let bad = try HTTP2Server(serving: "served", in: folder)
        let process = bad.processIdentifier
        whenSomeOfItIsHere { kill(process, signal) }
        let error = try #require(throws: DownloadError.self) { try Downloader().fetch([try download("large", from: [bad.mirror])]) }
        #expect(error.description.contains(bad.mirror) && error.description.contains(reason), "\(error)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("fetched-large")))
    }
}
