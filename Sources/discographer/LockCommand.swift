import ArgumentParser
import BuildPipeline
import ConfigurationTree
import HostSystem
import PackageResolution
import SystemPackage

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Write packages.lock beside each machine's packages: what 'build --locked' installs.",
        discussion: """
            With --check nothing is written and no repository is asked: every machine has to have a lock that fits its packages, \
            rpms/ and yum configuration.
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
        var report = ChangeReport(json: json)
        var failed = false
        for result in try await batch.locks() {
            do {
                let lock = try result.lock.get()
                let file = result.machine.lockFile ?? result.machine.path.appending("packages.lock")
                // A lock that cannot be read any more is made anew like one that is not there.
                let before = try? PackageLock.read(result.machine.lockFile)
                if before != lock { try writeAtomically(lock.text.utf8, to: file) }
                if let before {
                    report.add(result.machine, try before.changes(to: lock), of: lock.packages.count)
                } else if json {
                    report.add(result.machine, try TransactionChange.changes(from: [], to: lock.packages), of: lock.packages.count)
                } else {
                    printLine(
                        "\(result.machine.fullName): \(counted(lock.packages.count, "package")) locked for the first time")
                }
            } catch {
                report.add(result.machine, error)
                failed = true
            }
        }
        try report.print()
        return failed
    }
}

private struct FittingLock: Encodable {
    var machine: String
    var packages: Int
}
