import BuildGraph
public import ConfigurationTree
public import PackageResolution
public import SystemPackage

/// What the repositories, or the locks, give each machine of a batch; in the tree's order, each machine's failure its own.
extension Batch {
    /// What each machine would get.
    public func resolve() async throws -> [(
        machine: Machine, configuration: YumConfiguration, transaction: Result<Transaction, any Error>
    )] {
        let requests = requests
        if options.locked {
            return zip(members, requests).map { member, request in
                (member.machine, request.configuration, Result { try lockedTransaction(of: member.machine, request) })
            }
        }
        let results = try await resolver.resolve(requests, progress: progress, report: report)
        return zip(zip(members, requests), results).map { ($0.0.machine, $0.1.configuration, $1) }
    }

    /// What each machine would get, and why each package.
    ///
    /// - Parameters:
    ///   - ordered: whether packages have to be in the order of installation.
    ///   - each: called in the tree's order, on a thread that may block.
    public func explain(
        ordered: Bool, each: @escaping @Sendable (Machine, Result<RequirementGraph, any Error>) -> Void
    ) async throws {
        let machines = members.map(\.machine)
        try await resolver.explain(requests, ordered: ordered, progress: progress, report: report) { index, graph in
            each(machines[index], graph)
        }
    }

    /// Why each machine would get the packages that the specs name, or would not.
    public func reasons(
        for specs: [String]
    ) async throws -> [(machine: Machine, reasons: Result<[PackageReason], any Error>)] {
        zip(members, try await resolver.reasons(for: specs, in: requests, progress: progress, report: report)).map { ($0.machine, $1) }
    }

    /// The lock that each machine's packages.lock would be now, and what it answers.
    public func locks() async throws -> [(
        machine: Machine, request: ResolutionRequest, lock: Result<PackageLock, any Error>
    )] {
        let requests = requests
        let results = try await resolver.resolve(requests, ordered: false, progress: progress, report: report)
        return zip(zip(members, requests), results).map { member, result in
            (member.0.machine, member.1, Result { try PackageLock(try result.get(), answering: member.1) })
        }
    }

    /// Whether each machine has a lock that fits the tree; no repository is asked.
    public func checkLocks() -> [(machine: Machine, locked: Result<Transaction, any Error>)] {
        zip(members, requests).map { member, request in
            (member.machine, Result { try lockedTransaction(of: member.machine, request) })
        }
    }

    /// The tree's folder, after symlinks.
    public var configPath: FilePath { tree.path }

    private var resolver: PackageResolver {
        PackageResolver(cachePath: options.paths.cachePath, access: options.repositoryAccess)
    }

    private var requests: [ResolutionRequest] {
        members.map { member in
            // Its diagnostics were reported when the tree was read.
            var ignored: [Diagnostic] = []
            return ResolutionRequest(
                requests: member.group.packages + member.machine.packages, localPackages: member.machine.rpms,
                configuration: configuration(of: member.machine, in: member.group, &ignored),
                architecture: member.machine.description.hardware.architecture)
        }
    }

    private var names: [String] { members.map(\.machine.fullName) }

    private var report: @Sendable (Int?, String) -> Void {
        { [warnings] index, text in warnings.tell(index, text) }
    }

    private var progress: @Sendable (FetchProgress) -> Void {
        { [listener, names] in listener(.transfer(machines: names, .resolve, TransferProgress($0))) }
    }

    private func lockedTransaction(of machine: Machine, _ request: ResolutionRequest) throws -> Transaction {
        let missing = machine.path.appending("packages.lock")
        guard let file = machine.lockFile, let lock = try PackageLock.read(file) else {
            throw ResolutionError(problems: ["\(missing): error: there is no lock; 'discographer lock' makes it"])
        }
        return try lock.transaction(for: request, lockFile: file)
    }
}
