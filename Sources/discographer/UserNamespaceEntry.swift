import ArgumentParser
import BuildPipeline
import HostSystem

/// Before anything is built, removed or looked at that belongs to a machine's users; see `UserNamespace.enterIfNeeded`.
func enterUserNamespaceIfNeeded(_ options: BuildOptions) async throws {
    do {
        try await UserNamespace.enterIfNeeded(tools: options.tools, worker: options.worker)
    } catch {
        printError("\(error)")
        throw ExitCode(ExitStatus.wrongInput)
    }
}
