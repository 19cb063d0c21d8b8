import ArgumentParser
import BuildPipeline

struct CleanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean", abstract: "Remove what builds left in the cache: of the named machines, or of all.",
        discussion: """
            Installed roots, layers and raw disks go; the next build makes them anew. Artefacts and logs stay, unless --all is given.
            An ordinary user's cache holds files of many owners, which 'rm' cannot remove: this can.
            """)

    @OptionGroup var tree: TreeOptions

    @Flag(help: "Artefacts, logs and transactions too.")
    var all = false

    @Flag(help: "The shared stores of packages and repository metadata too; no build may be running.")
    var packages = false

    func run() async throws {
        let options = try await tree.buildOptions()
        let selectors = try tree.selectors()
        try await enterUserNamespaceIfNeeded(options)
        let cleaning = CacheCleaning(options: options) { printError("\($0): a build of this machine is running; waiting for it") }
        for machine in try await cleaning.clean(selectors, all ? .everything : .intermediate) { printLine("\(machine)  cleaned") }
        if packages { try await cleaning.cleanSharedStores() }
    }
}
