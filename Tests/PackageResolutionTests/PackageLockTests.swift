import BuildStore
import ConfigurationTree
import SystemPackage
import Testing

@testable import PackageResolution

struct PackageLockTests {
    private func package(_ name: String, _ version: String = "1", sum: String = "ab") -> TransactionPackage {
        TransactionPackage(
            name: name, epoch: 2, version: version, release: "3.el9", architecture: "x86_64", repository: "base",
            location: "Packages/a b%/\(name).rpm", downloadSize: ByteCount(10), installedSize: ByteCount(20),
            checksum: Checksum(.sha256, sum), reason: .dependency)
    }

    private func request(_ spec: String) -> ResolutionRequest {
        var configuration = YumConfiguration.empty
        configuration.repositories = [Repository(id: "base", name: "base")]
        return ResolutionRequest(
            requests: [PackageRequest(.install, spec, at: SourceLocation(file: "/tree/packages", line: 1))],
            localPackages: [], configuration: configuration, architecture: "x86_64")
    }

    private func lock(_ packages: [TransactionPackage]) throws -> PackageLock {
        try PackageLock(Transaction(packages: packages), answering: request("bash"))
    }

    @Test func itIsReadAsItWasWrittenAndSorted() throws {
        let lock = try lock([package("zlib"), package("python3-dnf"), package("bash")])
        #expect(lock.packages.map(\.name) == ["bash", "python3-dnf", "zlib"])
        var diagnostics: [Diagnostic] = []
        #expect(PackageLock(text: lock.text, file: "/packages.lock", diagnostics: &diagnostics) == lock)
        #expect(diagnostics.isEmpty)
    }

    @Test func everyBadLineIsReported() throws {
        let lock = try lock([package("bash")])
        let line = try #require(lock.text.split(separator: "\n").last)
        var diagnostics: [Diagnostic] = []
        let text =
            lock.text
            + "<<<<<<< HEAD\n\(line)\n\(line.replacing("sha256:ab", with: "-").replacing("bash", with: "zsh"))\n"
        #expect(PackageLock(text: text, file: "/packages.lock", diagnostics: &diagnostics) == nil)
        #expect(diagnostics.map(\.location.line) == [4, 5, 6])
    }

    @Test func anotherRequestNeedsAnotherLock() throws {
        let lock = try lock([package("bash")])
        #expect(try lock.transaction(for: request("bash"), lockFile: "/packages.lock").packages == [package("bash")])
        #expect(throws: ResolutionError.self) { try lock.transaction(for: request("zsh"), lockFile: "/packages.lock") }
    }

    @Test func aRepositoryThatIsGoneIsNamed() throws {
        var moved = request("bash")
        moved.configuration.repositories = []
        let error = try #require(throws: ResolutionError.self) {
            _ = try lock([package("bash")]).transaction(for: moved, lockFile: "/packages.lock")
        }
        #expect(error.description.contains("'base'"))
    }

    @Test func changesAreOneLineEach() throws {
        let before = try lock([package("a"), package("b"), package("c"), package("e")])
        let after = try lock([package("a"), package("b", "2"), package("d"), package("e", sum: "cd")])
        #expect(
            before.changes(to: after).map(\.description) == [
                "~ b-2:1-3.el9.x86_64 -> b-2:2-3.el9.x86_64", "- c-2:1-3.el9.x86_64", "+ d-2:1-3.el9.x86_64",
                "! e-2:1-3.el9.x86_64 has other bytes",
            ])
    }
}

extension YumConfiguration {
    /// Of a machine whose template says nothing.
    static var empty: YumConfiguration {
        var ignored: [Diagnostic] = []
        return YumConfiguration(
            YumFolder(path: "/dev", configurationTemplate: "/dev/null"), architecture: "x86_64", variables: [:],
            environment: [:], diagnostics: &ignored)
    }
}
