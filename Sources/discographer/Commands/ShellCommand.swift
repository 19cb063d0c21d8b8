public import ArgumentParser
public import BuildPipeline
import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage

extension MachineRoot.Moment: ExpressibleByArgument {}

struct ShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell",
        abstract: "Enter a machine's root as it stood when its build failed, or as it was built.",
        usage: "discographer shell [<options>] GROUP/MACHINE [-- COMMAND [ARGUMENT ...]]",
        discussion:
            "The view, the privileges and the environment are those of the packages' scriptlets. What is changed is forgotten. The exit status is the command's."
    )

    @OptionGroup var tree: TreeOptions

    @Option(
        help:
            "Which root: failed (of 'build --keep-root'), installed (the packages) or composed (with everything); default: the first of failed, composed, installed that is there."
    )
    var at: MachineRoot.Moment?

    func run() async throws {
        // Words after `--` that begin with a hyphen are not options; ArgumentParser keeps all of them with the group.
        var tree = tree
        let command = Array(tree.groups.dropFirst())
        tree.groups = Array(tree.groups.prefix(1))
        let options = try await tree.buildOptions()
        let machine = try await tree.readMachine(options, toBe: "entered")
        try await enterUserNamespaceIfNeeded(options)
        let name = machine.fullName
        let root = try await MachineRoot(of: machine, at: at, paths: options.paths, tools: options.tools) {
            printError("\(name): a build of this machine is running; waiting for it")
        }
        guard let root else {
            printError(
                "\(name) has no \(at.map { "\($0.rawValue) " } ?? "")root in \(options.paths.minimalAppliance(machine)); 'discographer build --keep-root \(name)' makes or keeps one"
            )
            throw ExitCode(ExitStatus.machineFailed)
        }
        if tree.verbose { printError("\(name): the \(root.moment.rawValue) root, \(root.place)") }
        let session = root.session(
            command: command, sourceDateEpoch: options.sourceDateEpoch, terminal: ProcessInfo.processInfo.environment["TERM"])
        // The locks of the root have to be open when the session takes this program's place.
        try withExtendedLifetime(root) { try options.worker.become(session) }
    }
}
