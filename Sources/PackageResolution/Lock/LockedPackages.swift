import BuildStore
import ConfigurationTree
import HostSystem

/// Fetches the packages of a lock from wherever they are now: the store, the place where they were locked, or the place where the
/// repository has the same content today.
public struct LockedPackages: Sendable {
    private let fetcher: PackageFetcher
    private let resolver: PackageResolver

    public init(fetcher: PackageFetcher, resolver: PackageResolver) {
        self.fetcher = fetcher
        self.resolver = resolver
    }

    /// Fetches packages that are not in the store. Metadata is read only when a package is not at its place any more.
    ///
    /// - Throws: `LockedPackagesError` with every package that is gone or has other content, `CancellationError`.
    public func fetch(
        _ packages: [TransactionPackage], _ configuration: YumConfiguration, architecture: String,
        progress: @escaping @Sendable (FetchProgress) -> Void
    ) async throws {
        do {
            try await fetcher.fetch(packages, from: configuration.repositories, progress: progress)
        } catch let error as DownloadError {
            let missing = missing(packages)
            // All packages are there: something else failed, such as a key or the disk.
            guard !missing.isEmpty else { throw error }
            let current = await current(missing, configuration, architecture)
            let moved = missing.compactMap { package in
                current[package.nevra]?.first { $0.checksum == package.checksum && $0.location != package.location }
            }
            if !moved.isEmpty {
                // The store keeps a package by checksum and file name, so this package gets the place of the locked one.
                _ = try? await fetcher.fetch(moved, from: configuration.repositories, progress: progress)
            }
            let gone = self.missing(packages)
            guard gone.isEmpty else {
                throw LockedPackagesError(
                    reasons: gone.map { package in
                        Self.words(package, current[package.nevra] ?? [], current[package.name] ?? [], error)
                    })
            }
        }
    }

    private func missing(_ packages: [TransactionPackage]) -> [TransactionPackage] {
        packages.filter { $0.checksum != nil && !exists(fetcher.path(of: $0)) }.sorted { $0.nevra < $1.nevra }
    }

    /// The packages of the same names that the repositories have today, by NEVRA and by name; empty when they cannot be read.
    private func current(
        _ packages: [TransactionPackage], _ configuration: YumConfiguration, _ architecture: String
    ) async -> [String: [TransactionPackage]] {
        let wanted = Set(packages.map(\.repository))
        var configuration = configuration
        configuration.repositories.removeAll { !wanted.contains($0.id) }
        let request = ResolutionRequest(
            requests: [], localPackages: [], configuration: configuration, architecture: architecture)
        let found = (try? await resolver.packages(named: Set(packages.map(\.name)), request)) ?? []
        return Dictionary(grouping: found, by: \.nevra).merging(Dictionary(grouping: found, by: \.name)) { $0 + $1 }
    }

    private static func words(
        _ package: TransactionPackage, _ same: [TransactionPackage], _ others: [TransactionPackage], _ error: DownloadError
    ) -> String {
        let place = "\(package.nevra) (\(package.repository), \(package.location))"
        if let other = same.first, other.checksum != package.checksum {
            return
                "\(place): other content: the lock has \(package.downloadSize.bytes) bytes, \(package.checksum?.description ?? "-"); the repository has \(other.downloadSize.bytes) bytes, \(other.checksum?.description ?? "-")"
        }
        let reason =
            error.failures.first { $0.hasPrefix(package.nevra) }?.split(separator: "\n").dropFirst().map {
                "\n    \($0.trimmed)"
            }.joined() ?? ""
        guard !others.isEmpty else { return "\(place): gone; the repository has no \(package.name) any more\(reason)" }
        guard same.isEmpty else { return "\(place): cannot be fetched\(reason)" }
        let versions = others.map { "\($0.evr).\($0.architecture)" }.shortList
        return "\(place): gone; the repository has \(versions)\(reason)"
    }
}

/// Locked packages that cannot be fetched, each with the reason.
public struct LockedPackagesError: Error, CustomStringConvertible {
    public var reasons: [String]

    public var description: String {
        let count = reasons.count == 1 ? "1 locked package" : "\(reasons.count) locked packages"
        return
            "\(count) cannot be fetched as locked, and nothing was built; 'discographer lock' locks the current packages:\n"
            + reasons.map { "  \($0)" }.joined(separator: "\n")
    }
}
