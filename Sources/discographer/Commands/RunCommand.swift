import Appliances
import ArgumentParser
import BuildPipeline
import ConfigurationTree
import Foundation
import Glibc
import HostSystem
import PackageResolution
import SystemPackage

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Boot a machine's artefact in QEMU, its console on the terminal.",
        discussion: "The artefact is never written to. On the terminal, ^A X ends the machine.")

    @OptionGroup var tree: TreeOptions

    @Flag(help: "No terminal: watch the console until --until matches.")
    var headless = false

    @Option(help: "With --headless: a regular expression that the console must print.")
    var until = "login:"

    @Option(help: "With --headless: seconds to wait for it.")
    var timeout = 300

    func validate() throws {
        if timeout < 1 { throw ValidationError("--timeout is at least 1") }
        guard (try? Regex(until)) != nil else { throw ValidationError("'\(until)' is not a regular expression") }
    }

    func run() async throws {
        let options = try await tree.buildOptions()
        let machine = try await tree.readMachine(options, toBe: "run")
        let name = machine.fullName
        guard let image = BuiltDisks(machine: machine, paths: options.paths) else {
            printError(
                "\(name) has no qcow2 or raw artefact in \(options.paths.artefacts(machine)); 'discographer build \(name)' makes one"
            )
            throw ExitCode(ExitStatus.machineFailed)
        }
        try createDirectories(options.paths.machineCache(machine))
        let usesKVM = await KVMProbe.works(tools: options.tools, scratch: options.paths.machineCache(machine))
        let virtualMachine = try VirtualMachine(
            disks: image.paths, format: image.format, hardware: machine.description.hardware, group: machine.groupName,
            machine: machine.name,
            usesKVM: usesKVM, tools: options.tools)
        guard headless else {
            let (program, arguments) = virtualMachine.interactiveCommand
            var words: [UnsafeMutablePointer<CChar>?] = ([program.string] + arguments).map { strdup($0) }
            words.append(nil)
            execv(program.string, words)
            throw HostSystemError.systemCall(what: "starting \(program)", errno: Errno(rawValue: errno))
        }
        let verbose = tree.verbose
        let ending = try await virtualMachine.boot(until: try Regex(until), timeout: .seconds(timeout)) { text in
            if verbose { FileHandle.standardOutput.write(Data(text.utf8)) }
        }
        switch ending {
        case .matched(let seconds):
            printLine(
                "\(name)  '\(until)' after \(String(format: "%.1f s", seconds)) under \(usesKVM ? "KVM" : "software emulation")"
            )
        case .timedOut(let console):
            printError(
                "\(name): '\(until)' did not appear on the console within \(timeout) s; the console ends:\n\(HostSystem.ending(of: console))"
            )
            throw ExitCode(ExitStatus.machineFailed)
        case .guestEnded(let status, let console):
            printError(
                "\(name): the machine ended (\(status)) before '\(until)' appeared on the console; the console ends:\n\(HostSystem.ending(of: console))"
            )
            throw ExitCode(ExitStatus.machineFailed)
        }
    }
}
