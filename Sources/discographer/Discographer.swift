import ArgumentParser
import Glibc
import HostSystem

/// As the README lists them.
enum ExitStatus {
    static let machineFailed: Int32 = 1
    static let wrongInput: Int32 = 2
    /// 128 + SIGINT, as a shell reports it.
    static let interrupted: Int32 = 130
}

@main
struct Discographer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discographer",
        abstract: "Turns a tree of machine configuration into bootable, immutable appliances.", version: "0.1.0",
        subcommands: [
            BuildCommand.self, PlanCommand.self, CheckCommand.self, ResolveCommand.self, LockCommand.self, WhyCommand.self,
            RunCommand.self, ShellCommand.self,
            CleanCommand.self, DoctorCommand.self,
        ],
        defaultSubcommand: BuildCommand.self)

    static func main() async {
        openClosedStandardStreams()
        makeBrokenPipesErrors()
        useSingleMallocArena()
        OpenFiles.raiseLimit()
        let work = Task { try await perform() }
        let interruption = Interruption { work.cancel() }
        do {
            try await work.value
            if let reason = reasonForLostOutput() {
                printError("discographer: standard output cannot be written: \(reason)")
                end(ExitStatus.machineFailed)
            }
        } catch let wrong as CommandLineError {
            report(wrong.error)
        } catch let code as ExitCode {
            end(interruption.happened ? ExitStatus.interrupted : code.rawValue)
        } catch is CancellationError {
            printError("interrupted")
            end(ExitStatus.interrupted)
        } catch {
            guard exitCode(for: error) == .failure else { report(error) }
            printError("discographer: \(error)")
            end(interruption.happened ? ExitStatus.interrupted : ExitStatus.machineFailed)
        }
    }

    private static func perform() async throws {
        var command: any ParsableCommand
        do { command = try parseAsRoot() } catch { throw CommandLineError(error: error) }
        if var asynchronous = command as? any AsyncParsableCommand {
            try await asynchronous.run()
        } else {
            try command.run()
        }
    }

    /// Prints what ArgumentParser reports: help is a success, everything else is a wrong command line.
    private static func report(_ error: any Error) -> Never {
        guard exitCode(for: error) != .success else {
            printLine(fullMessage(for: error))
            end(0)
        }
        printError(fullMessage(for: error))
        end(ExitStatus.wrongInput)
    }
}

/// What was wrong with the command line, apart from what goes wrong later.
private struct CommandLineError: Error {
    var error: any Error
}

private func end(_ status: Int32) -> Never { exit(status) }
