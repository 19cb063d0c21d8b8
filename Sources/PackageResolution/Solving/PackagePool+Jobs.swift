// Turns a request into the solver's job, as libdnf's selectors do (python/hawkey/__init__.py, dnf/base.py).
internal import CSolv
import ConfigurationTree

extension PackagePool {
    /// The solver's job for a request. `prepare` must have been called for it.
    ///
    /// - Parameters:
    ///   - modules: the module streams that lines enable.
    ///   - unknown: gets the requests that no package or group fits.
    ///   - report: called with everything that is left out without an error.
    /// - Throws: `DownloadError`, `ResolutionError` for comps groups that cannot be fetched or read.
    func job(
        for request: ResolutionRequest, local: [Id], modules: ModuleSelection, unknown: inout [PackageRequest], report: (String) -> Void
    ) throws -> SolverJob {
        var job = SolverJob()
        let configuration = request.configuration
        for one in request.requests where one.kind == .install {
            if !add(one.spec, to: &job, for: .request(one), configuration) { unknown.append(one) }
        }
        // `setup` brings the users and groups that every other package's files belong to. A line may name a version of it, or forbid it.
        let isNamed = request.requests.contains { one in
            one.kind == .forbid && one.spec == "setup"
                || one.kind == .install && !one.spec.isGlob && PackageSpec.readings(of: one.spec).contains { $0.name == "setup" }
        }
        if !isNamed, !add("setup", to: &job, for: .always("setup"), configuration) {
            report("no repository has the package 'setup'")
        }
        for (id, path) in zip(local, request.localPackages) { install([id], &job, for: .local(path), configuration) }
        var seen: Set<Comps.Member> = []
        for one in request.requests where one.kind == .group && !modules.requests.contains(one) {
            let parts = one.spec.split(separator: "/", maxSplits: 1).map(String.init)
            let comps = try groups().without(groups: configuration.excludedGroups, environments: configuration.excludedEnvironments)
            guard let groups = comps.groups(matching: parts.first ?? "") else {
                unknown.append(one)
                continue
            }
            let kinds = parts.count > 1 ? parts[1].listItems : configuration.groupPackageTypes
            for member in groups.flatMap(\.members) where kinds.contains(member.kind.rawValue) {
                guard seen.insert(member).inserted else { continue }
                if add(member, to: &job, for: .member(member.name, of: one), configuration) { continue }
                let name = "'\(member.name.printable())' of the group '@\(one.spec)'"
                if !hasHidden(member.name) {
                    report("\(one.location): no repository has \(name)")
                } else if !request.requests.contains(where: { $0.kind == .forbid && $0.spec == member.name }) {
                    // A line such as `-name` says that the member is not wanted.
                    report("\(one.location): \(name) is left out, because the configuration hides it")
                }
            }
        }
        for pattern in configuration.excludedFromWeak {
            for id in match(pattern, contents: false).ids {
                job.add(SOLVER_SOLVABLE | SOLVER_EXCLUDEFROMWEAK, id, for: .policy)
            }
        }
        // Only this makes libsolv install several versions of a package at once.
        for provide in configuration.installOnlyPackages {
            job.add(SOLVER_SOLVABLE_PROVIDES | SOLVER_MULTIVERSION, id(of: provide), for: .policy)
        }
        return job
    }

    /// Whether a package of the name is hidden.
    private func hasHidden(_ name: String) -> Bool {
        guard let id = knownID(of: name) else { return false }
        return providers(of: id).contains { nameID(of: $0) == id && !isConsidered($0) }
    }

    /// - Returns: whether any package fits.
    private func add(
        _ spec: String, to job: inout SolverJob, for origin: SolverJob.Origin, _ configuration: YumConfiguration
    ) -> Bool {
        if spec.hasPrefix("("), let dependency = richDependency(spec) {
            // Since dnf5: all that the dependency asks for, and nothing where its condition is not met.
            let isConditional = spec.contains(" if ") || spec.contains(" unless ")
            guard isConditional || providers(of: dependency).contains(where: isConsidered) else { return false }
            job.add(SOLVER_SOLVABLE_PROVIDES | flags(configuration), dependency, for: origin)
            return true
        }
        let match = match(spec, contents: true)
        guard !match.ids.isEmpty else { return false }
        if configuration.installsAllArchitectures || match.spec?.architecture?.isGlob == true {
            installEachArchitecture(match.ids, &job, for: origin, configuration)
            return true
        }
        let withObsoletes = configuration.obsoletes && match.spec?.isNameOnly == true
        let isPattern = spec.isGlob && !spec.hasPrefix("/") && !spec.hasPrefix("*/")
        // A pattern asks for every name that it matches; any other text asks for one package of any name.
        let wanted = isPattern ? grouped(match.ids, by: nameID(of:)) : [match.ids]
        for ids in wanted {
            install(withObsoletes ? withObsoleters(ids) : ids, &job, for: origin, configuration)
        }
        return true
    }

    /// - Returns: whether any repository has the package.
    private func add(
        _ member: Comps.Member, to job: inout SolverJob, for origin: SolverJob.Origin,
        _ configuration: YumConfiguration
    ) -> Bool {
        var spec = PackageSpec(name: member.name)
        if member.baseArchitectureOnly { spec.architecture = architecture.baseArchitecture }
        let ids = solvables(fitting: spec)
        guard !ids.isEmpty else { return false }
        if let condition = member.condition {
            guard let dependency = dependency("(\(member.name) if \(condition))") else { return true }
            job.add(SOLVER_SOLVABLE_PROVIDES | flags(configuration), dependency, for: origin, if: id(of: condition))
        } else if configuration.installsAllArchitectures {
            installEachArchitecture(ids, &job, for: origin, configuration)
        } else {
            install(configuration.obsoletes ? withObsoleters(ids) : ids, &job, for: origin, configuration)
        }
        return true
    }

    private func installEachArchitecture(
        _ ids: [Id], _ job: inout SolverJob, for origin: SolverJob.Origin, _ configuration: YumConfiguration
    ) {
        for ids in grouped(ids, by: nameID(of:)) {
            // noarch first, then the best: this is dnf's order, and libsolv's order of architectures.
            let perArchitecture = grouped(ids, by: architectureID(of:)).sorted { architectureID(of: $0[0]) < architectureID(of: $1[0]) }
            for ids in perArchitecture {
                install(configuration.obsoletes ? withObsoleters(ids) : ids, &job, for: origin, configuration)
            }
        }
    }

    /// These packages, and those that obsolete the newest of them. dnf since 4.15 and dnf5 leave out what obsoletes older versions only
    /// (https://bugzilla.redhat.com/show_bug.cgi?id=2176263).
    private func withObsoleters(_ ids: [Id]) -> [Id] { ids + obsoleters(of: newest(of: ids)) }

    /// Asks for one of these packages.
    func install(
        _ ids: [Id], _ job: inout SolverJob, for origin: SolverJob.Origin, _ configuration: YumConfiguration
    ) {
        var choices = Queue()
        queue_init(&choices)
        defer { queue_free(&choices) }
        for id in Set(ids).sorted() { queue_push(&choices, id) }
        let how = SOLVER_SOLVABLE_ONE_OF | SOLVER_SETARCH | SOLVER_SETEVR | flags(configuration)
        job.add(how, pool_queuetowhatprovides(handle, &choices), for: origin)
    }

    private func flags(_ configuration: YumConfiguration) -> Int32 {
        SOLVER_INSTALL | (configuration.best ? SOLVER_FORCEBEST : 0) | (configuration.strict ? 0 : SOLVER_WEAK)
    }

    private func grouped<Key: Hashable>(_ ids: [Id], by key: (Id) -> Key) -> [[Id]] {
        var places: [Key: Int] = [:]
        var groups: [[Id]] = []
        for id in ids {
            if let place = places[key(id)] {
                groups[place].append(id)
            } else {
                places[key(id)] = groups.count
                groups.append([id])
            }
        }
        return groups
    }
}
