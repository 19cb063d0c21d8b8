// What the tests of installation share: repositories, dnf as the other installer, and the worker under test.
import ConfigurationTree
import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// A place where roots are installed by both.
struct InstallBench: Sendable {
    private static let environment = ProcessInfo.processInfo.environment
    static let isAsked = environment["DISCOGRAPHER_INTEGRATION"] == "1" && geteuid() == 0
    /// The long suites: `make test-all`.
    static let asksAll = isAsked && environment["DISCOGRAPHER_TEST_ALL"] == "1"
    static let demoRepository = FilePath(environment["DISCOGRAPHER_DEMO_REPOSITORY"] ?? "/nonexistent")
    static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    static let differential = checkout.pushing("Tests/Differential")
    static let material = FilePath(environment["DISCOGRAPHER_MATERIAL"] ?? "\(checkout)/../shared/material")
    /// Later than anything a package or this suite makes.
    static let epoch = 2_000_000_000

    let folder: FilePath
    var repositories: [TestRepository]

    /// A bench that is removed in the end.
    static func with(
        _ repositories: [TestRepository] = [.demo], _ body: (InstallBench) async throws -> Void
    ) async throws {
        let folder = FilePath("/var/tmp/discographer-install-test-\(UUID().uuidString)")
        let bench = InstallBench(folder: folder, repositories: repositories)
        let result: Result<Void, any Error>
        do {
            try createDirectories(folder.appending("repositories"))
            let text = repositories.map(\.configuration).joined(separator: "\n")
            try writeAtomically(text.utf8, to: folder.pushing("repositories/test.repo"))
            result = .success(try await body(bench))
        } catch { result = .failure(error) }
        // Kept for who wants to look.
        if environment["DISCOGRAPHER_TEST_KEEP"] != "1" {
            try await Self.program("/bin/rm").run(["-rf", "--one-file-system", folder.string])
        }
        try result.get()
    }

    static func program(_ path: FilePath) -> Tool {
        Tool(name: path.lastComponent?.string ?? "", path: path, package: "")
    }

    /// Installs with dnf.
    ///
    /// - Returns: what dnf printed.
    @discardableResult
    func installWithDNF(_ specs: [String], into root: String, options: String = "") async throws -> String {
        var environment = minimalEnvironment
        environment["DNF_OPTIONS"] = options
        return try await Self.program(Self.differential.appending("install-with-dnf")).run(
            [
                folder.appending(root).string, folder.appending("scratch").string, "one", "\(Self.epoch)",
                folder.appending("repositories").string,
            ] + specs, environment: environment)
    }

    /// The package files that are in a root by its database, in no order.
    func packages(in root: String) async throws -> [PackageFile] {
        let list = try await Self.program("/usr/bin/rpm").run([
            "--root", folder.appending(root).string, "--dbpath", "/var/lib/rpm", "-qa", "--qf",
            #"%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH} %{NEVRA}\n"#,
        ])
        return try list.split(separator: "\n").filter { !$0.hasPrefix("gpg-pubkey-") }.map { line in
            let words = line.split(separator: " ").map(String.init)
            for repository in repositories {
                let path = repository.folder.appending("\(words[0]).rpm")
                if exists(path) {
                    return PackageFile(path: path, nevra: words[1], isSigned: repository.key != nil)
                }
            }
            throw WorkerFailure(kind: "test", message: "\(words[0]) is in no repository")
        }.sorted { $0.nevra < $1.nevra }
    }

    func job(_ packages: [PackageFile], into root: String) throws -> InstallJob {
        let path = folder.appending(root)
        try createDirectories(path)
        var job = InstallJob(
            installRoot: path, packages: packages, keys: repositories.compactMap(\.key), machineName: "one",
            sourceDateEpoch: Self.epoch, toleratedScriptlets: [])
        job.recordedKeys = job.keys
        return job
    }

    func run(_ job: InstallJob) async throws -> InstallOutcome {
        try await Worker(program: Self.worker).run(job)
    }

    /// Compares two roots; what differs and is not in the list fails the test.
    func compare(
        _ ours: String, _ theirs: String, options: [String] = [], differences: String? = "installation-differences",
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async throws {
        let list = differences.map { ["--differences", Self.differential.appending($0).string] } ?? []
        do {
            let verdict = try await Self.program(Self.differential.appending("compare-roots")).run(
                list + options + [folder.appending(ours).string, folder.appending(theirs).string])
            print("\(ours) and \(theirs): \(verdict)", terminator: "")
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }

    /// Beside the test bundle, where `swift build` puts all products.
    private static let worker: FilePath = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        var folder = FilePath(bundle).removingLastComponent()
        while !folder.isEmpty, folder != "/", !exists(folder.appending("discographer-worker")) {
            folder.removeLastComponent()
        }
        return folder == "/" ? checkout.pushing(".build/debug/discographer-worker") : folder.appending("discographer-worker")
    }()
}

/// A folder of packages, flat, with its repodata.
struct TestRepository: Sendable {
    var name: String
    var folder: FilePath
    /// `nil` when nothing in it is signed.
    var key: FilePath?

    static let demo = TestRepository(
        name: "demo",
        folder: FilePath(
            URL(fileURLWithPath: InstallBench.demoRepository.appending("x86_64").string).resolvingSymlinksInPath().path),
        key: InstallBench.demoRepository.appending("RPM-GPG-KEY-discographer-demo"))

    var configuration: String {
        """
        [\(name)]
        name=\(name)
        baseurl=file://\(folder)
        gpgcheck=\(key == nil ? 0 : 1)
        \(key.map { "gpgkey=file://\($0)" } ?? "")

        """
    }
}
