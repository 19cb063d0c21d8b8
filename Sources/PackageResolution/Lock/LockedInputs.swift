import ConfigurationTree
import SystemPackage

/// What a lock was made from, as it is written in the configuration. It shows when the lock no longer fits.
public struct LockedInputs: Hashable, Sendable {
    struct Option: Hashable, Sendable {
        var section: String
        var name: String
        var value: String

        /// `best of [main]`.
        var title: String { section == WrittenOption.variables ? "the variable \(name)" : "\(name) of [\(section)]" }
    }

    var architecture: String
    /// Lines of `packages`, the group's and the machine's: sorted, each once.
    var asked: [String]
    /// Sorted. An option that is written several times has all its values.
    var options: [Option]
    var repositories: [String]

    init(_ request: ResolutionRequest) {
        architecture = request.architecture
        asked = Set(request.requests.map(\.line)).sorted()
        options = Dictionary(grouping: request.configuration.writtenOptions) { [$0.section, $0.name] }
            .map { Option(section: $0[0], name: $0[1], value: $1.map(\.value).joined(separator: " ")) }
            .sorted { ($0.section, $0.name) < ($1.section, $1.name) }
        let locks = request.configuration.versionLocks
        if !locks.isEmpty { options.append(Option(section: "plugins", name: "versionlock", value: locks.joined(separator: " "))) }
        repositories = request.configuration.repositories.map(\.id).sorted()
    }

    init(architecture: String, asked: [String], options: [Option], repositories: [String]) {
        self.architecture = architecture
        self.asked = asked
        self.options = options
        self.repositories = repositories
    }

    /// Everything in which the request differs from what the lock was made from.
    ///
    /// - Parameter lockFile: the location of differences that only the lock shows.
    func differences(to request: ResolutionRequest, lockFile: FilePath) -> [ResolutionDiagnostic] {
        let now = LockedInputs(request)
        let inLock = SourceLocation(file: lockFile)
        var diagnostics: [ResolutionDiagnostic] = []
        if now.architecture != architecture {
            diagnostics.append(.init(at: [inLock], "made for \(architecture), but the machine is \(now.architecture)"))
        }
        for one in request.requests where !asked.contains(one.line) {
            diagnostics.append(.init(at: [one.location], "'\(one.line)' was not there when packages.lock was made"))
        }
        for line in asked where !now.asked.contains(line) {
            diagnostics.append(.init(at: [inLock], "made with the line '\(line)', which packages no longer has"))
        }
        for id in repositories where !now.repositories.contains(id) {
            diagnostics.append(.init(at: [inLock], "made with the repository '\(id)', which is not enabled any more"))
        }
        for id in now.repositories where !repositories.contains(id) {
            let place = request.configuration.writtenOptions.first { $0.section == id }.map {
                SourceLocation(file: $0.location.file)
            }
            diagnostics.append(.init(at: [place ?? inLock], "the repository '\(id)' was not enabled when packages.lock was made"))
        }
        let changed = Set(repositories).symmetricDifference(now.repositories)
        for option in now.options where !changed.contains(option.section) && !options.contains(option) {
            let place = request.configuration.writtenOptions.last {
                $0.section == option.section && $0.name == option.name
            }
            let before = options.first { $0.section == option.section && $0.name == option.name }
            let then = before.map { "packages.lock was made with '\($0.value)'" } ?? "packages.lock was made without it"
            diagnostics.append(.init(at: [place?.location ?? inLock], "\(option.title) is '\(option.value)'; \(then)"))
        }
        for option in options where !changed.contains(option.section) {
            if !now.options.contains(where: { $0.section == option.section && $0.name == option.name }) {
                diagnostics.append(.init(at: [inLock], "made with '\(option.value)' as \(option.title), which is not set any more"))
            }
        }
        return diagnostics
    }
}

extension PackageRequest {
    /// The line of `packages`.
    var line: String {
        switch kind {
        case .install: spec
        case .group: "@\(spec)"
        case .forbid: "-\(spec)"
        }
    }
}
