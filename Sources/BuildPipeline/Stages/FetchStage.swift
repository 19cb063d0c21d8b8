import BuildGraph
import BuildStore
import ConfigurationTree
import HostSystem
import PackageResolution
import SystemPackage

/// Packages' files, checked against the metadata's checksums. They are in the shared store of packages, and so nothing is kept of the stage itself.
struct FetchStage: Stage {
    static let name = "fetch"
    static let version = 1
    static let isKept = false

    /// Checksums of the packages, sorted.
    var packages: [String]
    let request: RunOnly<Request>

    /// What is fetched, and from where.
    struct Request: Sendable {
        var transaction: Transaction
        var configuration: YumConfiguration
        var architecture: String
        var isLocked: Bool
        var cachePath: FilePath
        var access: RepositoryAccess

        var fetcher: PackageFetcher { PackageFetcher(cachePath: cachePath, access: access) }
    }

    init(_ request: Request) {
        packages = request.transaction.packages.compactMap { $0.checksum?.description }.sorted()
        self.request = RunOnly(request)
    }

    var demand: ResourceDemand { ResourceDemand(processors: 1, memory: 64 << 20, disk: request.value.transaction.downloadSize.bytes) }

    /// Hands over a `[FilePath: LocalPackage]`: packages that stay where they are, by their places in the store.
    func run(_ work: StageWork) async throws -> StageContent {
        let request = request.value
        let fetcher = request.fetcher
        let progress: @Sendable (FetchProgress) -> Void = { work.transfer(TransferProgress($0)) }
        do {
            var local: [FilePath: LocalPackage] = [:]
            if request.isLocked {
                let resolver = PackageResolver(cachePath: request.cachePath, access: request.access)
                try await LockedPackages(fetcher: fetcher, resolver: resolver).fetch(
                    request.transaction.packages, request.configuration, architecture: request.architecture, progress: progress)
            } else {
                local = try await fetcher.fetch(
                    request.transaction.packages, from: request.configuration.repositories, inPlace: true, progress: progress)
            }
            work.handOver(local)
        } catch is CancellationError { throw CancellationError() } catch {
            throw StageError(fetcher.naming(keysOf: request.configuration.repositories, in: "\(error)"))
        }
        return StageContent()
    }
}

extension TransferProgress {
    init(_ fetch: FetchProgress) {
        self.init(
            bytes: fetch.bytes, totalBytes: fetch.totalBytes, files: fetch.files, totalFiles: fetch.totalFiles, finished: fetch.finished)
    }
}

/// A reason for which a stage cannot be done, in words.
struct StageError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
