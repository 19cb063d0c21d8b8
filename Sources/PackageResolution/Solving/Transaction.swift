public import BuildStore
public import ConfigurationTree
public import SystemPackage

/// One package that will be installed.
public struct TransactionPackage: Hashable, Codable, Sendable {
    public enum Reason: String, Codable, Sendable {
        /// A line of a `packages` file asked for it, or it is a local package.
        case user
        case group
        case dependency
        case weakDependency
    }

    public var name: String
    public var epoch: Int
    public var version: String
    public var release: String
    public var architecture: String
    /// The repository's id; `@local` for the files of `rpms/`.
    public var repository: String
    /// Relative to the repository's base URL, or a URL of its own; an absolute path for a local package.
    public var location: String
    public var downloadSize: ByteCount
    public var installedSize: ByteCount
    /// The checksum of the package file; `nil` for local packages.
    public var checksum: Checksum?
    public var reason: Reason

    /// `name-[epoch:]version-release.arch`.
    public var nevra: String {
        "\(name)-\(epoch == 0 ? "" : "\(epoch):")\(version)-\(release).\(architecture)"
    }
}

/// The packages to install, in libsolv's order: dependencies first where there is no cycle.
public struct Transaction: Hashable, Codable, Sendable {
    public var packages: [TransactionPackage]

    public init(packages: [TransactionPackage]) { self.packages = packages }

    /// The packages in the order in which dnf hands them to librpm: repository by repository, each sorted by file name, as createrepo_c lists
    /// them, and local packages last. librpm's own order depends on it where dependencies leave a choice. The same set of packages always has
    /// the same order.
    ///
    /// - Parameter repositories: as the yum configuration has them.
    public func packages(inOrderOf repositories: [Repository]) -> [TransactionPackage] {
        let ranks = Dictionary(zip(repositories.inOrderOfChoice.map(\.id), 0...)) { first, _ in first }
        func key(_ package: TransactionPackage) -> (Int, String, String) {
            (ranks[package.repository] ?? .max, package.fileName, package.nevra)
        }
        return packages.map { (key($0), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    public var downloadSize: ByteCount { ByteCount(packages.reduce(0) { $0 + $1.downloadSize.bytes }) }
    public var installedSize: ByteCount { ByteCount(packages.reduce(0) { $0 + $1.installedSize.bytes }) }
}

/// The request of one machine.
public struct ResolutionRequest: Sendable {
    public var requests: [PackageRequest]
    public var localPackages: [FilePath]
    public var configuration: YumConfiguration
    public var architecture: String

    public init(
        requests: [PackageRequest], localPackages: [FilePath], configuration: YumConfiguration, architecture: String
    ) {
        self.requests = requests
        self.localPackages = localPackages
        self.configuration = configuration
        self.architecture = architecture
    }
}
