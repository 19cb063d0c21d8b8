import ArgumentParser
import BuildPipeline
import ConfigurationTree
import PackageResolution

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Write packages.lock beside each machine's packages: what 'build --locked' installs.",
        discussion: """
            With --check nothing is written and no repository is read: every machine needs a lock that fits its packages, rpms/ \
            and yum configuration.
            Exit status: 0 all machines are locked; 1 some machine cannot be resolved or, with --check, has no lock that fits; \
            2 the configuration or the command line is wrong; 130 interrupted.
            """)

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @Flag(help: "Only say whether each machine's lock fits the tree.")
    var check = false

    @Flag(help: "JSON objects on standard output, as 'resolve --diff' prints them.")
    var json = false

    func run() async throws {
        let batch = try await tree.batch(fetch)
        let failed = check ? try checkLocks(batch) : try await writeLocks(batch)
        if failed { throw ExitCode(ExitStatus.machineFailed) }
    }

    private func checkLocks(_ batch: Batch) throws -> Bool {
        var failed = false
        for result in batch.checkLocks() {
            switch result.locked {
            case .success(let transaction):
                if json {
                    try printJSON(FittingLock(machine: result.machine.fullName, packages: transaction.packages.count))
                } else {
                    printLine("\(result.machine.fullName): the lock fits, \(counted(transaction.packages.count, "package"))")
                }
            case .failure(let error):
                failed = true
                if json { try printJSON(ResolutionJSON.Failure(result.machine.fullName, error)) }
                printError("\(result.machine.fullName): \(error)")
            }
        }
        return failed
    }

    private func writeLocks(_ batch: Batch) async throws -> Bool {
        var diff = ResolutionDiff()
        for result in try await batch.locks() { diff.update(result.machine, to: result.lock) }
        try ChangeReport(diff, json: json).print()
        return !diff.failures.isEmpty
    }
}

private struct FittingLock: Encodable {
    var machine: String
    var packages: Int
}
