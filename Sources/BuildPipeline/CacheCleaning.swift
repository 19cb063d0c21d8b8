import BuildStore
public import ConfigurationTree
import Foundation
import HostSystem
import PackageResolution
import SystemPackage

/// Removes what builds left in the cache. Nothing but what builds make is touched: a mistyped cache path harms nobody.
public struct CacheCleaning: Sendable {
    /// What is removed of a machine.
    public enum Extent: Sendable {
        /// Installed roots, layers and raw disks, which the next build makes anew.
        case intermediate
        /// The artefacts, transactions and logs too.
        case everything
    }

    private let options: BuildOptions
    private let onWait: @Sendable (_ machine: String) -> Void
    private static let sharedStores = ["packages", "repositories"]
    private static let lockName = "lock"
    /// What builds put into a machine's folder.
    private static let results: Set = ["minimal-appliance", "artefacts", "artefacts.new", "artefacts.old", "yum"]

    /// - Parameter onWait: called when another build of a machine has to end first.
    public init(options: BuildOptions, onWait: @escaping @Sendable (_ machine: String) -> Void) {
        self.options = options
        self.onWait = onWait
    }

    /// Cleans after the selected machines, or, when none are, after all that the cache knows: those that left the tree too.
    ///
    /// - Returns: the machines that something was removed of, as GROUP/MACHINE.
    /// - Throws: `HostSystemError`, `Errno`.
    public func clean(_ selectors: [MachineSelector], _ extent: Extent) async throws -> [String] {
        var cleaned: [String] = []
        for folder in machineFolders(selectors) {
            let name = folder.components.suffix(2).map(\.string).joined(separator: "/")
            let lock = try await offPool { [onWait] in
                try FileLock(folder.appending(Self.lockName)) { onWait(name) }
            }
            defer { withExtendedLifetime(lock) {} }
            // The lock stays: another build may be waiting for it.
            let wanted = extent == .everything ? Self.results : ["minimal-appliance"]
            let names = entries(folder).filter(wanted.contains)
            if !names.isEmpty { cleaned.append(name) }
            try await remove(names.map { folder.appending($0) })
        }
        AbandonedFiles.remove(from: options.paths.cachePath)
        return cleaned
    }

    /// Removes the stores of packages and repository metadata that all machines share. No build may run meanwhile.
    ///
    /// - Throws: `BuildProblem` when a folder of that name holds something else, `HostSystemError`.
    public func cleanSharedStores() async throws {
        let stores = Self.sharedStores.map { options.paths.cachePath.appending($0) }.filter(exists)
        for store in stores {
            guard let foreign = entries(store).first(where: { !Self.isOfStore($0) }) else { continue }
            throw BuildProblem("\(store): error: this is no store of a cache: it holds '\(foreign)'; nothing of it was removed")
        }
        try await remove(stores)
    }

    /// Packages and metadata have their checksum in the name, or its beginning; the rest are the folders of `MetadataStore`, and files
    /// that a killed build left.
    private static func isOfStore(_ name: String) -> Bool {
        if ["seen", "keys", PackageFetcher.bootName].contains(name) || name.hasPrefix("repomd-") || name.hasPrefix("mirrors-") { return true }
        let checksum = name.prefix { $0 != "-" }
        return (checksum.count == 2 || checksum.count >= 32) && checksum.allSatisfy(\.isHexDigit)
    }

    private func machineFolders(_ selectors: [MachineSelector]) -> [FilePath] {
        let groups = entries(options.paths.cachePath).filter { !Self.sharedStores.contains($0) }
        return groups.flatMap { group in
            entries(options.paths.cachePath.appending(group)).filter { machine in
                selectors.isEmpty || selectors.contains { $0.group == group && ($0.machine ?? machine) == machine }
            }.map { options.paths.cachePath.appending(group).appending($0) }
        }.filter { isRegularFile($0.appending(Self.lockName)) }
    }

    private func entries(_ folder: FilePath) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []).sorted()
    }

    private func remove(_ paths: [FilePath]) async throws {
        guard !paths.isEmpty else { return }
        try await options.tools.tool("rm").run(["-rf", "--one-file-system"] + paths.map(\.string))
    }
}
