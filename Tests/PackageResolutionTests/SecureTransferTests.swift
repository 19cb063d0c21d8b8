import BuildStore
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// TLS, proxies and passwords, with a server whose certificates the tests make.
struct SecureTransferTests {
    private let folder: ScratchFolder
    private var options = TransferOptions()

    init() throws {
        folder = try ScratchFolder()
        try folder.write("the right bytes", to: "served/file")
        options.timeout = 10
        options.retries = 1
        // Do not use the proxy of the environment.
        options.proxy = ""
    }

    private func fetch(_ url: String, _ options: TransferOptions) throws -> String {
        let destination = folder.path("fetched")
        try Downloader().fetch([
            Download(
                name: "file", places: [.init(mirror: url, url: url)], destination: FilePath(destination), checksums: [],
                size: nil, options: options)
        ])
        return try String(contentsOfFile: destination, encoding: .utf8)
    }

    private func server(certificate: Bool = false, clients: Bool = false, proxy: String? = nil) throws -> LyingServer {
        try LyingServer(
            serving: folder.url.appendingPathComponent("served"), certificate: certificate ? folder.path("server.pem") : nil,
            clients: clients ? folder.path("ca.pem") : nil, proxy: proxy)
    }

    @Test func onlyANamedAuthorityIsTrusted() throws {
        try folder.makeCertificates()
        let server = try server(certificate: true)
        let url = server.mirror("good") + "file"
        let error = try #require(throws: DownloadError.self) { _ = try fetch(url, options) }
        #expect(error.description.contains("certificate") && error.description.contains(url), "\(error)")
        var trusting = options
        trusting.tls.certificateAuthority = folder.path("ca.pem")
        #expect(try fetch(url, trusting) == "the right bytes")
        var careless = options
        careless.tls.verifies = false
        #expect(try fetch(url, careless) == "the right bytes")
    }

    @Test func theClientCertificateIsSent() throws {
        try folder.makeCertificates()
        let server = try server(certificate: true, clients: true)
        let url = server.mirror("good") + "file"
        var known = options
        known.tls.certificateAuthority = folder.path("ca.pem")
        #expect(throws: DownloadError.self) { try fetch(url, known) }
        known.tls.clientCertificate = folder.path("client.crt")
        known.tls.clientKey = folder.path("client.key")
        #expect(try fetch(url, known) == "the right bytes")
    }

    @Test func userAndPasswordAreSent() throws {
        let server = try server()
        let url = server.mirror("login:me:pass:word") + "file"
        var known = options
        known.user = "me"
        known.password = Secret("pass:word")
        #expect(try fetch(url, known) == "the right bytes")
        known.password = Secret("wrong-word")
        let error = try #require(throws: DownloadError.self) { _ = try fetch(url, known) }
        #expect(error.description.contains("401") && !error.description.contains("wrong-word"))
    }

    @Test func aPasswordDoesNotFollowARedirectionToAnotherHost() throws {
        let other = try server()
        let server = try server()
        try folder.write("", to: "served/empty")
        var known = options
        known.user = "me"
        known.password = Secret("password")
        // The same address under another name, which counts as another host for curl.
        let target = "http://localhost:\(other.port)/login:me:password/file"
        let redirecting = "http://127.0.0.1:\(server.port)/redirect:\(Data(target.utf8).base64EncodedString())/file"
        #expect(throws: DownloadError.self) { try fetch(redirecting, known) }
        #expect(try other.requests().allSatisfy { $0.hasSuffix(" -") })
        #expect(try other.requests().count == 1)
    }

    @Test func aProxyWithPasswordIsUsed() throws {
        try folder.makeCertificates()
        let plain = try server()
        let secure = try server(certificate: true)
        let proxy = try server(proxy: "me:pr0xy-word")
        var known = options
        known.proxy = "http://127.0.0.1:\(proxy.port)"
        known.proxyUser = "me"
        known.proxyPassword = Secret("pr0xy-word")
        known.tls.certificateAuthority = folder.path("ca.pem")
        #expect(try fetch(plain.mirror("good") + "file", known) == "the right bytes")
        #expect(try fetch(secure.mirror("good") + "file", known) == "the right bytes")
        #expect(try plain.requests().count == 1)
        #expect(try proxy.requests().contains { $0.hasPrefix("CONNECT ") })
        known.proxyPassword = Secret("wrong-word")
        known.secrets = [Secret("wrong-word")]
        let error = try #require(throws: DownloadError.self) { _ = try fetch(plain.mirror("good") + "file", known) }
        #expect(error.description.contains("407") && !error.description.contains("wrong-word"), "\(error)")
    }

    @Test func anUnreachableProxyIsNamedAsTheReason() throws {
        var known = options
        known.proxy = "http://me:hidden-word@127.0.0.1:1"
        let error = try #require(throws: DownloadError.self) { _ = try fetch("http://127.0.0.1:2/file", known) }
        #expect(error.description.contains("127.0.0.1 port 1") && !error.description.contains("hidden-word"), "\(error)")
    }
}
