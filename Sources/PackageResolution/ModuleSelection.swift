import ConfigurationTree
import Foundation

/// The module streams that lines of `packages` enable, as `dnf install @module:stream` would (dnf/module/module_base.py); in any order
/// of lines.
struct ModuleSelection {
    /// What one line means within one module.
    struct Choice {
        var request: PackageRequest
        var spec: ModuleSpec
        var module: String
        var stream: String
        /// Indices of `ModuleMetadata.streams`.
        var candidates: [Int]
    }

    /// The stream of each module that a line asks for.
    private(set) var enabled: [String: String] = [:]
    private(set) var choices: [Choice] = []
    /// Lines that cannot be had.
    private(set) var problems: [ResolutionProblem] = []
    /// The lines that mean modules: none of them means a group.
    private(set) var requests: Set<PackageRequest> = []

    init(_ requests: [PackageRequest], among modules: ModuleMetadata) {
        var open: [Choice] = []
        for request in requests where request.kind == .group {
            guard let spec = ModuleSpec(request.spec) else { continue }
            let candidates = modules.streams.indices.filter { spec.fits(modules.streams[$0]) }
            guard !candidates.isEmpty else { continue }
            self.requests.insert(request)
            for (module, members) in Dictionary(grouping: candidates, by: { modules.streams[$0].module }).sorted(by: { $0.key < $1.key }) {
                let choice = Choice(request: request, spec: spec, module: module, stream: "", candidates: members)
                let streams = Set(members.map { modules.streams[$0].stream })
                if streams.count == 1, let stream = streams.first { enable(stream, choice) } else { open.append(choice) }
            }
        }
        // What leaves a choice takes what is enabled, and otherwise the default.
        for choice in open {
            let streams = Set(choice.candidates.map { modules.streams[$0].stream })
            let stream = enabled[choice.module] ?? modules.defaults[choice.module]?.stream
            guard let stream, streams.contains(stream) else {
                problems.append(Self.ambiguous(choice, streams, used: stream))
                continue
            }
            var narrowed = choice
            narrowed.candidates = choice.candidates.filter { modules.streams[$0].stream == stream }
            enable(stream, narrowed)
        }
    }

    private mutating func enable(_ stream: String, _ choice: Choice) {
        var choice = choice
        choice.stream = stream
        if let other = enabled[choice.module], other != stream {
            let places = choices.filter { $0.module == choice.module }.map(\.request.location)
            problems.append(
                ResolutionProblem(
                    at: [choice.request.location] + places,
                    "two streams of the module '\(choice.module)' are asked for: '\(choice.module):\(stream)', and "
                        + "'\(choice.module):\(other)' in \(places.first.map { "\($0)" } ?? "another line"); one of them would be right"))
            return
        }
        enabled[choice.module] = stream
        choices.append(choice)
    }

    private static func ambiguous(_ choice: Choice, _ streams: Set<String>, used: String?) -> ResolutionProblem {
        let module = choice.module
        let names = streams.sorted { $0.compare($1, options: .numeric) == .orderedAscending }.map { "'@\(module):\($0)'" }
        let reason = used.map { "'\(module):\($0)' is used" } ?? "none of its streams is the default"
        return ResolutionProblem(
            at: [choice.request.location],
            "'@\(choice.request.spec)' leaves open which stream of the module '\(module)' is meant, and \(reason); "
                + "\(names.alternatives) would be right")
    }
}

extension ModuleMetadata {
    /// Where a line that names a module nobody has may have gone wrong; `nil`: it does not look like a module.
    func hint(for spec: String) -> String? {
        guard let spec = ModuleSpec(spec), spec.stream != nil else { return nil }
        let known = Set(streams.lazy.filter { $0.module == spec.name }.map(\.stream))
        guard known.isEmpty else {
            let names = known.sorted { $0.compare($1, options: .numeric) == .orderedAscending }.map { "'@\(spec.name):\($0)'" }
            return "no repository has this of the module '\(spec.name)'; there is \(names.list)"
        }
        let near = NearMisses.of(spec.name, among: Set(streams.map(\.module))).map { "'\($0)'" }
        return "no repository has the module '\(spec.name)'"
            + (streams.isEmpty ? "; no repository has any module" : near.isEmpty ? "" : "; did you mean \(near.alternatives)?")
    }

    /// The packages of the profiles that a choice means, by profile.
    ///
    /// - Parameter version: the one whose profiles count.
    /// - Throws: `ResolutionProblem`'s text, as a `ResolutionError`, when there is no such profile.
    func packages(of choice: ModuleSelection.Choice, in version: Stream) throws -> [String] {
        let names = version.profiles.keys.sorted()
        let alternatives = names.map { "'@\(version.nameStream)/\($0)'" }.alternatives
        func fail(_ message: String) -> ResolutionError {
            let hint = names.isEmpty ? "it has no profiles" : "\(alternatives) would be right"
            return ResolutionError([ResolutionProblem(at: [choice.request.location], "\(message); \(hint)")])
        }
        let wanted: [String]
        if let pattern = choice.spec.profile {
            wanted = names.filter { $0 == pattern || pattern.isGlob && fnmatch(pattern, $0, 0) == 0 }
            guard !wanted.isEmpty else { throw fail("'\(version.nameStream)' has no profile '\(pattern)'") }
        } else {
            wanted = (defaults[choice.module]?.profiles[choice.stream] ?? []).sorted()
            guard !wanted.isEmpty else { throw fail("'\(version.nameStream)' has no default profile") }
            if let missing = wanted.first(where: { version.profiles[$0] == nil }) {
                throw fail("the default profile '\(missing)' is not in the newest '\(version.nameStream)'")
            }
        }
        return Set(wanted.flatMap { version.profiles[$0] ?? [] }).sorted()
    }
}
