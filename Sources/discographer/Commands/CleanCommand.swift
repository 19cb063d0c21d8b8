import ArgumentParser
import BuildPipeline
import BuildStore
import ConfigurationTree

struct CleanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean", abstract: "Remove what builds left in the cache: of the named machines, or of all.",
        discussion: """
            This removes results of stages: installed roots, layers, raw disks, images. The next build makes them again. Artefacts and logs stay without --all. With
            --unreferenced, --older-than or --size it removes only results that the option names, of all machines. What running builds and shells use stays.
            An ordinary user's cache holds files of many owners, which 'rm' cannot remove: this can.
            """)

    @OptionGroup var tree: TreeOptions

    @Flag(help: "Remove artefacts, logs and transactions too.")
    var all = false

    @Flag(help: "Remove the shared stores of packages and repository metadata too, when no build uses them.")
    var packages = false

    @Flag(help: "Remove only results that no machine refers to, such as those of earlier commits.")
    var unreferenced = false

    @Option(
        name: .customLong("older-than"), help: "Remove only results that no build has used for this time: a number and s, m, h, d or w, such as 30d.")
    var age: Age?

    @Option(
        help: "Remove the results that were used least recently, until the others take at most this much, such as 50GiB.", transform: byteCount)
    var size: ByteCount?

    @Flag(name: .customLong("dry-run"), help: "Print what would be removed, and remove nothing.")
    var dryRun = false

    private var hasRule: Bool { unreferenced || age != nil || size != nil }

    func validate() throws {
        if hasRule, all { throw ValidationError("--all removes everything of machines; it does not go with --unreferenced, --older-than or --size") }
        if hasRule, !tree.groups.isEmpty {
            throw ValidationError("--unreferenced, --older-than and --size are for the results of all machines; leave the groups out")
        }
    }

    /// A misspelt name would clean nothing and say nothing.
    private func check(_ selectors: [MachineSelector], _ cleaning: CacheCleaning, _ options: BuildOptions) throws {
        let unknown = try selectors.filter { try cleaning.isUnknown($0) }
        guard !unknown.isEmpty else { return }
        let names = try cleaning.machines
        for selector in unknown {
            printError(
                "\(options.paths.cachePath): error: neither the cache nor the tree has '\(selector)'; "
                    + (names.isEmpty ? "the cache has no machines" : "the cache has \(names.joined(separator: ", "))"))
        }
        throw ExitCode(ExitStatus.wrongInput)
    }

    func run() async throws {
        let options = try await tree.buildOptions()
        let selectors = try tree.selectors()
        let cleaning = CacheCleaning(options: options) { printError("waiting for \($0) to end") }
        try check(selectors, cleaning, options)
        try await enterUserNamespaceIfNeeded(options)
        let report: CacheCleaning.Report
        if hasRule {
            var rule = StageCollection.Rule()
            rule.unreferenced = unreferenced
            rule.unusedFor = age?.seconds
            rule.mostBytes = size?.bytes
            report = try await cleaning.collect(rule, isDryRun: dryRun)
        } else {
            report = try await cleaning.clean(selectors, all ? .everything : .intermediate, isDryRun: dryRun)
        }
        for machine in report.machines { printLine("\(machine)  \(dryRun ? "would be cleaned" : "cleaned")") }
        for stage in report.stages { printLine("\(stage.stage)  \(stage.identity.short)  \(ByteCount(stage.bytes))") }
        let bytes = report.stages.reduce(0) { $0 + $1.bytes }
        printLine("\(dryRun ? "would free" : "freed") \(ByteCount(bytes)) of \(report.stages.count) result\(report.stages.count == 1 ? "" : "s")")
        guard packages else { return }
        for store in try await cleaning.cleanSharedStores(isDryRun: dryRun) { printLine("\(store)  \(dryRun ? "would be removed" : "removed")") }
    }
}

/// A length of time on the command line.
struct Age: ExpressibleByArgument {
    var seconds: Int

    init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Int(argument.dropLast()), count >= 0,
            case (let seconds, let overflow) = count.multipliedReportingOverflow(by: unit), !overflow
        else { return nil }
        self.seconds = seconds
    }
}
