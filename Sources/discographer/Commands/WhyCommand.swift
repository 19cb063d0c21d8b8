import ArgumentParser
import BuildPipeline
import ConfigurationTree
import PackageResolution
import SystemPackage

struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Say why a package would be installed, or why it would not.",
        usage: "discographer why [<options>] <group>[/<machine>] <package> ...",
        discussion: """
            Prints the shortest chains of requirements from the lines of packages that ask for something down to PACKAGE: a name, \
            name-version, a capability or a path. For a package that is not installed, prints what keeps it out.
            Exit status: 0 every PACKAGE is installed on every machine; 1 some PACKAGE is not, or a machine cannot be resolved; 2 the \
            configuration or the command line is wrong; 130 interrupted.
            """)

    /// Its `groups` hold the group or machine first, then the packages.
    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @Option(help: "The number of chains to print at most for a package.")
    var chains = 3

    @Flag(help: "One JSON object per machine and package on standard output.")
    var json = false

    func validate() throws {
        guard tree.groups.count > 1 else { throw ValidationError("expected GROUP or GROUP/MACHINE, and then at least one PACKAGE") }
        if chains < 1 { throw ValidationError("--chains must be at least 1") }
    }

    func run() async throws {
        var machines = tree
        machines.groups = [tree.groups[0]]
        let batch = try await machines.batch(fetch)
        var failed = false
        for result in try await batch.reasons(for: Array(tree.groups.dropFirst())) {
            let name = result.machine.fullName
            switch result.reasons {
            case .success(let reasons):
                for reason in reasons {
                    if json {
                        try printJSON(ReasonJSON(name, reason, chains: chains))
                    } else {
                        lines(name, reason, batch.configPath).forEach(printLine)
                    }
                    if reason.present.isEmpty { failed = true }
                }
            case .failure(let error):
                failed = true
                if json { try printJSON(ResolutionJSON.Failure(name, error)) }
                printError("\(name): \(error)")
            }
        }
        if failed { throw ExitCode(ExitStatus.machineFailed) }
    }

    private func lines(_ machine: String, _ reason: PackageReason, _ configPath: FilePath) -> [String] {
        guard reason.present.isEmpty else {
            return reason.present.flatMap { package -> [String] in
                let nevra = reason.graph.packages[package].nevra
                let chains = reason.graph.shortestChains(to: package, limit: chains)
                let title = "\(machine): \(nevra) is installed" + (chains.isEmpty ? "" : " because")
                return [title]
                    + chains.enumerated().flatMap { number, chain in
                        lines(chain, number: number + 1, of: reason.graph, configPath)
                    }
            }
        }
        if reason.absent.isEmpty {
            let hint = reason.suggestions.isEmpty ? "" : "; did you mean \(reason.suggestions.joined(separator: " or "))?"
            return ["\(machine): no repository has '\(reason.spec)'\(hint)"]
        }
        return ["\(machine): '\(reason.spec)' is not installed"]
            + reason.absent.flatMap { one in
                ["  \(one.nevra) (\(one.repository)): \(one.reasons.first ?? "")"]
                    + one.reasons.dropFirst().map { "    and \($0)" }
            }
    }

    private func lines(
        _ chain: RequirementGraph.Chain, number: Int, of graph: RequirementGraph, _ configPath: FilePath
    ) -> [String] {
        let askers = chain.askers.map { asker in
            asker.location.map { "\($0.text(below: configPath)) asks for '\(asker.text)'" }
                ?? "every machine gets '\(asker.text)'"
        }
        let steps = zip(chain.packages, chain.requirements).map { package, requirement in
            let capability = "'\(requirement.capabilities.first ?? "")'"
            let package = graph.packages[package].nevra
            guard requirement.strength != .supplements else {
                return "\(package) brings the package that supplements \(capability) (weak)"
            }
            let others = requirement.capabilities.count - 1
            let alternatives = requirement.alternatives.map { graph.packages[$0].name }
            return "\(package) \(requirement.strength.rawValue) \(capability)" + (others > 0 ? " and \(others) more" : "")
                + (requirement.isWeak ? " (weak)" : "")
                + (alternatives.isEmpty ? "" : " (\(alternatives.joined(separator: ", ")) would satisfy it too)")
        }
        let last = chain.packages.last.map { [graph.packages[$0].nevra] } ?? []
        let all = [askers.joined(separator: ", and ")] + steps + (steps.isEmpty ? [] : last)
        return all.enumerated().map { index, text in (index == 0 ? "  \(number). " : "     ") + text }
    }
}

private struct ReasonJSON: Encodable {
    struct Chain: Encodable {
        var askedBy: [ResolutionJSON.Asker]
        /// From the package that was asked for to the one that is explained.
        var packages: [String]
        /// Between each package and the next one.
        var needs: [ResolutionJSON.Need]
        var weak: Bool
    }

    struct Installed: Encodable {
        var package: String
        var chains: [Chain]
    }

    var machine: String
    var asked: String
    var installed: [Installed]
    var absent: [PackageReason.Absent]
    var suggestions: [String]

    init(_ machine: String, _ reason: PackageReason, chains: Int) {
        let graph = reason.graph
        self.machine = machine
        asked = reason.spec
        installed = reason.present.map { package in
            Installed(
                package: graph.packages[package].nevra,
                chains: graph.shortestChains(to: package, limit: chains).map { chain in
                    Chain(
                        askedBy: chain.askers.map(ResolutionJSON.Asker.init),
                        packages: chain.packages.map { graph.packages[$0].nevra },
                        needs: chain.requirements.map { ResolutionJSON.Need($0, by: graph.packages[$0.from]) },
                        weak: chain.isWeak)
                })
        }
        absent = reason.absent
        suggestions = reason.suggestions
    }
}
