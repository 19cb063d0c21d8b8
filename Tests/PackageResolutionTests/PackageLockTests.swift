import BuildStore
import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageResolution

struct PackageLockTests {
    private let file: FilePath = "/tree/packages.lock"

    private func package(_ name: String, _ version: String = "1", sum: String = "ab") -> TransactionPackage {
        TransactionPackage(
            name: name, epoch: 2, version: version, release: "3.el9", architecture: "x86_64", repository: "base",
            location: "Packages/a b%/\(name).rpm", downloadSize: ByteCount(10), installedSize: ByteCount(20),
            checksum: Checksum(.sha256, sum), reason: .dependency)
    }

    /// - Parameter options: `section name value`, each in a line of its own of yum.conf.template.
    private func request(
        _ specs: [String] = ["bash"], repositories: [String] = ["base"], options: [String] = ["main best 1"],
        architecture: String = "x86_64"
    ) -> ResolutionRequest {
        var configuration = YumConfiguration.plain
        configuration.repositories = repositories.map { Repository(id: $0, name: $0) }
        configuration.writtenOptions = options.enumerated().map { line, text in
            let parts = text.split(separator: " ", maxSplits: 2).map(String.init)
            return WrittenOption(
                section: parts[0], name: parts[1], value: parts.count > 2 ? parts[2] : "",
                location: SourceLocation(file: "/tree/yum.conf.template", line: line + 2))
        }
        return ResolutionRequest(
            requests: specs.enumerated().map { line, spec in
                PackageRequest(
                    spec.hasPrefix("-") ? .forbid : .install, spec.hasPrefix("-") ? String(spec.dropFirst()) : spec,
                    at: SourceLocation(file: "/tree/packages", line: line + 1))
            }, localPackages: [], configuration: configuration, architecture: architecture)
    }

    private func lock(_ packages: [TransactionPackage]) throws -> PackageLock {
        try PackageLock(
            Transaction(packages: packages),
            answering: request(["bash", "-vim"], options: ["main exclude a b%*", "base baseurl https://x/${env:Y}"]))
    }

    @Test func aLockIsReadAsItWasWrittenAndSorted() throws {
        let lock = try lock([package("zlib"), package("python3-dnf"), package("bash")])
        #expect(lock.packages.map(\.name) == ["bash", "python3-dnf", "zlib"])
        var diagnostics: [Diagnostic] = []
        #expect(PackageLock(text: lock.text, file: file, diagnostics: &diagnostics) == lock)
        #expect(diagnostics.isEmpty)
    }

    @Test func theTextDoesNotDependOnTheOrderOfLines() throws {
        let one = try PackageLock(
            Transaction(packages: [package("a"), package("b")]),
            answering: request(["x", "y"], repositories: ["r", "base"], options: ["main best 1", "base cost 3"]))
        let other = try PackageLock(
            Transaction(packages: [package("b"), package("a")]),
            answering: request(["y", "x", "y"], repositories: ["base", "r"], options: ["base cost 3", "main best 1"]))
        #expect(one.text == other.text)
    }

    @Test func everyBadLineIsReported() throws {
        let lock = try lock([package("bash")])
        let line = try #require(lock.text.split(separator: "\n").last)
        var diagnostics: [Diagnostic] = []
        let text =
            lock.text
            + "<<<<<<< HEAD\n\(line)\n\(line.replacing("sha256:ab", with: "-").replacing("bash", with: "zsh"))\n"
        let lines = lock.text.split(separator: "\n").count
        #expect(PackageLock(text: text, file: file, diagnostics: &diagnostics) == nil)
        #expect(diagnostics.map(\.location.line) == [lines + 1, lines + 2, lines + 3])
    }

    @Test func aFileThatIsNotTextIsReportedByName() throws {
        let folder = try ScratchFolder()
        let path = FilePath(try folder.write("", to: "packages.lock").path)
        try writeAtomically([0xFF, 0xFE, 0x0A], to: path)
        let error = #expect(throws: ResolutionError.self) { try PackageLock.read(path) }
        #expect("\(error as Any)".contains("\(path): error: cannot be read: it is not UTF-8 text"))
    }

    @Test func anotherVersionOfTheFormatIsOneError() {
        var diagnostics: [Diagnostic] = []
        #expect(
            PackageLock(
                text: "discographer packages.lock 1\nrequests sha256:ab\nx y z\n", file: file, diagnostics: &diagnostics) == nil)
        #expect(diagnostics.count == 1)
    }

    @Test func aPackageOfAnUnlistedRepositoryIsRefused() throws {
        var foreign = package("zsh")
        foreign.repository = "elsewhere"
        let lock = try PackageLock(Transaction(packages: [package("bash"), foreign]), answering: request())
        let error = try #require(throws: LockMismatchError.self) { try lock.transaction(for: request(), lockFile: file) }
        #expect(error.diagnostics.count == 1 && "\(error)".contains("zsh-2:1-3.el9.x86_64 is from the repository 'elsewhere'"), "\(error)")
    }

    @Test func windowsLineEndsAreReported() throws {
        var diagnostics: [Diagnostic] = []
        let text = try lock([package("bash")]).text.replacing("\n", with: "\r\n")
        #expect(PackageLock(text: text, file: file, diagnostics: &diagnostics) == nil)
        #expect(diagnostics.count == 1 && "\(diagnostics)".contains("CR LF"), "\(diagnostics)")
    }

    private static let changes: [(String, [String], [String], [String], String, [String])] = [
        ("nothing", ["bash", "vim"], ["base"], ["main best 1"], "x86_64", []),
        ("order", ["vim", "bash"], ["base"], ["main best 1"], "x86_64", []),
        ("asked", ["bash", "vim", "zsh"], ["base"], ["main best 1"], "x86_64", ["/tree/packages:3: error: 'zsh' was not there"]),
        ("forbidden", ["bash", "vim", "-zsh"], ["base"], ["main best 1"], "x86_64", ["/tree/packages:3: error: '-zsh' was not there"]),
        ("gone", ["bash"], ["base"], ["main best 1"], "x86_64", ["packages.lock: error: made with the line 'vim'"]),
        (
            "option", ["bash", "vim"], ["base"], ["main best 0"], "x86_64",
            ["/tree/yum.conf.template:2: error: best of [main] is '0'; packages.lock was made with '1'"]
        ),
        (
            "option gone", ["bash", "vim"], ["base"], [], "x86_64",
            ["packages.lock: error: made with '1' as best of [main], which is not set any more"]
        ),
        (
            "new option", ["bash", "vim"], ["base"], ["main best 1", "base priority 1"], "x86_64",
            ["/tree/yum.conf.template:3: error: priority of [base] is '1'; packages.lock was made without it"]
        ),
        (
            "repositories", ["bash", "vim"], ["other"], ["main best 1", "other baseurl x"], "x86_64",
            [
                "made with the repository 'base', which is not enabled any more",
                "/tree/yum.conf.template: error: the repository 'other' was not enabled",
            ]
        ),
        ("architecture", ["bash", "vim"], ["base"], ["main best 1"], "aarch64", ["made for x86_64, but the machine is aarch64"]),
    ]

    @Test(arguments: changes)
    func eachDifferenceFromTheTreeIsReported(
        _ name: String, _ specs: [String], _ repositories: [String], _ options: [String], _ architecture: String,
        _ expected: [String]
    ) throws {
        let lock = try PackageLock(Transaction(packages: [package("bash")]), answering: request(["bash", "vim"]))
        let now = request(specs, repositories: repositories, options: options, architecture: architecture)
        guard !expected.isEmpty else {
            #expect(try lock.transaction(for: now, lockFile: file).packages == [package("bash")])
            return
        }
        let error = try #require(throws: LockMismatchError.self) { try lock.transaction(for: now, lockFile: file) }
        #expect(error.diagnostics.count == expected.count, "\(error)")
        for text in expected { #expect(error.description.contains(text), "\(error)") }
        #expect(error.description.contains("'discographer lock'"))
    }
}

struct TransactionChangeTests {
    private func package(_ nevr: String, architecture: String = "x86_64", sum: String = "ab") -> TransactionPackage {
        var package = TransactionPackage.named(
            String(nevr.prefix { $0 != "-" }), String(nevr.drop { $0 != "-" }.dropFirst()))
        package.architecture = architecture
        package.checksum = Checksum(.sha256, sum)
        return package
    }

    private func changes(_ before: [TransactionPackage], _ after: [TransactionPackage]) throws -> [String] {
        try TransactionChange.changes(from: before, to: after).map { change in
            "\(change.kind.rawValue) \(change.name) \(change.before?.version ?? "-") \(change.after?.version ?? "-")"
        }
    }

    @Test func eachKindOfChangeIsRecognized() throws {
        let before = [package("same-1"), package("gone-1"), package("up-9"), package("down-1.10"), package("bytes-1")]
        let after = [
            package("same-1"), package("new-1"), package("up-10"), package("down-1.9"), package("bytes-1", sum: "cd"),
        ]
        #expect(
            try changes(before, after) == [
                "rebuilt bytes 1 1", "downgraded down 1.10 1.9", "removed gone 1 -", "added new - 1", "upgraded up 9 10",
            ])
    }

    @Test func versionsAreComparedByRPMsRules() throws {
        #expect(try changes([package("a-1.0~rc1")], [package("a-1.0")]) == ["upgraded a 1.0~rc1 1.0"])
        #expect(try changes([package("a-1.0")], [package("a-1.0^git1")]) == ["upgraded a 1.0 1.0^git1"])
        var epoch = package("a-1.0")
        epoch.epoch = 1
        #expect(try changes([package("a-9")], [epoch]) == ["upgraded a 9 1.0"])
    }

    @Test func architecturesAreMatched() throws {
        let before = [package("a-1"), package("a-1", architecture: "i686")]
        let after = [package("a-2"), package("a-2", architecture: "i686")]
        #expect(try changes(before, after) == ["upgraded a 1 2", "upgraded a 1 2"])
        #expect(try changes([package("a-1")], [package("a-1", architecture: "noarch")]) == ["replaced a 1 1"])
        #expect(try changes([package("kernel-1")], [package("kernel-1"), package("kernel-2")]) == ["added kernel - 2"])
        #expect(
            try changes([package("kernel-1"), package("kernel-2")], [package("kernel-2"), package("kernel-3")])
                == ["upgraded kernel 1 3"])
    }

    @Test func sharedChangesAreListedOnce() throws {
        let shared = TransactionChange(kind: .added, after: package("shared-1"))
        let some = TransactionChange(kind: .added, after: package("some-1"))
        let own = TransactionChange(kind: .removed, before: package("own-1"))
        var otherReason = shared
        otherReason.after?.reason = .user
        let parts = GroupChanges([("a", [shared, some]), ("b", [otherReason, some]), ("c", [shared, own])]).parts
        #expect(parts.map(\.machines) == [["a", "b", "c"], ["a", "b"], ["c"]])
        #expect(parts.map { $0.changes.map(\.name) } == [["shared"], ["some"], ["own"]])
    }
}
