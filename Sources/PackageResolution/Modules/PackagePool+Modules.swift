// Modular filtering like libdnf's module excludes (libdnf/dnf-sack.cpp, setModuleExcludes): packages of streams that are not active are
// hidden, and so are packages that would compete with those of an active stream.
internal import CSolv
import ConfigurationTree
import SystemPackage
import Yams

/// The effect of modules on the packages of a set of repositories.
struct ModuleFilter {
    var active = ActiveModules()
    /// Packages of streams that are not active, and packages that compete with active streams.
    var hidden: [Id] = []
}

/// A package of a requested profile that no repository has or that is hidden.
struct AbsentMember {
    var name: String
    var request: PackageRequest
}

extension PackagePool {
    /// The modules of all repositories.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for module metadata that cannot be read.
    func modules() throws -> ModuleMetadata {
        if let moduleMetadata { return moduleMetadata }
        var modules = ModuleMetadata()
        for metadata in repositories {
            guard let text = try text("modules", of: metadata) else { continue }
            let known = modules.remarks.count
            let place = "modules of \(metadata.repository.id)" + (metadata.files["modules"].map { " (\($0.path))" } ?? "")
            do { modules.merge(try ModuleMetadata(yaml: text)) } catch let error as YamlError {
                let line = error.line.map { ", line \($0)" } ?? ""
                throw ResolutionError(problems: ["\(place) cannot be read\(line): \(error.problem)"])
            }
            let remarks = modules.remarks[known...]
            for remark in remarks.prefix(Self.mostRemarks) { report("\(place): \(remark)") }
            if remarks.count > Self.mostRemarks { report("\(place): \(remarks.count - Self.mostRemarks) more such messages") }
        }
        moduleMetadata = modules
        return modules
    }

    private static let mostRemarks = 20

    /// Needs an up-to-date index of provides and a pool in which nothing is hidden.
    func moduleFilter(_ modules: ModuleMetadata, platform: String?, enabled: [String: String]) throws -> ModuleFilter {
        var filter = ModuleFilter()
        guard !modules.streams.isEmpty else { return filter }
        filter.active = try modules.activeStreams(architecture: architecture, platform: platform, enabled: enabled)
        let active = filter.active.indices
        let latest = Dictionary(grouping: active) { modules.streams[$0].nameStream }
        let demodularized = latest.mapValues { versions in
            versions.max { modules.streams[$0].version < modules.streams[$1].version }
                .map { modules.streams[$0].demodularized } ?? []
        }
        var visible: Set<String> = []
        var visibleNames: Set<Id> = []
        var modularNames: Set<Id> = []
        var modular: Set<String> = []
        for (index, stream) in modules.streams.enumerated() {
            let isActive = active.contains(index)
            let ordinary = demodularized[stream.nameStream] ?? []
            for artifact in stream.artifacts where !artifact.hasSuffix(".src") && !artifact.hasSuffix(".nosrc") {
                let name = Self.name(ofArtifact: artifact)
                let id = id(of: name)
                modularNames.insert(id)
                if isActive {
                    visible.insert(artifact)
                    if !ordinary.contains(name) { visibleNames.insert(id) }
                } else {
                    modular.insert(artifact)
                }
            }
        }
        let hotfixes = hotfixRepositories
        func isExempt(_ id: Id) -> Bool { repositoryName(of: id).map { $0 == localRepositoryID || hotfixes.contains($0) } ?? true }
        var hidden: Set<Id> = []
        for id in solvableIDs where modularNames.contains(nameID(of: id)) {
            let nevra = nevraWithEpoch(id)
            if visible.contains(nevra) || isExempt(id) { continue }
            if modular.contains(nevra) || visibleNames.contains(nameID(of: id)) { hidden.insert(id) }
        }
        for id in visibleNames.lazy.flatMap(providers(of:)) where !visible.contains(nevraWithEpoch(id)) && !isExempt(id) { hidden.insert(id) }
        filter.hidden = hidden.sorted()
        return filter
    }

    private var hotfixRepositories: Set<String> { Set(repositories.filter(\.repository.moduleHotfixes).map(\.repository.id)) }

    /// How modules hide each package that they hide.
    func moduleCauses() -> [Id: HiddenPackages.Cause.Kind] {
        guard let modules = moduleMetadata, !currentModules.hidden.isEmpty else { return [:] }
        let active = currentModules.active.indices.sorted().map { modules.streams[$0] }
        let used = Dictionary(active.map { ($0.module, $0.nameStream) }) { first, _ in first }
        var streams: [String: ModuleMetadata.Stream] = [:]
        for stream in modules.streams { for artifact in stream.artifacts { streams[artifact] = stream } }
        var owners: [String: String] = [:]
        for stream in active { for artifact in stream.artifacts { owners[Self.name(ofArtifact: artifact)] = stream.nameStream } }
        var causes: [Id: HiddenPackages.Cause.Kind] = [:]
        for id in currentModules.hidden {
            if let own = streams[nevraWithEpoch(id)] {
                causes[id] = .module(own.nameStream, used: used[own.module])
            } else {
                causes[id] = .competesWithModule(owners[name(of: id)] ?? active.first?.nameStream ?? "")
            }
        }
        return causes
    }

    /// Adds the packages of the selected profiles to the job (dnf's ModuleBase.install).
    ///
    /// - Parameter absent: gets the packages of profiles that no repository has, or that are hidden.
    /// - Returns: what else is wrong with the selection.
    func add(
        _ selection: ModuleSelection, to job: inout SolverJob, absent: inout [AbsentMember], _ configuration: YumConfiguration
    ) throws -> [ResolutionDiagnostic] {
        let modules = try modules()
        var diagnostics = selection.diagnostics
        if let conflict = conflict(in: selection) { diagnostics.append(conflict) }
        var artifacts: Set<String> = []
        var wanted: [(name: String, request: PackageRequest)] = []
        for choice in selection.choices {
            let versions = choice.candidates.filter(currentModules.active.indices.contains).map { modules.streams[$0] }
            guard let newest = versions.max(by: { $0.version < $1.version }) else {
                if currentModules.active.conflicts.isEmpty {
                    diagnostics.append(
                        ResolutionDiagnostic(
                            at: [choice.request.location],
                            "'@\(choice.request.spec)' means another version of '\(choice.module):\(choice.stream)' than the one that is used"))
                }
                continue
            }
            artifacts.formUnion(versions.lazy.flatMap(\.artifacts))
            do {
                for name in try modules.packages(of: choice, in: newest) where !wanted.contains(where: { $0.name == name }) {
                    wanted.append((name, choice.request))
                }
            } catch let error as ResolutionError { diagnostics += error.diagnostics }
        }
        let hotfixes = hotfixRepositories
        for (name, request) in wanted {
            let all = solvables(fitting: PackageSpec(name: name))
            let own = all.filter { artifacts.contains(nevraWithEpoch($0)) || repositoryName(of: $0).map(hotfixes.contains) ?? false }
            guard !all.isEmpty else {
                absent.append(AbsentMember(name: name, request: request))
                continue
            }
            // A package of a profile can be an ordinary package, or one of another stream.
            install(own.isEmpty ? all : own, &job, for: .member(name, of: request), configuration)
        }
        return diagnostics
    }

    /// Whether the line names a module rather than a group.
    func namesModule(_ line: PackageRequest) -> Bool { !streams(of: line).isEmpty }

    /// The text after the `@` for each profile of the stream that this line does not ask for.
    func otherProfiles(_ line: PackageRequest) -> [String] {
        guard let modules = moduleMetadata, let spec = ModuleSpec(line.spec) else { return [] }
        let usable = streams(of: line).filter { currentModules.active.indices.contains($0) }.map { modules.streams[$0] }
        guard let newest = usable.max(by: { $0.version < $1.version }) else { return [] }
        let usual = modules.defaults[newest.module]?.profiles[newest.stream] ?? []
        return newest.profiles.keys.filter { $0 != spec.profile && !(spec.profile == nil && usual.contains($0)) }.sorted()
            .map { "\(newest.nameStream)/\($0)" }
    }

    /// Indices of `ModuleMetadata.streams`.
    private func streams(of line: PackageRequest) -> [Int] {
        guard line.kind == .group, let modules = moduleMetadata, let spec = ModuleSpec(line.spec) else { return [] }
        return modules.streams.indices.filter { spec.fits(modules.streams[$0]) }
    }

    private func conflict(in selection: ModuleSelection) -> ResolutionDiagnostic? {
        let reasons = currentModules.active.conflicts
        guard !reasons.isEmpty else { return nil }
        func name(_ choice: ModuleSelection.Choice) -> String { "'\(choice.module):\(choice.stream)'" }
        let named = selection.choices.filter { choice in reasons.contains { $0.contains(name(choice)) } }
        let choices = named.isEmpty ? selection.choices : named
        var names: [String] = []
        for choice in choices where !names.contains(name(choice)) { names.append(name(choice)) }
        return ResolutionDiagnostic(
            at: choices.map(\.request.location),
            names.count == 1
                ? "the module stream \(names[0]) cannot be enabled" : "the module streams \(names.list) cannot be enabled together",
            because: reasons)
    }

    private static func name(ofArtifact artifact: String) -> String {
        artifact.split(separator: "-", omittingEmptySubsequences: false).dropLast(2).joined(separator: "-")
    }
}
