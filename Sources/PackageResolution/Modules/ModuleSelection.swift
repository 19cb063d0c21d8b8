import ConfigurationTree
import Foundation

/// The module streams that lines of `packages` enable, as `dnf install @module:stream` would (dnf/module/module_base.py). The order of the
/// lines does not matter.
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
    /// What is wrong with the lines.
    private(set) var diagnostics: [ResolutionDiagnostic] = []
    /// The lines that name modules, and so no groups.
    private(set) var requests: Set<PackageRequest> = []

    /// - Parameters:
    ///   - architecture: the machine's.
    ///   - runs: whether packages of an architecture can be installed.
    init(_ requests: [PackageRequest], among modules: ModuleMetadata, for architecture: String, where runs: (String) -> Bool) {
        var open: [Choice] = []
        for request in requests where request.kind == .group {
            guard let spec = ModuleSpec(request.spec) else { continue }
            let candidates = modules.streams.indices.filter { spec.fits(modules.streams[$0]) }
            guard !candidates.isEmpty else { continue }
            self.requests.insert(request)
            guard candidates.contains(where: { runs(modules.streams[$0].architecture) }) else {
                let others = Set(candidates.map { modules.streams[$0].architecture }).sorted()
                let lines = modules.lines(like: spec, where: runs)
                diagnostics.append(
                    ResolutionDiagnostic(
                        at: [request.location],
                        "'@\(request.spec)' exists only for \(others.list), but the machine is \(architecture)"
                            + (lines.isEmpty ? "" : "; use \(lines.alternatives)")))
                continue
            }
            for (module, members) in Dictionary(grouping: candidates, by: { modules.streams[$0].module }).sorted(by: { $0.key < $1.key }) {
                let choice = Choice(request: request, spec: spec, module: module, stream: "", candidates: members)
                let streams = Set(members.map { modules.streams[$0].stream })
                if streams.count == 1, let stream = streams.first { enable(stream, choice) } else { open.append(choice) }
            }
        }
        // A line that leaves a choice takes the enabled stream, or else the default one.
        for choice in open {
            let streams = Set(choice.candidates.map { modules.streams[$0].stream })
            let stream = enabled[choice.module] ?? modules.defaults[choice.module]?.stream
            guard let stream, streams.contains(stream) else {
                diagnostics.append(Self.ambiguous(choice, streams, used: stream, among: modules, where: runs))
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
            diagnostics.append(
                ResolutionDiagnostic(
                    at: [choice.request.location] + places,
                    "two streams of the module '\(choice.module)' are requested: '\(choice.module):\(stream)' here and "
                        + "'\(choice.module):\(other)' in \(places.first.map { "\($0)" } ?? "another line"); keep one of them"))
            return
        }
        enabled[choice.module] = stream
        choices.append(choice)
    }

    private static func ambiguous(
        _ choice: Choice, _ streams: Set<String>, used: String?, among modules: ModuleMetadata, where runs: (String) -> Bool
    ) -> ResolutionDiagnostic {
        let module = choice.module
        let reason = used.map { "'\(module):\($0)' is used" } ?? "none of its streams is the default"
        var spec = choice.spec
        (spec.name, spec.stream) = (module, nil)
        let lines = modules.lines(like: spec, streams, where: runs)
        return ResolutionDiagnostic(
            at: [choice.request.location],
            "'@\(choice.request.spec)' does not say which stream of the module '\(module)' is meant, and \(reason)"
                + (lines.isEmpty ? "" : "; use \(lines.alternatives)"))
    }
}

extension ModuleMetadata {
    /// A hint for a line that names an unknown module; `nil` when the line does not look like a module.
    ///
    /// - Parameter runs: whether packages of an architecture can be installed.
    func hint(for text: String, where runs: (String) -> Bool) -> String? {
        let spec = ModuleSpec(text)
        guard let spec, spec.stream != nil else { return text.contains(":") ? hint(forForm: text, where: runs) : nil }
        guard streams.contains(where: { $0.module == spec.name }) else { return "no repository has the module '\(spec.name)'" + near(spec.name) }
        let lines = lines(like: spec, where: runs)
        return "no repository has such a stream of the module '\(spec.name)'" + (lines.isEmpty ? "" : "; there is \(lines.list)")
    }

    /// For texts such as `nodejs:`, `nodejs::18` and `nodejs: 18`.
    private func hint(forForm text: String, where runs: (String) -> Bool) -> String {
        let halves = text.split(separator: "/", maxSplits: 1).map { half in
            half.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
        let rule = "a module's stream is written '@name:stream' or '@name:stream/profile'"
        guard let names = halves.first, let name = names.first, !text.hasPrefix(":") else { return rule }
        guard streams.contains(where: { $0.module == name }) else {
            return "no repository has the module '\(name)', and \(rule)" + near(name)
        }
        var meant = ModuleSpec(name: name)
        if names.count > 1 { meant.stream = names[1] }
        if halves.count > 1 { meant.profile = halves[1].first }
        let exact = Set(streams.lazy.filter(meant.fits).map(\.stream))
        let lines = exact.isEmpty ? lines(like: meant, where: runs) : lines(like: meant, exact, where: runs)
        return rule + (lines.isEmpty ? "" : "; use \(lines.alternatives)")
    }

    private func near(_ name: String) -> String {
        guard !streams.isEmpty else { return "; no repository has any module" }
        let near = NearMisses.of(name, among: Set(streams.map(\.module))).map { "'\($0)'" }
        return near.isEmpty ? "" : "; did you mean \(near.alternatives)?"
    }

    /// The newest version of `name:stream` that runs on the machine.
    func newest(_ nameStream: String, where runs: (String) -> Bool) -> Stream? {
        streams.filter { $0.nameStream == nameStream && runs($0.architecture) }.max { $0.version < $1.version }
    }

    /// The text after the `@` of a line that enables a stream. It names a profile if the stream has profiles, but no default one.
    func line(for stream: Stream, profile: String? = nil) -> String {
        if let profile, stream.profiles[profile] != nil { return "\(stream.nameStream)/\(profile)" }
        let usual = defaults[stream.module]?.profiles[stream.stream] ?? []
        if !usual.isEmpty, usual.allSatisfy({ stream.profiles[$0] != nil }) { return stream.nameStream }
        let one = stream.profiles["common"] != nil ? "common" : stream.profiles.keys.min()
        return one.map { "\(stream.nameStream)/\($0)" } ?? stream.nameStream
    }

    /// Lines, in quotes, that enable streams of the module that `spec` names: all streams, or the given ones.
    fileprivate func lines(like spec: ModuleSpec, _ chosen: Set<String>? = nil, where runs: (String) -> Bool) -> FewNames {
        var newest: [String: Stream] = [:]
        for one in streams where one.module == spec.name && chosen?.contains(one.stream) ?? true && runs(one.architecture) {
            if newest[one.stream].map({ $0.version < one.version }) ?? true { newest[one.stream] = one }
        }
        let lines = newest.mapValues { line(for: $0, profile: spec.profile) }
        return FewNames(lines.keys, like: spec.stream) { "'@\(lines[$0] ?? $0)'" }
    }

    /// Whether a line such as `@nodejs:18` asks for no package: it names a stream without default profiles. It is what `dnf module enable
    /// nodejs:18` is on a running system.
    func onlyEnables(_ choice: ModuleSelection.Choice) -> Bool {
        choice.spec.stream != nil && choice.spec.profile == nil && defaults[choice.module]?.profiles[choice.stream]?.isEmpty ?? true
    }

    /// The packages of the profiles that a choice means.
    ///
    /// - Parameter version: the version whose profiles count.
    /// - Throws: `ResolutionError` when there is no such profile.
    func packages(of choice: ModuleSelection.Choice, in version: Stream) throws -> [String] {
        let names = version.profiles.keys.sorted()
        let alternatives = FewNames(names, like: choice.spec.profile) { "'@\(version.nameStream)/\($0)'" }.alternatives
        func fail(_ message: String) -> ResolutionError {
            let hint = names.isEmpty ? "it has no profiles" : "use \(alternatives)"
            return ResolutionError([ResolutionDiagnostic(at: [choice.request.location], "\(message); \(hint)")])
        }
        let wanted: [String]
        if let pattern = choice.spec.profile {
            wanted = names.filter { $0 == pattern || pattern.isGlob && fnmatch(pattern, $0, 0) == 0 }
            guard !wanted.isEmpty else { throw fail("'\(version.nameStream)' has no profile '\(pattern)'") }
        } else {
            if onlyEnables(choice) { return [] }
            wanted = (defaults[choice.module]?.profiles[choice.stream] ?? []).sorted()
            guard !wanted.isEmpty else { throw fail("'\(version.nameStream)' has no default profile") }
            if let missing = wanted.first(where: { version.profiles[$0] == nil }) {
                throw fail("the default profile '\(missing)' is not in the newest '\(version.nameStream)'")
            }
        }
        return Set(wanted.flatMap { version.profiles[$0] ?? [] }).sorted()
    }
}
