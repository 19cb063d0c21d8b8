import ArgumentParser
import BuildPipeline
import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage

/// Where the tree, the cache, the functions and the tool table are, and which machines are selected: the options of every command.
struct TreeOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config-path")], help: "The configuration tree.", completion: .directory)
    var configPath: String?

    @Option(
        name: [.customShort("s"), .customLong("cache-path")],
        help: "Where everything that is built and fetched is kept.", completion: .directory)
    var cachePath: String?

    @Option(
        name: [.customShort("f"), .customLong("functions-path")], help: "Bash functions for generator scriptlets.",
        completion: .directory)
    var functionsPath: String?

    @Option(
        name: [.customShort("p"), .customLong("paths-path")], help: "The tables of external programs.",
        completion: .directory)
    var pathsPath: String?

    @Flag(name: .shortAndLong, help: "Say more: notes on the tree, what scriptlets print.")
    var verbose = false

    @Option(name: .customLong("machine"), help: "Only this machine of the groups; may be given several times.")
    var machines: [String] = []

    @Argument(help: ArgumentHelp("A group, or one machine of it: GROUP or GROUP/MACHINE.", valueName: "group"))
    var groups: [String] = []

    func validate() throws {
        let paths = [("config-path", configPath), ("cache-path", cachePath), ("functions-path", functionsPath), ("paths-path", pathsPath)]
        for (name, path) in paths where path?.isEmpty ?? false { throw ValidationError("--\(name) is empty; expected the path of a folder") }
    }

    /// The command line, over what the configuration files set, over the defaults.
    func paths() async throws -> BuildPaths {
        paths(try await SettingsFiles.read())
    }

    private func paths(_ settings: SettingsFiles) -> BuildPaths {
        let installed = InstalledFiles.folder
        func path(_ option: String?, _ name: String, _ standard: FilePath) -> FilePath {
            FilePath(URL(fileURLWithPath: option ?? settings[name] ?? standard.string).standardizedFileURL.path)
        }
        return BuildPaths(
            configPath: realPath(path(configPath, "configPath", ".")), cachePath: path(cachePath, "cachePath", "cache"),
            functionsPath: path(functionsPath, "functionsPath", installed.appending("functions")),
            pathsPath: path(pathsPath, "pathsPath", installed.appending("paths")))
    }

    private func realPath(_ path: FilePath) -> FilePath {
        FilePath(URL(fileURLWithPath: path.string).resolvingSymlinksInPath().path)
    }

    func selectors() throws -> [MachineSelector] {
        var selectors: [MachineSelector] = []
        for text in groups {
            guard let selector = MachineSelector(text) else {
                printError("invalid name '\(text)'; expected GROUP or GROUP/MACHINE")
                throw ExitCode(ExitStatus.wrongInput)
            }
            if selector.machine == nil && !machines.isEmpty {
                for machine in machines {
                    // Leaving a wrong name out would select the whole group.
                    guard !machine.isEmpty, !machine.hasSuffix("/"), let selector = MachineSelector("\(selector.group)/\(machine)") else {
                        printError("invalid name '\(machine)' of --machine; expected the name of a machine, without its group")
                        throw ExitCode(ExitStatus.wrongInput)
                    }
                    selectors.append(selector)
                }
            } else {
                selectors.append(selector)
            }
        }
        if groups.isEmpty && !machines.isEmpty {
            printError("--machine needs a GROUP")
            throw ExitCode(ExitStatus.wrongInput)
        }
        return selectors
    }

    /// The tree, what is wrong with it printed; ends with status 2 when it has errors.
    func readTree(_ options: BuildOptions, _ depth: TreeInspection.Depth = .build) async throws -> ConfigurationTree {
        try await inspectTree(options, depth).tree
    }

    /// As `readTree`, with what was found.
    func inspectTree(
        _ options: BuildOptions, _ depth: TreeInspection.Depth
    ) async throws -> (tree: ConfigurationTree, inspection: TreeInspection) {
        let tree = ConfigurationTree(at: options.paths.configPath, selecting: try selectors())
        var inspection = try await Batch(tree: tree, options: options, listener: { _ in }).inspect(depth)
        inspection.diagnostics = (tree.diagnostics + inspection.diagnostics).withoutRepetitions.inReadingOrder
        var counts: [Diagnostic.Severity: Int] = [:]
        for diagnostic in inspection.diagnostics {
            let tolerance = diagnostic.severity == .warning ? tree.reasonToTolerate(diagnostic) : nil
            if tolerance == nil { counts[diagnostic.severity, default: 0] += 1 }
            guard verbose || diagnostic.severity != .note && tolerance == nil else { continue }
            printError(diagnostic.description + (tolerance.map { " (tolerated: \($0))" } ?? ""))
        }
        let (errors, warnings) = (counts[.error] ?? 0, options.isStrict ? counts[.warning] ?? 0 : 0)
        guard errors + warnings == 0 else {
            if errors > 0 { printError("\(errors) error\(errors == 1 ? "" : "s") in the configuration; nothing was built") }
            if warnings > 0 {
                printError("\(warnings) warning\(warnings == 1 ? " counts as an error" : "s count as errors") (--strict); nothing was built")
            }
            throw ExitCode(ExitStatus.wrongInput)
        }
        return (tree, inspection)
    }

    /// The one machine of the command, as `readTree`; ends with status 2 when there are others.
    ///
    /// - Parameter purpose: what can be done with one machine, such as `run`.
    func readMachine(_ options: BuildOptions, toBe purpose: String) async throws -> Machine {
        let machines = try await readTree(options).groups.flatMap(\.machines)
        guard machines.count == 1, let machine = machines.first else {
            printError("\(machines.count) machines are selected; expected one, as GROUP/MACHINE, to be \(purpose)")
            throw ExitCode(ExitStatus.wrongInput)
        }
        return machine
    }

    /// The machines of a command that builds nothing; warnings go to standard error.
    func batch(_ fetch: FetchOptions) async throws -> Batch {
        var options = try await buildOptions()
        fetch.apply(to: &options)
        return Batch(tree: try await readTree(options), options: options) { [verbose] event in
            if case .warning(let machines, let warning) = event { printWarning(machines, warning, verbose: verbose) }
        }
    }

    func buildOptions() async throws -> BuildOptions {
        let settings = try await SettingsFiles.read()
        let paths = paths(settings)
        ShownPaths.use([paths.configPath, paths.cachePath, paths.functionsPath, paths.pathsPath])
        try checkCachePath(paths.cachePath)
        let environment = ProcessInfo.processInfo.environment
        var options = BuildOptions(
            paths: paths, tools: try toolTable(paths), worker: try Worker.besideThisProgram(),
            sourceDateEpoch: try sourceDateEpoch(environment), environment: environment)
        options.jobs = try settings.count("jobs")
        options.memory = try settings.size("memoryLimit")
        options.disk = try settings.size("diskLimit")
        options.cacheLimit = try settings.size("cacheLimit")
        return options
    }

    /// The build host's table of programs; ends with status 2 when the folder of tables does not have a good one.
    func toolTable(_ paths: BuildPaths) throws -> ToolTable {
        do { return try ToolTable(pathsPath: paths.pathsPath) } catch {
            printError("\(error)")
            throw ExitCode(ExitStatus.wrongInput)
        }
    }

    /// Ends with status 2 when the cache, or a folder above it, is something else.
    private func checkCachePath(_ path: FilePath) throws {
        let folders = sequence(first: path, next: { $0 == "/" ? nil : $0.removingLastComponent() })
        guard let present = folders.first(where: exists), !isFolder(realPath(present)) else { return }
        printError("\(path): error: \(present == path ? "the cache" : "\(present)") is not a folder; choose another cache with --cache-path")
        throw ExitCode(ExitStatus.wrongInput)
    }

    /// SOURCE_DATE_EPOCH (reproducible-builds.org), or the beginning of 2020: never the clock.
    private func sourceDateEpoch(_ environment: [String: String]) throws -> Int {
        guard let text = environment["SOURCE_DATE_EPOCH"], !text.isEmpty else { return 1_577_836_800 }
        // rpm's database has 32 bits for a time (RPMTAG_INSTALLTIME), and each package gets a second of its own.
        guard let epoch = Int(text), (0...4_102_444_800).contains(epoch) else {
            printError("SOURCE_DATE_EPOCH is '\(text)'; expected a number of seconds since 1970, before the year 2100")
            throw ExitCode(ExitStatus.wrongInput)
        }
        return epoch
    }
}
