import ArgumentParser
import BuildPipeline

/// How repositories are reached, for every command that resolves.
struct FetchOptions: ParsableArguments {
    @Flag(help: "Use what the cache has, and not the network; what is missing is listed.")
    var offline = false

    @Option(
        name: .customLong("accept-rollback"),
        help: ArgumentHelp(
            "Take this repository's metadata although it is older than what was seen before; may be given several times.",
            valueName: "repository"))
    var acceptedRollbacks: [String] = []

    func apply(to options: inout BuildOptions) {
        options.isOffline = offline
        options.acceptedRollbacks = Set(acceptedRollbacks)
    }
}
