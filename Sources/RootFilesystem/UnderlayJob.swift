public import ConfigurationTree
import Glibc
public import HostSystem
public import SystemPackage

/// Copies the underlays into an installroot that has no packages yet.
public struct UnderlayJob: WorkerJob {
    public typealias Outcome = [FilePath]

    public static let name = "underlays"

    public var installRoot: FilePath
    /// Group's before machine's, each in alphanumeric order.
    public var layers: [OverlayLayer]
    public var sourceDateEpoch: Int

    public init(installRoot: FilePath, layers: [OverlayLayer], sourceDateEpoch: Int) {
        self.installRoot = installRoot
        self.layers = layers
        self.sourceDateEpoch = sourceDateEpoch
    }

    public var isolation: Isolation { Isolation(writablePaths: [installRoot], readablePaths: layers.map(\.path)) }

    /// - Returns: what is in the root now, sorted.
    /// - Throws: `WorkerFailure` with everything that could not be copied.
    public func run(reporting: WorkerReporter) throws -> [FilePath] {
        let paths = try copyLayers(layers.map { ($0, .git) }, into: installRoot, epoch: sourceDateEpoch)
        // A later layer has changed the times of an earlier one's folders.
        try Root.inside(installRoot) {
            for path in ["/"] + paths where Root.kind(path, followingLinks: false) == S_IFDIR {
                Root.setTimes(path, epoch: sourceDateEpoch)
            }
        }
        return paths
    }
}
