public import ConfigurationTree
import Glibc
import HostSystem
import PackageResolution
import SystemPackage

/// Several machines, built together: walk → resolve → fetch → install → compose → disks → convert.
///
/// Resolution is shared by the machines; then each goes its own way, and a machine that fails leaves the others alone.
public struct Batch: Sendable {
    let tree: ConfigurationTree
    let options: BuildOptions
    let listener: @Sendable (BuildEvent) -> Void

    public init(tree: ConfigurationTree, options: BuildOptions, listener: @escaping @Sendable (BuildEvent) -> Void) {
        self.tree = tree
        self.options = options
        self.listener = listener
    }

    var members: [(group: MachineGroup, machine: Machine)] {
        tree.groups.flatMap { group in group.machines.map { (group, $0) } }
    }

    /// Everything that can be said of the batch without building: yum's configuration and the disks of every machine.
    public func diagnostics() -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        var unknown = options.acceptedRollbacks
        for (group, machine) in members {
            unknown.subtract(configuration(of: machine, in: group, &diagnostics).repositories.map(\.id))
            diagnostics += MachineBuild.problems(of: machine)
        }
        for id in unknown.sorted() {
            diagnostics.append(
                Diagnostic(
                    .error, at: SourceLocation(file: tree.path), "no machine has the repository '\(id)' of --accept-rollback",
                    hint: "the id of an enabled repository would be right"))
        }
        var seen: Set<Diagnostic> = []
        return diagnostics.filter { seen.insert($0).inserted }
    }

    func configuration(of machine: Machine, in group: MachineGroup, _ diagnostics: inout [Diagnostic])
        -> YumConfiguration
    {
        YumConfiguration(
            machine.yum, architecture: machine.description.hardware.architecture,
            variables: options.paths.machineVariables(machine, in: group, sourceDateEpoch: options.sourceDateEpoch),
            environment: options.environment,
            diagnostics: &diagnostics)
    }

    /// - Throws: `BuildProblem` with the path, for a cache that cannot be written, or not be mounted.
    private func checkCache() throws {
        let path = options.paths.cachePath
        do {
            try createDirectories(path)
            guard access(path.string, W_OK) == 0 else { throw FileError(path, Errno(rawValue: errno)) }
        } catch let error as FileError {
            throw BuildProblem("\(error.path): error: the cache cannot be written: \(error.errno)")
        }
        if let obstacle = LayeredRoot.obstacle(at: path) {
            throw BuildProblem("\(path): error: no machine's layers can be in this cache: \(obstacle)")
        }
    }

    /// Builds all; the result is the names of the machines that failed.
    ///
    /// - Throws: `CancellationError`, and what keeps every machine from being built, such as a cache that cannot be written.
    public func build() async throws -> [String] {
        try checkCache()
        let begin = ContinuousClock.now
        for member in members {
            listener(.stageStarted(machine: "\(member.group.name)/\(member.machine.name)", .resolve))
        }
        let resolved = try await resolve()
        let seconds = begin.duration(to: .now).inSeconds
        var builds: [MachineBuild] = []
        var failed: [String] = []
        for (member, result) in zip(members, resolved) {
            let build = MachineBuild(
                group: member.group, machine: member.machine, configuration: result.configuration, options: options,
                listener: listener)
            switch result.transaction {
            case .success(let transaction):
                listener(.stageFinished(machine: build.name, .resolve, cached: false, seconds: seconds))
                builds.append(build.with(transaction))
            case .failure(let error):
                let failure = BuildFailure(
                    machine: build.name, stage: .resolve, cause: "\(error)", log: build.logFile)
                // The log that is named is this build's, not that of an earlier one.
                // Where it cannot be written the cause is said all the same.
                try? createDirectories(build.logFile.removingLastComponent())
                try? writeAtomically("\(failure)\n".utf8, to: build.logFile)
                listener(.failed(machine: build.name, failure))
                failed.append(build.name)
            }
        }
        try await withThrowingTaskGroup(of: String?.self) { group in
            var waiting = builds[...]
            let atOnce = OpenFiles.machinesAtOnce(options.jobs)
            for build in waiting.prefix(atOnce) {
                group.addTask { try await build.run() ? nil : build.name }
            }
            waiting = waiting.dropFirst(atOnce)
            while let name = try await group.next() {
                if let name { failed.append(name) }
                try Task.checkCancellation()
                if let next = waiting.popFirst() { group.addTask { try await next.run() ? nil : next.name } }
            }
        }
        return failed.sorted()
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
