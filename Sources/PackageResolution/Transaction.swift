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
    /// Of the package file; `nil` for local packages.
    public var checksum: Checksum?
    public var reason: Reason

    /// `name-[epoch:]version-release.arch`.
    public var nevra: String {
        "\(name)-\(epoch == 0 ? "" : "\(epoch):")\(version)-\(release).\(architecture)"
    }
}

/// What will be installed, in libsolv's order: dependencies first where there is no cycle.
public struct Transaction: Hashable, Codable, Sendable {
    public var packages: [TransactionPackage]

    public init(packages: [TransactionPackage]) { self.packages = packages }

    public var downloadSize: ByteCount { ByteCount(packages.reduce(0) { $0 + $1.downloadSize.bytes }) }
    public var installedSize: ByteCount { ByteCount(packages.reduce(0) { $0 + $1.installedSize.bytes }) }
}

/// What one machine asks for.
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
