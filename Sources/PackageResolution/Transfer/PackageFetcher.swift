import BuildStore
import ConfigurationTree
import Foundation
import Glibc
public import HostSystem
public import SystemPackage

/// A package that is used in its own place on this host.
public struct LocalPackage: Hashable, Sendable {
    public var path: FilePath
    /// Identifies the file whose checksum was checked.
    public var identity: FileIdentity
}

/// The shared store of package files, `<cachePath>/packages`: by checksum, so that no package is fetched twice.
public struct PackageFetcher: Sendable {
    private let folder: FilePath
    private let metadata: MetadataStore

    public init(cachePath: FilePath, access: RepositoryAccess = RepositoryAccess()) {
        folder = cachePath.appending("packages")
        metadata = MetadataStore(folder: cachePath.appending("repositories"), access: access)
    }

    /// Where the file of a package is after the fetch; a local package stays in its own place.
    public func path(of package: TransactionPackage) -> FilePath {
        guard let checksum = package.checksum, let name = FilePath(package.fileName).lastComponent else {
            return FilePath(package.location)
        }
        return folder.appending(String(checksum.hexadecimal.prefix(2))).appending(checksum.hexadecimal)
            .appending(name.kind == .regular ? name.string : package.nevra)
    }

    /// Fetches packages that are not in the store, several at once. Every byte is checked against the metadata's checksum.
    ///
    /// - Parameter inPlace: whether packages of repositories on this host (`file:`) stay in their own places, as with dnf. Copying the demo's
    ///   180 packages (219 MB) took 0.4 s on two cores. Their checksums are checked each time.
    /// - Returns: the packages that stay in their own places, by their paths in the store.
    /// - Throws: `DownloadError` with every package that could not be fetched and each mirror's reason, `CancellationError`.
    @discardableResult public func fetch(
        _ packages: [TransactionPackage], from repositories: [Repository], inPlace: Bool = false,
        progress: @escaping @Sendable (FetchProgress) -> Void
    ) async throws -> [FilePath: LocalPackage] {
        try await metadata.blocking { [self] in
            let places = Dictionary(repositories.map { ($0.id, $0) }) { first, _ in first }
            let boot = try beginningOfBoot()
            let missing = Set(packages).filter { $0.checksum != nil && !isThere($0, boot: boot) }.sorted { $0.nevra < $1.nevra }
            // A mirror list is fetched once, and only when a package of its repository is missing.
            var mirrors: [String: [String]] = [:]
            for id in Set(missing.map(\.repository)) {
                guard let repository = places[id] else { continue }
                do { mirrors[id] = try metadata.mirrors(of: repository).baseURLs } catch  where metadata.access.isOffline {
                    mirrors[id] = []
                }
            }
            var downloads = missing.compactMap { package -> Download? in
                guard let repository = places[package.repository], let baseURLs = mirrors[package.repository] else {
                    return nil
                }
                return Download(
                    name: package.nevra, path: package.escapedLocation, mirrors: baseURLs, destination: path(of: package),
                    checksums: [package.checksum].compactMap(\.self), size: package.downloadSize.bytes,
                    options: repository.transfer)
            }
            let local = inPlace ? try localPackages(downloads) : [:]
            downloads.removeAll { local.keys.contains($0.destination) }
            try metadata.downloader.fetch(downloads, progress: progress)
            if !downloads.isEmpty { AbandonedFiles.remove(from: folder.removingLastComponent()) }
            return local
        }
    }

    private func localPackages(_ downloads: [Download]) throws -> [FilePath: LocalPackage] {
        let candidates = downloads.compactMap { download in LocalCopy(download).map { (download.destination, $0) } }
        let cancellation = metadata.downloader.cancellation
        let found = concurrently(candidates) { _, copy in
            cancellation.isCancelled ? nil : copy.package()
        }
        if cancellation.isCancelled { throw CancellationError() }
        return Dictionary(zip(candidates, found).compactMap { candidate, local in local.map { (candidate.0, $0) } }) { first, _ in first }
    }

    /// Whether a package is in the store; a damaged file is removed. A power cut may have damaged files of an earlier boot, so their
    /// checksums are checked once; after that they count as files of this boot.
    private func isThere(_ package: TransactionPackage, boot: timespec) -> Bool {
        var status = stat()
        let path = path(of: package)
        guard stat(path.string, &status) == 0 else { return false }
        if package.downloadSize.bytes == 0 || UInt64(status.st_size) == package.downloadSize.bytes {
            let changed = status.st_ctim
            if (changed.tv_sec, changed.tv_nsec) >= (boot.tv_sec, boot.tv_nsec) { return true }
            if let checksum = package.checksum, (try? Checksum(checksum.algorithm, ofFile: path)) == checksum {
                utimes(path.string, nil)
                return true
            }
        }
        removeFile(path)
        return false
    }

    /// When this boot of the host first used the store, by the clock of the store's file system.
    ///
    /// - Throws: `FileError`.
    private func beginningOfBoot() throws -> timespec {
        let file = folder.appending(Self.bootName)
        let boot = Array((currentBoot() ?? "").utf8)
        if boot.isEmpty || (try? readBytes(file)) != boot {
            try createDirectories(folder)
            try writeAtomically(boot, to: file)
        }
        var status = stat()
        guard stat(file.string, &status) == 0 else { throw FileError(file, Errno(rawValue: errno)) }
        return status.st_ctim
    }

    /// The file in the store that holds the last value of `currentBoot`.
    public static let bootName = "boot"

    /// Makes the folder hold exactly these packages: hard links into the store, or copies (with shared blocks where possible) when the
    /// folder is on another file system, and symbolic links to packages that stay in their own places.
    ///
    /// - Throws: `FileError`.
    public func link(
        _ packages: [TransactionPackage], local: [FilePath: LocalPackage] = [:], into target: FilePath
    ) async throws {
        try await offPool { [self] in
            try createDirectories(target)
            let wanted = Dictionary(
                packages.filter { $0.checksum != nil }.map(path(of:)).compactMap { path in
                    path.lastComponent.map { ($0.string, path) }
                }, uniquingKeysWith: { first, _ in first })
            for name in try FileManager.default.contentsOfDirectory(atPath: target.string) where name.hasSuffix(".rpm") {
                removeFile(target.appending(name))
            }
            for (name, path) in wanted {
                let place = target.appending(name)
                if let local = local[path] {
                    guard symlink(local.path.string, place.string) == 0 else { throw FileError(place, Errno(rawValue: errno)) }
                } else if Glibc.link(path.string, place.string) != 0 {
                    do { try copy(path, to: place) } catch let error as Errno { throw FileError(path, error) }
                }
            }
        }
    }

    private func copy(_ path: FilePath, to target: FilePath) throws {
        let input = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        try input.closeAfter {
            let output = try FileDescriptor.open(
                target, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try output.closeAfter { try copyContents(of: input, to: output) }
        }
    }

    /// Fetches the public keys of the repositories.
    ///
    /// - Throws: `DownloadError`, `CancellationError`.
    public func keys(of repositories: [Repository]) async throws -> [FilePath] {
        try await metadata.blocking { try metadata.keys.keys(of: repositories) }
    }

    /// Replaces the cache paths of keys in the text of an error by their URLs.
    public func naming(keysOf repositories: [Repository], in text: String) -> String {
        metadata.keys.naming(keysOf: repositories, in: text)
    }
}
