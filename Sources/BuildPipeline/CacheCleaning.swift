public import BuildStore
public import ConfigurationTree
import Foundation
import HostSystem
import PackageResolution
public import SystemPackage

/// Removes what builds left in the cache. It touches only what builds make, so that a mistyped cache path does no harm.
public struct CacheCleaning: Sendable {
    /// What is removed of a machine.
    public enum Extent: Sendable {
        /// Installed roots, layers and raw disks, which the next build makes anew.
        case intermediate
        /// The artefacts, transactions and logs too.
        case everything
    }

    /// What was removed, or would be.
    public struct Report: Sendable {
        /// As GROUP/MACHINE.
        public var machines: [String] = []
        public var stages: [StageCollection.Candidate] = []
    }

    private let options: BuildOptions
    private let onWait: @Sendable (_ what: String) -> Void
    private static let sharedStores = ["packages", "repositories", "digests"]
    private static let lockName = "lock"
    /// Folders of the cache that do not belong to a group.
    private static let ownFolders: Set = ["packages", "repositories", "stages", "digests"]
    /// What builds put into a machine's folder.
    private static let results: Set = ["minimal-appliance", "artefacts", "published.json", "stages.json", "yum"]

    /// - Parameter onWait: called with what has to end first, such as `the build of web/www1`.
    public init(options: BuildOptions, onWait: @escaping @Sendable (_ what: String) -> Void) {
        self.options = options
        self.onWait = onWait
    }

    /// Cleans after the selected machines, or, when none are, after all that the cache knows: those that left the tree too. Results of stages that other machines
    /// refer to stay, and so do those that running builds and shells use.
    ///
    /// - Throws: `HostSystemError`, `FileError`, `CancellationError`.
    public func clean(_ selectors: [MachineSelector], _ extent: Extent, isDryRun: Bool = false) async throws -> Report {
        var report = Report()
        let before = try references
        var given: Set<Identity> = []
        for folder in try machineFolders(selectors) {
            let name = folder.components.suffix(2).map(\.string).joined(separator: "/")
            let machine = MachineFolder(folder)
            let lock = try await FileLock.wait(for: folder.appending(Self.lockName)) { [onWait] in onWait("the build of \(name)") }
            defer { withExtendedLifetime(lock) {} }
            given.formUnion(machine.links.values)
            // The lock stays: another build may be waiting for it.
            let wanted = extent == .everything ? Self.results : ["minimal-appliance"]
            let names = try entries(folder).filter { wanted.contains($0) || extent == .everything && $0.hasPrefix("artefacts.") }
            if !names.isEmpty { report.machines.append(name) }
            if !isDryRun { try await remove(names.map { folder.appending($0) }) }
        }
        let store = try LocalStageStore(cachePath: options.paths.cachePath, tools: options.tools)
        var rule = StageCollection.Rule()
        rule.unreferenced = true
        let left = isDryRun ? before.subtracting(given).union(try references(except: selectors)) : try references
        let only = selectors.isEmpty ? nil : given
        report.stages = try await StageCollection(store).collect(rule, references: left, among: only, isDryRun: isDryRun)
        if !isDryRun { AbandonedFiles.remove(from: options.paths.cachePath) }
        return report
    }

    /// Removes results of stages by a rule; machines keep their artefacts and logs.
    ///
    /// - Throws: `HostSystemError`, `FileError`, `CancellationError`.
    public func collect(_ rule: StageCollection.Rule, isDryRun: Bool) async throws -> Report {
        let store = try LocalStageStore(cachePath: options.paths.cachePath, tools: options.tools)
        var report = Report()
        report.stages = try await StageCollection(store).collect(rule, references: try references, isDryRun: isDryRun)
        return report
    }

    /// The results of stages that machines refer to.
    ///
    /// - Throws: `FileError` when a folder cannot be read: what its machines refer to must not be removed.
    var references: Set<Identity> { get throws { references(of: try machineFolders([])) } }

    private func references(except selectors: [MachineSelector]) throws -> Set<Identity> {
        let selected = Set(try machineFolders(selectors))
        return references(of: try machineFolders([]).filter { !selected.contains($0) })
    }

    private func references(of folders: [FilePath]) -> Set<Identity> { Set(folders.flatMap { MachineFolder($0).links.values }) }

    /// Removes the stores of packages and repository metadata that all machines share, when no build uses them any more.
    ///
    /// - Returns: their folders.
    /// - Throws: `StageError` when a folder of that name holds something else, `HostSystemError`, `FileError`, `CancellationError`.
    public func cleanSharedStores(isDryRun: Bool) async throws -> [FilePath] {
        let stores = Self.sharedStores.map { options.paths.cachePath.appending($0) }.filter(exists)
        for store in stores {
            guard let foreign = try entries(store).first(where: { !Self.isOfStore($0) }) else { continue }
            throw StageError("\(store): error: this is not a store of a cache: it holds '\(foreign)'; nothing was removed")
        }
        guard !stores.isEmpty, !isDryRun else { return stores }
        let lock = try await SharedStoresLock.forRemoval(in: options.paths.cachePath) { [onWait] in onWait("another build") }
        defer { withExtendedLifetime(lock) {} }
        try await remove(stores)
        return stores
    }

    /// Packages and metadata have their checksum in the name, or its beginning; the rest are the folders of `MetadataStore`, and files
    /// that a killed build left.
    private static func isOfStore(_ name: String) -> Bool {
        if ["seen", "keys", "libraries.json", "listings", PackageFetcher.bootName].contains(name) || name.hasPrefix("repomd-")
            || name.hasPrefix("mirrors-")
        {
            return true
        }
        let checksum = name.prefix { !"-.".contains($0) }
        return (checksum.count == 2 || checksum.count >= 32) && checksum.allSatisfy(\.isHexDigit)
    }

    /// The machines that the cache has something of, as GROUP/MACHINE.
    ///
    /// - Throws: `FileError` for a folder that cannot be read.
    public var machines: [String] {
        get throws { try machineFolders([]).map { $0.components.suffix(2).map(\.string).joined(separator: "/") } }
    }

    /// Whether neither the cache nor the tree has what is selected.
    ///
    /// - Throws: `FileError` for a folder that cannot be read.
    public func isUnknown(_ selector: MachineSelector) throws -> Bool {
        let group = options.paths.configPath.appending(selector.group)
        return try machineFolders([selector]).isEmpty
            && !isThere(selector.machine.map { group.appending("machines").appending($0) } ?? group)
    }

    private func machineFolders(_ selectors: [MachineSelector]) throws -> [FilePath] {
        let groups = try entries(options.paths.cachePath).filter { !Self.ownFolders.contains($0) }
        return try groups.flatMap { group in
            try entries(options.paths.cachePath.appending(group)).filter { machine in
                selectors.isEmpty || selectors.contains { $0.group == group && ($0.machine ?? machine) == machine }
            }.map { options.paths.cachePath.appending(group).appending($0) }
        }.filter { isRegularFile($0.appending(Self.lockName)) }
    }

    /// Empty for what is not a folder.
    ///
    /// - Throws: `FileError` for a folder that cannot be read: it may have what has to be cleaned.
    private func entries(_ folder: FilePath) throws -> [String] {
        do {
            let opened = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
            return try opened.closeAfter { try folderEntries(opened) }.map(\.string)
        } catch let error as Errno {
            guard error.meansAbsence else { throw FileError(folder, error) }
            return []
        }
    }

    private func remove(_ paths: [FilePath]) async throws {
        guard !paths.isEmpty else { return }
        try await options.tools.tool("rm").run(["-rf", "--one-file-system"] + paths.map(\.string))
    }
}
