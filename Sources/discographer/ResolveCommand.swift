import ArgumentParser
import BuildPipeline
import ConfigurationTree
import Foundation
import PackageResolution
import SystemPackage

struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Print what would be installed, and build nothing.")

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @Flag(help: "One JSON object per machine on standard output.")
    var json = false

    @Flag(help: "Print only what differs from each machine's packages.lock.")
    var diff = false

    func validate() throws {
        if json && diff { throw ValidationError("--json and --diff do not go together") }
    }

    func run() async throws {
        var options = try await tree.buildOptions()
        fetch.apply(to: &options)
        let batch = Batch(tree: try tree.readTree(options), options: options, listener: { _ in })
        let failed = diff ? try await printDifferences(batch) : try await printTransactions(batch)
        if failed { throw ExitCode(ExitStatus.machineFailed) }
    }

    private func printTransactions(_ batch: Batch) async throws -> Bool {
        var failed = false
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for result in try await batch.resolve() {
            let name = "\(result.machine.groupName)/\(result.machine.name)"
            switch result.transaction {
            case .success(let transaction) where json:
                let resolved = ResolvedMachine(machine: name, packages: transaction.packages)
                printLine(String(decoding: try encoder.encode(resolved), as: UTF8.self))
            case .success(let transaction):
                printLine(
                    "\(name): \(transaction.packages.count) packages, \(transaction.downloadSize) to fetch, \(transaction.installedSize) installed"
                )
                for package in transaction.packages {
                    printLine(
                        "  \(package.nevra)  \(package.repository)  \(package.downloadSize)  \(package.reason.rawValue)"
                    )
                }
            case .failure(let error):
                printError("\(name): \(error)")
                failed = true
            }
        }
        return failed
    }

    private func printDifferences(_ batch: Batch) async throws -> Bool {
        var failed = false
        for result in try await batch.locks() {
            let name = "\(result.machine.groupName)/\(result.machine.name)"
            do {
                guard let before = try PackageLock.read(result.machine.lockFile) else {
                    printError("\(name): there is no packages.lock; 'discographer lock' writes it")
                    failed = true
                    continue
                }
                let changes = before.changes(to: try result.lock.get())
                printLine("\(name): \(changes.isEmpty ? "as locked" : "\(changes.count) changed")")
                for change in changes { printLine("  \(change)") }
            } catch {
                printError("\(name): \(error)")
                failed = true
            }
        }
        return failed
    }
}

/// What `resolve --json` prints of a machine.
private struct ResolvedMachine: Encodable {
    var machine: String
    var packages: [TransactionPackage]
}
