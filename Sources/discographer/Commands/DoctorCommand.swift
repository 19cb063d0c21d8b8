import ArgumentParser
import ConfigurationTree
import Glibc
import HostSystem
import PackageResolution
import SystemPackage

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check that this host has every program and library that builds need.")

    @OptionGroup var tree: TreeOptions

    func run() async throws {
        let table = try tree.toolTable(try await tree.paths())
        let missing = table.missing
        for tool in missing { printError("\(tool.name): \(tool.path) is missing") }
        var packages = Set(missing.map(\.package))
        let problem = NetworkLibrary.problem
        if let problem {
            printError("\(problem); builds whose repositories are all 'file:' do without it")
            if let package = table.libraries[NetworkLibrary.name] { packages.insert(package) }
        }
        if missing.isEmpty { printLine("every program of \(table.file) is there") }
        if !packages.isEmpty {
            let packages = packages.sorted().joined(separator: " ")
            printError(
                "this installs them: \(table.family == "debian" ? "apt-get install --yes" : "dnf install --assumeyes") \(packages)"
            )
        }
        do {
            try await UserNamespace.check(tools: table, worker: try Worker.besideThisProgram())
            if geteuid() != 0 { printLine("this user can build, as root of a user namespace") }
        } catch {
            printError("\(error)")
            throw ExitCode(ExitStatus.machineFailed)
        }
        if !missing.isEmpty || problem != nil { throw ExitCode(ExitStatus.machineFailed) }
    }
}
