import ArgumentParser
import ConfigurationTree

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report everything that is wrong with the tree, and build nothing.")

    @OptionGroup var tree: TreeOptions

    func run() async throws {
        let configuration = try tree.readTree(try await tree.buildOptions())
        let machines = configuration.groups.reduce(0) { $0 + $1.machines.count }
        printLine(
            "\(configuration.groups.count) group\(configuration.groups.count == 1 ? "" : "s"), \(machines) machine\(machines == 1 ? "" : "s"): no error"
        )
    }
}
