public import ArgumentParser
import BuildPipeline
public import ConfigurationTree
public import DiskImages
import HostSystem
import PackageResolution
import SystemPackage

extension OutputFormat: ExpressibleByArgument {}
extension DiskWriterKind: ExpressibleByArgument {}

struct BuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build machines (the default command).",
        discussion:
            "Exit status: 0 all built; 1 some machine failed, the others are built; 2 the configuration or the command line is wrong; 130 interrupted."
    )

    @OptionGroup var tree: TreeOptions

    @OptionGroup var fetch: FetchOptions

    @Option(
        name: .customLong("output"),
        help: "A format to make instead of what machine.yaml says; may be given several times.")
    var outputs: [OutputFormat] = []

    @Option(help: "Machines that are built at once (default: the number of processors).")
    var jobs: Int?

    @Option(
        name: .customLong("disk-writer"),
        help: "How files get onto disks: direct (libext2fs, the default), loop (mounted, as root) or guestfs (libguestfs).")
    var diskWriter: DiskWriterKind?

    @Flag(help: "Install exactly what each machine's packages.lock says.")
    var locked = false

    @Flag(
        name: .customLong("keep-root"),
        help: "Keep the root of a machine that fails as it stands then; 'discographer shell' enters it.")
    var keepsRoot = false

    @Flag(help: "One JSON object per event on standard output.")
    var json = false

    func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs is at least 1") }
    }

    func run() async throws {
        var options = try await tree.buildOptions(
            outputs: outputs.isEmpty ? nil : outputs, jobs: jobs, diskWriter: diskWriter)
        options.locked = locked
        options.keepsFailedRoots = keepsRoot
        fetch.apply(to: &options)
        if let problem = options.paths.problemOfCachePath {
            printError("\(options.paths.cachePath): error: \(problem)")
            throw ExitCode(ExitStatus.wrongInput)
        }
        let configuration = try tree.readTree(options)
        try await enterUserNamespaceIfNeeded(options)
        guard options.diskWriter == .direct || UserNamespace.isInitial else {
            printError("--disk-writer \(options.diskWriter.rawValue) is for the host's root; without it, 'direct' makes the same disks")
            throw ExitCode(ExitStatus.wrongInput)
        }
        let printer = EventPrinter(style: json ? .json : .plain, verbose: tree.verbose)
        let failed = try await Batch(tree: configuration, options: options, listener: { printer.take($0) }).build()
        guard failed.isEmpty else { throw ExitCode(ExitStatus.machineFailed) }
    }
}

/// Before anything is built, removed or looked at that belongs to a machine's users; see `UserNamespace.enterIfNeeded`.
func enterUserNamespaceIfNeeded(_ options: BuildOptions) async throws {
    do {
        try await UserNamespace.enterIfNeeded(tools: options.tools, worker: options.worker)
    } catch {
        printError("\(error)")
        throw ExitCode(ExitStatus.wrongInput)
    }
}

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report everything that is wrong with the tree, and build nothing.")

    @OptionGroup var tree: TreeOptions

    func run() async throws {
        let configuration = try tree.readTree(try await tree.buildOptions())
        let machines = configuration.groups.reduce(0) { $0 + $1.machines.count }
        printLine(
            "\(configuration.groups.count) group\(configuration.groups.count == 1 ? "" : "s"), \(machines) machine\(machines == 1 ? "" : "s"): no error"
        )
    }
}
