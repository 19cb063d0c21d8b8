public import ConfigurationTree
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

    /// - Throws: `WorkerFailure` with everything that could not be copied.
    public func run(reporting: WorkerReporter) throws -> [FilePath] {
        try copyLayers(layers, into: installRoot, epoch: sourceDateEpoch)
    }
}

/// - Throws: `WorkerFailure` with everything that could not be copied.
func copyLayers(_ layers: [OverlayLayer], into root: FilePath, epoch: Int) throws -> [FilePath] {
    var paths: [FilePath] = []
    var problems: [String] = []
    for layer in layers {
        var copy = try LayerCopy(layer, epoch: epoch)
        try Root.inside(root) { copy.copy(accounts: Accounts()) }
        problems += copy.problems
        paths += copy.paths
    }
    guard problems.isEmpty else { throw WorkerFailure(kind: "overlay", message: problems.joined(separator: "\n")) }
    return paths
}
