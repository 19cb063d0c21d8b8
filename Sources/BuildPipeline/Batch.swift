public import ConfigurationTree
import HostSystem
public import PackageResolution
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

    private var members: [(group: MachineGroup, machine: Machine)] {
        tree.groups.flatMap { group in group.machines.map { (group, $0) } }
    }

    /// Everything that can be said of the batch without building: yum's configuration and the disks of every machine.
    public func diagnostics() -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        for (group, machine) in members {
            _ = configuration(of: machine, in: group, &diagnostics)
            diagnostics += MachineBuild.problems(of: machine, outputs: options.outputs)
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

    /// What each machine would get, in the tree's order.
    public func resolve() async throws -> [(
        machine: Machine, configuration: YumConfiguration, transaction: Result<Transaction, any Error>
    )] {
        var ignored: [Diagnostic] = []
        let configurations = members.map { configuration(of: $0.machine, in: $0.group, &ignored) }
        let requests = zip(members, configurations).map(request)
        if options.locked {
            return zip(members, requests).map { member, request in
                (member.machine, request.configuration, Result { try lockedTransaction(of: member.machine, request) })
            }
        }
        let names = members.map { "\($0.group.name)/\($0.machine.name)" }.joined(separator: ", ")
        let resolver = PackageResolver(cachePath: options.paths.cachePath, access: options.repositoryAccess)
        let results = try await resolver.resolve(
            requests, progress: { [listener] in listener(.transfer(machine: names, .resolve, $0)) },
            report: { [listener] in listener(.warning(machine: names, $0)) })
        return zip(zip(members, configurations), results).map { ($0.0.machine, $0.1, $1) }
    }

    /// The lock that each machine's packages.lock would be now, in the tree's order.
    public func locks() async throws -> [(machine: Machine, lock: Result<PackageLock, any Error>)] {
        zip(members, try await resolve()).map { member, resolved in
            let request = request(member, resolved.configuration)
            return (
                member.machine,
                Result { try PackageLock(try resolved.transaction.get(), answering: request) }
            )
        }
    }

    private func request(_ member: (group: MachineGroup, machine: Machine), _ configuration: YumConfiguration)
        -> ResolutionRequest
    {
        ResolutionRequest(
            requests: member.group.packages + member.machine.packages, localPackages: member.machine.rpms,
            configuration: configuration, architecture: member.machine.description.hardware.architecture)
    }

    private func lockedTransaction(of machine: Machine, _ request: ResolutionRequest) throws -> Transaction {
        let missing = machine.path.appending("packages.lock")
        guard let file = machine.lockFile, let lock = try PackageLock.read(file) else {
            throw ResolutionError(problems: ["\(missing): error: there is no lock; 'discographer lock' writes it"])
        }
        return try lock.transaction(for: request, lockFile: file)
    }

    /// Builds all; the result is the names of the machines that failed.
    ///
    /// - Throws: `CancellationError`, and what keeps every machine from being built, such as a cache that cannot be written.
    public func build() async throws -> [String] {
        try createDirectories(options.paths.cachePath)
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
                listener(
                    .failed(
                        machine: build.name,
                        BuildFailure(machine: build.name, stage: .resolve, cause: "\(error)", log: build.logFile)))
                failed.append(build.name)
            }
        }
        try await withThrowingTaskGroup(of: String?.self) { group in
            var waiting = builds[...]
            for build in waiting.prefix(max(1, options.jobs)) {
                group.addTask { try await build.run() ? nil : build.name }
            }
            waiting = waiting.dropFirst(max(1, options.jobs))
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
