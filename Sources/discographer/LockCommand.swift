import ArgumentParser
import BuildPipeline
import ConfigurationTree
import HostSystem
import PackageResolution
import SystemPackage

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Write packages.lock beside each machine's packages: what 'build --locked' installs.")

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    func run() async throws {
        var options = try await tree.buildOptions()
        fetch.apply(to: &options)
        let configuration = try tree.readTree(options)
        let batch = Batch(tree: configuration, options: options, listener: { _ in })
        var failed = false
        for result in try await batch.locks() {
            let name = "\(result.machine.groupName)/\(result.machine.name)"
            do {
                let lock = try result.lock.get()
                let file = result.machine.path.appending("packages.lock")
                let before = try PackageLock.read(result.machine.lockFile)
                try writeAtomically(lock.text.utf8, to: result.machine.lockFile ?? file)
                let changes = before.map { $0.changes(to: lock) } ?? []
                printLine(
                    "\(name): \(lock.packages.count) packages locked, \(before == nil ? "for the first time" : "\(changes.count) changed")"
                )
                for change in changes { printLine("  \(change)") }
            } catch {
                printError("\(name): \(error)")
                failed = true
            }
        }
        if failed { throw ExitCode(ExitStatus.machineFailed) }
    }
}
