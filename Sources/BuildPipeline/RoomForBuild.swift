// Whether the cache has room for what a batch is going to put into it, as far as the transactions say. Found out before anything is fetched: otherwise the disk
// fills up in the middle of an installation, often together with other machines' builds.
import BuildGraph
import BuildStore
import ConfigurationTree
import Glibc
import HostSystem
import PackageResolution
import SystemPackage

struct RoomForBuild {
    /// What is needed at the least. Images are not counted: how well they compress is not known.
    private(set) var downloads: UInt64 = 0
    private(set) var roots: UInt64 = 0
    private(set) var disks: UInt64 = 0
    private(set) var files: UInt64 = 0

    /// A result's folder, record, value, log, marks, lock and pin, and the link that leads to it.
    private static let filesOfResult: UInt64 = 8

    /// - Parameter wanted: stages whose results are asked for. As the scheduler does, this looks at what a stage needs only if its own result is missing.
    init(_ graph: BuildGraph, wanted: [Identity], store: some StageStore) {
        var seen: Set<Identity> = []
        var waiting = wanted
        var packages: Set<FilePath> = []
        while let identity = waiting.popLast() {
            guard seen.insert(identity).inserted, let node = graph[identity], store.result(of: identity) == nil else { continue }
            waiting += node.needs
            if type(of: node.stage).isKept { files += Self.filesOfResult }
            switch node.stage {
            case let stage as FetchStage: add(stage.request.value, &packages)
            case let stage as InstallStage:
                roots += stage.leastSize
                files += UInt64(stage.packages.count)
            case let stage as DiskStage where node.needs.contains(where: { graph[$0]?.stage is InstallStage && store.result(of: $0) == nil }):
                // Of the size that the root has.
                disks += stage.services.value.installedSize
            default: break
            }
        }
    }

    /// Packages that have to come over the network; those of this host are used where they are.
    private mutating func add(_ request: FetchStage.Request, _ known: inout Set<FilePath>) {
        let here = Set(
            request.configuration.repositories.filter { !$0.baseURLs.isEmpty && $0.baseURLs.allSatisfy { $0.hasPrefix("file:") } }.map(\.id))
        for package in request.transaction.packages where package.checksum != nil && !here.contains(package.repository) {
            let path = request.fetcher.path(of: package)
            if !exists(path), known.insert(path).inserted { downloads += package.downloadSize.bytes }
        }
    }

    private var bytes: UInt64 { downloads + roots + disks }

    /// - Throws: `StageError` with what is needed, what is free, and where.
    func check(_ folder: FilePath) throws {
        var status = statvfs()
        guard folder.withPlatformString({ statvfs($0, &status) }) == 0 else { return }
        // ext4 keeps a part for root.
        let mayUseAll = geteuid() == 0 && UserNamespace.isInitial
        let free = UInt64(mayUseAll ? status.f_bfree : status.f_bavail) * UInt64(status.f_frsize)
        let cure = "free some ('discographer clean'), or choose another folder with --cache-path"
        // Packages' sizes are not exact, and some file systems compress.
        let least = Self.mayCompress(folder) ? bytes / 4 : bytes / 10 * 9
        guard least <= free else {
            let parts = [("packages to fetch", downloads), ("installed packages", roots), ("disks", disks)].filter { $0.1 > 0 }
                .map { "\($0.0) \(ByteCount($0.1))" }
            throw StageError(
                "\(folder): error: the cache does not have room for this build: it needs \(ByteCount(bytes)) (\(parts.joined(separator: ", "))), and \(ByteCount(free)) are free; \(cure)"
            )
        }
        let names = UInt64(mayUseAll ? status.f_ffree : status.f_favail)
        // A file system without a fixed number of inodes has 0 of them.
        guard status.f_files == 0 || files <= names else {
            throw StageError(
                "\(folder): error: the cache does not have enough inodes for this build: it needs more than \(files), and \(names) are free; \(cure)")
        }
    }

    /// statfs(2), f_type: BTRFS_SUPER_MAGIC, and ZFS's and bcachefs's own.
    private static func mayCompress(_ folder: FilePath) -> Bool { [0x9123_683e, 0x2fc1_2fc1, 0xca45_1a4e].contains(fileSystemType(of: folder)) }
}

extension InstallStage {
    /// What the root takes at the least, in bytes. How much of the packages is left out is not known before they are there.
    var leastSize: UInt64 {
        let leavesOut = transactionFlags.contains(.nodocs) || !languages.isEmpty || !excludedPaths.isEmpty
        return leavesOut ? services.value.installedSize / 2 : services.value.installedSize
    }
}
