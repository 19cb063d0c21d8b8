import ArgumentParser
import BuildPipeline
import ConfigurationTree
import PackageResolution
import Synchronization
import SystemPackage

struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Print what would be installed and why, and build nothing.",
        discussion: """
            With --diff: the differences from each machine's packages.lock, those that all machines of a group share first.
            Exit status: 0 all machines were resolved; 1 some machine cannot be resolved, has no lock (--diff), or differs from \
            it (--exit-code); 2 the configuration or the command line is wrong; 130 interrupted.
            """)

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @Flag(help: "One JSON object per machine on standard output, and with --diff one per group.")
    var json = false

    @Flag(help: "Print only what differs from each machine's packages.lock.")
    var diff = false

    @Flag(help: "With --diff: end with status 1 when something differs.")
    var exitCode = false

    func validate() throws {
        if exitCode && !diff { throw ValidationError("--exit-code goes with --diff") }
    }

    func run() async throws {
        let batch = try await tree.batch(fetch)
        let failed = diff ? try await printDifferences(batch) : try await printTransactions(batch)
        if failed { throw ExitCode(ExitStatus.machineFailed) }
    }

    private func printTransactions(_ batch: Batch) async throws -> Bool {
        let failures = Mutex<[any Error]>([])
        let json = json
        let configPath = batch.configPath
        // The table is sorted by name.
        try await batch.explain(ordered: json) { machine, graph in
            do {
                switch graph {
                case .success(let graph) where json: try printJSON(ResolvedMachine(machine.fullName, graph))
                case .success(let graph): Self.printTable(machine, graph, configPath)
                case .failure(let error):
                    failures.withLock { $0.append(error) }
                    if json { try printJSON(ResolutionJSON.Failure(machine.fullName, error)) }
                    printError("\(machine.fullName): \(error)")
                }
            } catch {
                failures.withLock { $0.append(error) }
                printError("\(machine.fullName): \(error)")
            }
        }
        return failures.withLock { !$0.isEmpty }
    }

    private static func printTable(_ machine: Machine, _ graph: RequirementGraph, _ configPath: FilePath) {
        let transaction = Transaction(packages: graph.packages)
        var table = TextTable([
            ("PACKAGE", .left), ("REPOSITORY", .left), ("SIZE", .right), ("WHY", .left),
        ])
        let sorted = graph.packages.indices.sorted {
            let (one, other) = (graph.packages[$0], graph.packages[$1])
            return one.name == other.name ? one.nevra < other.nevra : one.name < other.name
        }
        for index in sorted {
            let package = graph.packages[index]
            table.add([package.nevra, package.repository, "\(package.downloadSize)", graph.reason(index, configPath)])
        }
        let title =
            "\(machine.fullName): \(counted(graph.packages.count, "package")), \(transaction.downloadSize) to fetch, \(transaction.installedSize) installed"
        // Print thousands of lines in few large pieces, and do not keep them all.
        var text = title
        for line in table.lines() {
            if text.utf8.count > 1 << 15 {
                printLine(text)
                text = line
            } else {
                text += "\n" + line
            }
        }
        printLine(text + "\n")
    }

    private func printDifferences(_ batch: Batch) async throws -> Bool {
        var diff = ResolutionDiff()
        for result in try await batch.locks() { diff.compare(result.machine, result.request, with: result.lock) }
        try ChangeReport(diff, json: json).print()
        return !diff.failures.isEmpty || exitCode && diff.hasChanges
    }
}

/// The output of `resolve --json` for a machine, with its packages in the order of installation.
private struct ResolvedMachine: Encodable {
    var machine: String
    var packages: [ResolutionJSON.Package]
    var downloadSize: UInt64
    var installedSize: UInt64

    init(_ machine: String, _ graph: RequirementGraph) {
        self.machine = machine
        packages = graph.packages.indices.map { ResolutionJSON.Package($0, of: graph) }
        let transaction = Transaction(packages: graph.packages)
        downloadSize = transaction.downloadSize.bytes
        installedSize = transaction.installedSize.bytes
    }
}

extension RequirementGraph {
    /// What asks for a package, or the nearest package that needs it.
    fileprivate func reason(_ package: Int, _ configPath: FilePath) -> String {
        if let asker = askers[package]?.first {
            guard let location = asker.location else { return "part of every machine" }
            let isItsName = asker.text == packages[package].name
            return location.text(below: configPath) + (isItsName ? "" : " '\(asker.text)'")
        }
        guard let nearest = nearestRequirer(of: package) else { return "" }
        let verb =
            switch nearest.strength {
            case .requires: "needed by"
            case .recommends: "recommended by"
            case .supplements: "goes with"
            }
        return "\(verb) \(packages[nearest.package].name)" + (nearest.others > 0 ? " and \(nearest.others) more" : "")
    }
}

extension SourceLocation {
    /// The location relative to the tree, for tables.
    func text(below folder: FilePath) -> String {
        var short = self
        if short.file.removePrefix(folder) { return short.description }
        return description
    }
}

func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
