public import ArgumentParser
import BuildPipeline
import ConfigurationTree
public import DiskImages
import HostSystem
import SystemPackage

extension OutputFormat: ExpressibleByArgument {}
extension DiskWriterKind: ExpressibleByArgument {}

/// A size on the command line.
func byteCount(_ text: String) throws -> ByteCount {
    guard let size = ByteCount(text) else {
        throw ValidationError("expected a whole number above 0 and KiB, MiB, GiB or TiB, such as 8GiB")
    }
    return size
}

struct BuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build machines (the default command).",
        discussion:
            "Exit status: 0 all built; 1 some machine failed, the others are built; 2 the configuration or the command line is wrong; 130 interrupted."
    )

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @OptionGroup var plan: PlanOptions

    @Option(help: "Stages that run at once (default: the number of processors).")
    var jobs: Int?

    @Option(
        help: "What stages may take of the memory together, such as 8GiB (default: what the host has to give).", transform: byteCount)
    var memory: ByteCount?

    @Option(
        help: "What running stages may write to the cache together (default: what its disk has room for).", transform: byteCount)
    var disk: ByteCount?

    @Flag(
        name: .customLong("keep-root"),
        help: "Keep the root of a machine that fails as it stands then; 'discographer shell' enters it.")
    var keepsRoot = false

    @Flag(help: "Say of each stage whether it runs, and why.")
    var explain = false

    @Flag(help: "One JSON object per event on standard output (docs/formats.md).")
    var json = false

    func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); expected at least 1") }
    }

    func run() async throws {
        var options = try await tree.buildOptions()
        options.jobs = jobs ?? options.jobs
        options.memory = memory?.bytes ?? options.memory
        options.disk = disk?.bytes ?? options.disk
        options.keepsFailedRoots = keepsRoot
        options.explains = explain
        fetch.apply(to: &options)
        plan.apply(to: &options)
        if let problem = options.paths.problemOfCachePath {
            printError("\(options.paths.cachePath): error: \(problem)")
            throw ExitCode(ExitStatus.wrongInput)
        }
        let configuration = try await tree.readTree(options)
        try await enterUserNamespaceIfNeeded(options)
        guard options.diskWriter == .direct || UserNamespace.isInitial else {
            printError("--disk-writer \(options.diskWriter.rawValue) needs the host's root; without it, 'direct' makes the same disks")
            throw ExitCode(ExitStatus.wrongInput)
        }
        let printer = EventPrinter(style: json ? .json : .plain, verbose: tree.verbose, paths: options.paths)
        let failed = try await Batch(tree: configuration, options: options, listener: { printer.take($0) }).build()
        guard failed.isEmpty else { throw ExitCode(ExitStatus.machineFailed) }
    }
}
