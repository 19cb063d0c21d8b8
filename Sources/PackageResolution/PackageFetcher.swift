import BuildStore
import ConfigurationTree
import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The shared store of package files, `<cachePath>/packages`: by checksum, so that no package is fetched twice.
public struct PackageFetcher: Sendable {
    private let folder: FilePath
    private let keys: FilePath
    private let metadata: MetadataStore

    public init(cachePath: FilePath) {
        folder = cachePath.appending("packages")
        metadata = MetadataStore(folder: cachePath.appending("repositories"))
        keys = metadata.folder.appending("keys")
    }

    /// Where a package's file is once it was fetched; a local package stays where it is.
    public func path(of package: TransactionPackage) -> FilePath {
        guard let checksum = package.checksum, let name = FilePath(package.location).lastComponent else {
            return FilePath(package.location)
        }
        return folder.appending(String(checksum.hexadecimal.prefix(2))).appending(checksum.hexadecimal).appending(name)
    }

    /// Fetches what is not in the store yet, several at once; every byte is checked against the metadata's checksum.
    ///
    /// - Parameter progress: packages done, packages in all, the one just done.
    /// - Throws: `DownloadError` with every package that could not be had and each mirror's reason.
    public func fetch(
        _ packages: [TransactionPackage], from repositories: [Repository],
        progress: @escaping @Sendable (Int, Int, String) -> Void
    ) async throws {
        try await offPool { [self] in
            let places = Dictionary(repositories.map { ($0.id, $0) }) { first, _ in first }
            let missing = Set(packages).filter { $0.checksum != nil && !exists(path(of: $0)) }.sorted {
                $0.nevra < $1.nevra
            }
            // A mirror list is asked once, and only when a package of its repository is missing.
            var mirrors: [String: [String]] = [:]
            for id in Set(missing.map(\.repository)) {
                if let repository = places[id] { mirrors[id] = try metadata.baseURLs(of: repository) }
            }
            let downloads = missing.compactMap { package -> Download? in
                guard let repository = places[package.repository], let baseURLs = mirrors[package.repository] else {
                    return nil
                }
                return Download(
                    name: package.nevra, urls: baseURLs.map { $0 + package.location },
                    destination: path(of: package),
                    checksum: package.checksum, size: package.downloadSize.bytes, options: repository.transfer)
            }
            var done = 0
            try Downloader.fetch(downloads) { download in
                done += 1
                progress(done, downloads.count, download.name)
            }
        }
    }

    /// The armoured public keys of the repositories that ask gpgcheck, fetched.
    public func keys(of repositories: [Repository]) async throws -> [FilePath] {
        try await offPool { [self] in
            let wanted = repositories.filter(\.gpgcheck).flatMap { repository in
                repository.keys.map { ($0, repository) }
            }
            var paths: [FilePath] = []
            for (url, repository) in wanted {
                let name = try Identity(stage: "key", version: 1, of: url).short
                let path = keys.appending(name)
                if !exists(path) || url.hasPrefix("file:") {
                    try Downloader.fetch([
                        Download(
                            name: "key of \(repository.id)", urls: [url], destination: path, checksum: nil, size: nil,
                            options: repository.transfer)
                    ])
                }
                if !paths.contains(path) { paths.append(path) }
            }
            return paths
        }
    }
}
