import ArgumentParser
import BuildPipeline
import ConfigurationTree

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say what a build would do, and why; nothing is built.",
        discussion: """
            Prints a line for each stage of each machine: cached, or runs, with the first field that differs from the last build, its old and new value, and the place in the tree.
            'depends' is a stage that runs only if the one before it makes something else than it did. It does not wait for running builds (docs/plan.md).
            """)

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @OptionGroup var plan: PlanOptions

    @Flag(help: "One JSON object per machine on standard output (docs/formats.md).")
    var json = false

    func run() async throws {
        var options = try await tree.buildOptions()
        fetch.apply(to: &options)
        plan.apply(to: &options)
        let configuration = try await tree.readTree(options, .plan)
        try await enterUserNamespaceIfNeeded(options)
        let batch = Batch(tree: configuration, options: options) { [tree] event in
            if case .warning(let machines, let warning) = event { printWarning(machines, warning, verbose: tree.verbose) }
        }
        let (machines, failures) = try await batch.forecast()
        for (machine, stages) in machines {
            if json {
                try printJSON(EventRecord(.planned(machine: machine, stages), paths: options.paths))
            } else {
                printLine(Self.lines(machine, stages))
            }
        }
        for failure in failures {
            if json { try printJSON(EventRecord(.failed(machine: failure.machine, failure), paths: options.paths)) }
            printError("\(failure.machine): \(failure.stage) failed: \(failure.cause)")
        }
        guard failures.isEmpty else { throw ExitCode(ExitStatus.machineFailed) }
    }

    /// A line for each stage, in columns.
    static func lines(_ machine: String, _ stages: [StageForecast]) -> String {
        let width = stages.map(\.stage.count).max() ?? 0
        return stages.map { stage in
            let name = stage.stage + String(repeating: " ", count: width - stage.stage.count)
            return "\(machine)  \(name)  \(stage.state.rawValue)" + (stage.reason.map { ": \($0)" } ?? "")
        }.joined(separator: "\n")
    }
}
