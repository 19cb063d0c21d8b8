import BuildStore
import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// Metadata with impossible descriptions of packages is refused before anything is fetched, without a crash.
struct PackageValidationTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    /// Resolves a repository with the package `a` after its primary.xml was changed.
    private func resolve(_ change: (String) -> String) async throws -> Result<Transaction, any Error> {
        try SmallRepository(packages: [.init("a-1-1.noarch"), .init("b-1-1.noarch")]).write(to: folder, at: "r")
        let primary = folder.path("r/repodata/primary.xml")
        let before = try Checksum(.sha256, ofFile: FilePath(primary)).hexadecimal
        let text = try String(contentsOfFile: primary, encoding: .utf8)
        try change(text).write(toFile: primary, atomically: true, encoding: .utf8)
        let after = try Checksum(.sha256, ofFile: FilePath(primary)).hexadecimal
        #expect(before != after)
        let repomd = folder.path("r/repodata/repomd.xml")
        try String(contentsOfFile: repomd, encoding: .utf8).replacing(before, with: after)
            .write(toFile: repomd, atomically: true, encoding: .utf8)
        var configuration = YumConfiguration.plain
        var repository = Repository(id: "r", name: "r")
        repository.baseURLs = ["file://\(folder.path("r"))/"]
        configuration.repositories = [repository]
        let request = ResolutionRequest(
            requests: [PackageRequest(.install, "*", at: SourceLocation(file: "packages"))], localPackages: [],
            configuration: configuration, architecture: "x86_64")
        let resolver = PackageResolver(cachePath: FilePath(folder.path("cache")))
        return try #require(try await resolver.resolve([request]) { _, _ in }.first)
    }

    private static let changes: [(String, String, String)] = [
        ("size package=\"1\"", "size package=\"-5\"", "size is 18446744073709551611 bytes"),
        ("installed=\"1\"", "installed=\"99999999999999999999\"", "expected at most 256 TiB"),
        ("<location href=\"0.rpm\"/>", "", "it has no location"),
        ("href=\"0.rpm\"", "href=\"x/..\"", "'x/..' is not a file name"),
        ("<name>a</name>", "<name>../../../etc/a</name>", "its name has a '/'"),
        ("ver=\"1\"", "ver=\"1/../..\"", "its version has a '/'"),
    ]

    @Test(arguments: changes)
    func impossibleDescriptionsAreRefused(_ text: String, _ other: String, _ reason: String) async throws {
        let result = try await resolve { $0.replacing(text, with: other) }
        let error = #expect(throws: ResolutionError.self) { try result.get() }
        let words = "\(error as Any)"
        #expect(words.contains("the metadata of r is wrong") && words.contains(reason), "\(words)")
    }

    @Test func aPackageWithoutAChecksumIsRefused() async throws {
        let result = try await resolve { $0.replacing(/<checksum[^>]*>[0-9a-f]*<\/checksum>/, with: "") }
        let error = #expect(throws: ResolutionError.self) { try result.get() }
        #expect(error?.diagnostics.count == 2 && "\(error as Any)".contains("a-1-1.noarch: it has no checksum"), "\(error as Any)")
    }

    @Test func aLockWithImpossibleDescriptionsIsRefusedWithItsLines() {
        let sum = String(repeating: "a", count: 64)
        let text = """
            discographer packages.lock 2
            architecture x86_64
            package a-0:1-1.noarch r a.rpm 18446744073709551615 1 sha256:\(sum) user
            package b-0:1-1.noarch r .. 1 1 sha256:\(sum) user
            package c/../../../x-0:1-1.noarch r c.rpm 1 1 sha256:\(sum) user

            """
        var diagnostics: [Diagnostic] = []
        #expect(PackageLock(text: text, file: "/tree/packages.lock", diagnostics: &diagnostics) == nil)
        #expect(diagnostics.map(\.location.line) == [3, 4, 5], "\(diagnostics)")
    }
}
