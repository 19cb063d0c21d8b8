import ArgumentParser
import BuildPipeline
import ConfigurationTree

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report everything that is wrong with the tree, and build nothing.")

    @OptionGroup var tree: TreeOptions

    @Flag(help: StrictOption.help)
    var strict = false

    func run() async throws {
        var options = try await tree.buildOptions()
        options.isStrict = strict
        let (configuration, inspection) = try await tree.inspectTree(options, .check)
        let machines = configuration.groups.reduce(0) { $0 + $1.machines.count }
        printLine(
            "\(configuration.groups.count) group\(configuration.groups.count == 1 ? "" : "s"), \(machines) machine\(machines == 1 ? "" : "s"): no error"
        )
        if inspection.changedFiles > 0 {
            let files = inspection.changedFiles == 1 ? "1 file is" : "\(inspection.changedFiles) files are"
            printLine("\(files) not as the last commit has it; --verbose lists \(inspection.changedFiles == 1 ? "it" : "them")")
        }
    }
}
