import BuildStore
public import ConfigurationTree
import Foundation
public import HostSystem
public import PackageInstallation
public import SystemPackage

/// A machine's root in the cache, to be looked at: as it stood when its build failed, or as a stage left it.
public struct MachineRoot: Sendable {
    /// What a root is that of; the stages whose results are roots.
    public enum Moment: String, Sendable, CaseIterable { case failed, installed, composed }

    public let moment: Moment
    /// Where it is, by the machine's link.
    public let place: FilePath
    /// The uppermost first.
    let layers: [FilePath]
    private let results: [Identity]
    private var machine = ""
    /// Keeps builds and `clean` away, and not other shells.
    private var lock: FileLock?
    /// Has the pins that keep the layers from being removed.
    private var store: LocalStageStore?

    /// The root of that moment; without one, the failed one if it was kept, or else the most finished one. No build changes it while this value
    /// lives, or the session that this process becomes.
    ///
    /// - Parameter onWait: called when a build of the machine has to end first.
    /// - Returns: `nil` when the cache has none.
    /// - Throws: `FileError` when the lock cannot be had, `CancellationError`.
    public init?(
        of machine: Machine, at moment: Moment?, paths: BuildPaths, tools: ToolTable, onWait: @escaping @Sendable () -> Void
    ) async throws {
        let folder = MachineFolder(machine, paths)
        guard exists(folder.path) else { return nil }
        let lock = try await FileLock.wait(for: folder.lockFile, isShared: true, onWait: onWait)
        try lock.outliveProgram()
        let found: MachineRoot? =
            switch moment {
            case .failed: Self.failed(in: folder)
            case .installed: Self.installed(in: folder)
            case .composed: Self.composed(in: folder)
            case nil: Self.failed(in: folder) ?? Self.composed(in: folder) ?? Self.installed(in: folder)
            }
        guard let found else { return nil }
        self = found
        self.machine = machine.name
        self.lock = lock
        let store = try LocalStageStore(cachePath: paths.cachePath, tools: tools)
        try await store.pinForSession(found.results)
        self.store = store
    }

    private init(_ moment: Moment, place: FilePath, layers: [FilePath], results: [Identity]) {
        (self.moment, self.place, self.layers, self.results) = (moment, place, layers, results)
    }

    static func failed(in folder: MachineFolder) -> MachineRoot? {
        let (install, compose) = (MachineFolder.failurePrefix + InstallStage.name, MachineFolder.failurePrefix + ComposeStage.name)
        if let root = existing(folder, install, "root") { return MachineRoot(.failed, place: root, layers: [root], results: []) }
        guard let changes = existing(folder, compose, "changes"), let installed = installed(in: folder) else { return nil }
        return MachineRoot(.failed, place: changes, layers: [changes] + installed.layers, results: installed.results)
    }

    private static func installed(in folder: MachineFolder) -> MachineRoot? {
        guard let root = existing(folder, MachineFolder.installedRoot, "root"), let identity = folder.links[MachineFolder.installedRoot] else {
            return nil
        }
        return MachineRoot(.installed, place: root, layers: [root], results: [identity])
    }

    private static func composed(in folder: MachineFolder) -> MachineRoot? {
        guard let changes = existing(folder, ComposeStage.name, "changes"), let identity = folder.links[ComposeStage.name],
            let installed = installed(in: folder)
        else { return nil }
        return MachineRoot(.composed, place: changes, layers: [changes] + installed.layers, results: installed.results + [identity])
    }

    private static func existing(_ folder: MachineFolder, _ link: String, _ name: String) -> FilePath? {
        let path = folder.minimalAppliance.appending(link).appending(name)
        return exists(path) ? path : nil
    }

    /// A shell, or a command, in this root.
    ///
    /// - Parameter terminal: the caller's TERM.
    public func session(command: [String], sourceDateEpoch: Int, terminal: String?) -> ShellSession {
        // The session sees the layers alone, and no links to them.
        let real = layers.map { FilePath(URL(fileURLWithPath: $0.string).resolvingSymlinksInPath().path) }
        return ShellSession(
            layers: real, machineName: machine, sourceDateEpoch: sourceDateEpoch, command: command, terminal: terminal)
    }
}
