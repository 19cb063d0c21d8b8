public import HostSystem
public import SystemPackage

/// Runs the programs that make artefacts, one after the other. They may take minutes, and as children of a worker they end with the build,
/// whatever ends it.
public struct ArtefactsJob: WorkerJob {
    /// A program with its arguments.
    public struct Call: Hashable, Codable, Sendable {
        var tool: Tool
        var arguments: [String]

        public init(_ tool: Tool, _ arguments: [String]) {
            self.tool = tool
            self.arguments = arguments
        }
    }

    /// How many programs ran.
    public typealias Outcome = Int

    public static let name = "artefacts"

    public var calls: [Call]
    /// Has all that the programs read and write.
    public var machineCache: FilePath

    public init(calls: [Call], machineCache: FilePath) {
        self.calls = calls
        self.machineCache = machineCache
    }

    public var isolation: Isolation { Isolation(writablePaths: [machineCache], readablePaths: calls.map(\.tool.path)) }

    /// - Throws: `HostSystemError.toolFailed` of the first program that fails.
    public func run(reporting: WorkerReporter) throws -> Int {
        for call in calls { try call.tool.runBlocking(call.arguments) }
        return calls.count
    }
}
