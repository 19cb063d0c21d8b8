public import ConfigurationTree
import HostSystem
import PackageInstallation
import PackageResolution
import RootFilesystem
import SystemPackage

/// What is wrong with a batch's tree besides what reading it tells: how its checkout stands, and what the programs and libraries that will read its files say of them.
public struct TreeInspection: Sendable {
    /// How much is looked at: each level has that of the ones before it.
    public enum Depth: Int, Comparable, Sendable {
        /// What would make a wrong machine without anybody noticing.
        case build
        /// Files that are not committed.
        case plan
        /// What the build finds itself before anything is built: packages and keys of the tree.
        case check

        public static func < (left: Depth, right: Depth) -> Bool { left.rawValue < right.rawValue }
    }

    public var diagnostics: [Diagnostic] = []
    /// How many files are not as Git has them.
    public var changedFiles = 0
}

extension Batch {
    /// - Throws: `CancellationError`; `HostSystemError` when bash is missing.
    public func inspect(_ depth: TreeInspection.Depth) async throws -> TreeInspection {
        var inspection = TreeInspection(diagnostics: diagnostics())
        inspection.diagnostics += try await scriptProblems() + permissionProblems()
        var checkout = CheckoutInspection(
            UsedPaths(tree, functions: options.paths.functionsPath), tools: options.tools, findsChanges: depth >= .plan)
        await checkout.run()
        inspection.diagnostics += checkout.diagnostics
        inspection.changedFiles = checkout.changedFiles
        if depth >= .check { inspection.diagnostics += try await fileProblems() }
        try Task.checkCancellation()
        return inspection
    }

    /// Of generator scriptlets and of the functions that they use.
    private func scriptProblems() async throws -> [Diagnostic] {
        let functions: [FilePath]
        do { functions = try GeneratorScriptlets.functions(in: options.paths.functionsPath) } catch let error as FileError {
            return [
                Diagnostic(
                    .error, at: SourceLocation(file: error.path), "cannot be read: \(error.errno)",
                    hint: "expected the folder of the functions of generator scriptlets (--functions-path, functionsPath)")
            ]
        }
        var diagnostics: [Diagnostic] = []
        for file in functions {
            // bash would take a pointer's text for commands.
            guard let standIn = try? StandInContent(of: resolved(file) ?? file) else { continue }
            diagnostics.append(Diagnostic(.error, at: SourceLocation(file: file), standIn.message, hint: standIn.cure))
        }
        let scriptlets = Set(members.flatMap { $0.group.generatorScriptlets + $0.machine.generatorScriptlets }.map { resolved($0) ?? $0 })
        guard !scriptlets.isEmpty else { return diagnostics }
        let syntax = ScriptSyntax(bash: try options.tools.tool("bash"))
        return diagnostics + (try await syntax.problems(ofSourced: functions + scriptlets.sorted { $0.string < $1.string }))
    }

    /// Of the lines of `<layer>.permissions`: what only the library that sets capabilities knows.
    private func permissionProblems() -> [Diagnostic] {
        let layers = members.flatMap { member in
            [member.group.rootUnderlays, member.group.rootOverlays, member.machine.rootUnderlays, member.machine.rootOverlays].flatMap(\.self)
        }
        return Set(layers.flatMap(\.permissions)).sorted {
            ($0.location.file.string, $0.location.line ?? 0) < ($1.location.file.string, $1.location.line ?? 0)
        }
        .compactMap { permission in
            permission.capabilities.flatMap { LayerPermissions.problem(ofCapabilities: $0) }.map { Diagnostic(.error, at: permission.location, $0) }
        }
    }

    /// Of the packages in rpms/ and of the keys that are files, as librpm reads them.
    private func fileProblems() async throws -> [Diagnostic] {
        let named = members.flatMap { member -> [FilePath] in
            var ignored: [Diagnostic] = []
            return configuration(of: member.machine, in: member.group, &ignored).repositories.flatMap(\.localKeys)
        }.map { resolved($0) ?? $0 }
        // Machines share them through links.
        let keys = Set(members.flatMap(\.machine.yum.keys).map { resolved($0) ?? $0 } + named).sorted { $0.string < $1.string }
        let packages = Set(members.flatMap(\.machine.rpms).map { resolved($0) ?? $0 }).sorted { $0.string < $1.string }
        guard !(keys + packages).isEmpty else { return [] }
        var diagnostics: [Diagnostic] = []
        func report(_ severity: Diagnostic.Severity, _ path: FilePath, _ message: String, hint: String? = nil) {
            diagnostics.append(Diagnostic(severity, at: SourceLocation(file: path), message, hint: hint))
        }
        let outcome: InspectFilesJob.Outcome
        do { outcome = try await options.worker.run(InspectFilesJob(packages: packages, keys: keys)) } catch {
            if Task.isCancelled || error is CancellationError { throw CancellationError() }
            return [Diagnostic(.warning, at: SourceLocation(file: tree.path), "packages and keys of the tree could not be opened: \(error)")]
        }
        for (key, problem) in zip(keys, outcome.keys) {
            guard let problem else { continue }
            // What no gpgkey names has no effect.
            report(named.contains(key) ? .error : .warning, key, problem)
        }
        var architectures: [FilePath: String] = [:]
        for (path, package) in zip(packages, outcome.packages) {
            if let problem = package.problem { report(.error, path, problem) } else { architectures[path] = package.architecture }
        }
        for machine in members.map(\.machine) {
            let policy = try ArchitecturePolicy(of: machine.description.hardware.architecture)
            for path in machine.rpms {
                guard let architecture = architectures[resolved(path) ?? path], !policy.takes(architecture) else { continue }
                report(
                    .error, path, "a package for \(architecture), which \(machine.fullName) cannot run",
                    hint: "the machine's architecture is \(machine.description.hardware.architecture)")
            }
        }
        return diagnostics
    }
}
