import BuildStore
public import ConfigurationTree
public import HostSystem
public import PackageInstallation
public import SystemPackage

/// A machine's root in the cache, for who wants to look at it: as it stood when its build failed, or as a stage left it.
public struct MachineRoot: Sendable {
    /// What a root is that of; the stages whose results are roots.
    public enum Moment: String, Sendable, CaseIterable { case failed, installed, composed }

    public let moment: Moment
    /// Where it is.
    public let place: FilePath
    /// The uppermost first.
    let layers: [FilePath]
    private let machine: String
    /// Keeps builds and `clean` away, and not other shells.
    private var lock: FileLock?

    /// The root of that moment; without one, the failed one if it was kept, or else the most finished one. No build changes it while this value
    /// lives, or the session that this process becomes.
    ///
    /// - Parameter onWait: called when a build of the machine has to end first.
    /// - Returns: `nil` when the cache has none.
    /// - Throws: `FileError` when the lock cannot be had.
    public init?(of machine: Machine, at moment: Moment?, paths: BuildPaths, tools: ToolTable, onWait: () -> Void) throws {
        let folder = paths.machineCache(machine)
        guard exists(folder) else { return nil }
        let lock = try FileLock(folder.appending("lock"), isShared: true, onWait: onWait)
        try lock.outliveProgram()
        let found: MachineRoot? =
            switch moment {
            case .failed: Self.kept(for: machine, paths: paths, tools: tools)
            case .installed: Self.finished(machine, .installed, paths, tools)
            case .composed: Self.finished(machine, .composed, paths, tools)
            case nil:
                Self.kept(for: machine, paths: paths, tools: tools) ?? Self.finished(machine, .composed, paths, tools)
                    ?? Self.finished(machine, .installed, paths, tools)
            }
        guard let found else { return nil }
        self = found
        self.lock = lock
    }

    private init(moment: Moment, place: FilePath, layers: [FilePath], machine: String) {
        (self.moment, self.place, self.layers, self.machine) = (moment, place, layers, machine)
    }

    static func kept(for machine: Machine, paths: BuildPaths, tools: ToolTable) -> MachineRoot? {
        guard let cache = try? StageCache(folder: paths.minimalAppliance(machine), tools: tools) else { return nil }
        let installing = cache.failure(of: "installed").appending("root")
        if exists(installing) {
            return MachineRoot(moment: .failed, place: installing, layers: [installing], machine: machine.name)
        }
        let composing = cache.failure(of: "composed").appending("changes")
        guard exists(composing), let installed = cache.newest("installed")?.appending("root") else { return nil }
        return MachineRoot(moment: .failed, place: composing, layers: [composing, installed], machine: machine.name)
    }

    private static func finished(_ machine: Machine, _ moment: Moment, _ paths: BuildPaths, _ tools: ToolTable) -> MachineRoot? {
        guard let cache = try? StageCache(folder: paths.minimalAppliance(machine), tools: tools),
            let installed = cache.newest("installed")?.appending("root")
        else { return nil }
        guard moment == .composed else {
            return MachineRoot(moment: moment, place: installed, layers: [installed], machine: machine.name)
        }
        guard let composed = cache.newest("composed")?.appending("changes"), exists(composed) else { return nil }
        return MachineRoot(moment: moment, place: composed, layers: [composed, installed], machine: machine.name)
    }

    /// A shell, or a command, in this root.
    ///
    /// - Parameter terminal: the caller's TERM.
    public func session(command: [String], sourceDateEpoch: Int, terminal: String?) -> ShellSession {
        ShellSession(
            layers: layers, machineName: machine, sourceDateEpoch: sourceDateEpoch, command: command, terminal: terminal)
    }
}
