import BuildStore
import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageResolution

/// What `lock` writes and what `resolve --diff` compares, without a command line.
struct ResolutionDiffTests {
    private let folder: ScratchFolder
    private let request: ResolutionRequest

    init() throws {
        folder = try ScratchFolder()
        request = ResolutionRequest(requests: [], localPackages: [], configuration: .plain, architecture: "x86_64")
    }

    /// - Parameter text: of its packages.lock; `nil`: the machine has none.
    private func machine(_ name: String, lock text: String? = nil) throws -> Machine {
        let path = FilePath(folder.path(name))
        let template = path.appending("yum.conf.template")
        var machine = Machine(
            name: name, groupName: "g", path: path, packagesFile: path.appending("packages"),
            yum: YumFolder(path: path, configurationTemplate: template), initFile: path.appending("init"), devicesFile: path.appending("devices"))
        try createDirectories(path)
        if let text { machine.lockFile = FilePath(try folder.write(text, to: "\(name)/packages.lock").path) }
        return machine
    }

    private func lock(_ names: String...) throws -> PackageLock {
        let packages = names.map { name in
            var package = TransactionPackage.named(name)
            package.checksum = Checksum(.sha256, "ab")
            return package
        }
        return try PackageLock(Transaction(packages: packages), answering: request)
    }

    @Test func aFirstLockIsWrittenAndCountsEveryPackageAsAdded() throws {
        var diff = ResolutionDiff()
        let one = try machine("one")
        diff.update(one, to: .success(try lock("a", "b")))
        let text = try readText(one.path.appending("packages.lock"))
        #expect(text == (try lock("a", "b").text))
        #expect(diff.machines.map(\.isFirst) == [true] && diff.machines[0].changes.map(\.kind) == [.added, .added])
        #expect(diff.groups(includingFirst: false).isEmpty && diff.groups(includingFirst: true).map(\.machineCount) == [1])
        #expect(try folder.names == ["one"] && FileManager.default.contentsOfDirectory(atPath: one.path.string) == ["packages.lock"])
    }

    @Test func aLockThatIsStillRightIsNotWrittenAgain() throws {
        let lock = try lock("a")
        let machine = try machine("one", lock: lock.text)
        let file = try #require(machine.lockFile)
        let before = try #require(FileIdentity(file))
        try LockUpdate(of: machine, to: lock).write()
        #expect(FileIdentity(file) == before)
    }

    @Test func aLockThatCannotBeReadIsReplaced() throws {
        let machine = try machine("one", lock: "<<<<<<< HEAD\n")
        var diff = ResolutionDiff()
        diff.update(machine, to: .success(try lock("a")))
        #expect(diff.machines.map(\.isFirst) == [true])
        #expect(try PackageLock.read(machine.lockFile) == lock("a"))
    }

    @Test func aMachineThatCannotBeResolvedKeepsItsLock() throws {
        let old = try lock("a")
        let machine = try machine("one", lock: old.text)
        var diff = ResolutionDiff()
        diff.update(machine, to: .failure(ResolutionError(problems: ["no"])))
        #expect(diff.machines.isEmpty && diff.failures.map { "\($0.error)" } == ["no"])
        #expect(try PackageLock.read(machine.lockFile) == old)
    }

    @Test func changedPackagesAndChangedInputsAreChanges() throws {
        let lock = try lock("a")
        var diff = ResolutionDiff()
        diff.compare(try machine("one", lock: lock.text), request, with: .success(lock))
        #expect(!diff.hasChanges && diff.failures.isEmpty)
        var other = diff
        other.compare(try machine("two", lock: lock.text), request, with: .success(try self.lock("a", "b")))
        #expect(other.hasChanges && other.groups(includingFirst: false).flatMap(\.parts).map(\.machines) == [["two"]])
        let more = ResolutionRequest(
            requests: [PackageRequest(.install, "b", at: SourceLocation(file: "/packages", line: 1))], localPackages: [], configuration: .plain,
            architecture: "x86_64")
        diff.compare(try machine("three", lock: lock.text), more, with: .success(lock))
        #expect(diff.hasChanges && diff.machines.last?.changedInputs.count == 1)
    }

    @Test func aMachineWithoutLockCannotBeCompared() throws {
        var diff = ResolutionDiff()
        diff.compare(try machine("one"), request, with: .success(try lock("a")))
        #expect(diff.failures.map { "\($0.error)" } == ["there is no packages.lock; 'discographer lock' writes it"])
    }
}
