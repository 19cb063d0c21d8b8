public import SystemPackage

/// What can go wrong between the program and the build host, with messages for the reader of a log.
public enum HostSystemError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownHostFamily(candidates: [String], pathsPath: FilePath)
    case toolTableMalformed(file: FilePath, line: Int, text: String)
    case toolTableEmpty(file: FilePath)
    case toolUnknown(name: String, table: FilePath)
    case toolMissing(Tool)
    /// `ending`: the end of what the program printed.
    case toolFailed(commandLine: String, status: ToolStatus, ending: String)
    case systemCall(what: String, errno: Errno)
    case isolationFailed(step: String, errno: Errno)
    case workerFailed(WorkerFailure)
    case workerDied(job: String, status: String, ending: String)

    public var description: String {
        switch self {
        case .unknownHostFamily(let candidates, let pathsPath):
            "\(pathsPath): error: no tool table for this host (\(candidates.joined(separator: ", "))); "
                + "expected a file named after the ID of /etc/os-release"
        case .toolTableMalformed(let file, let line, let text):
            "\(file):\(line): error: not a tool line: \(text); expected 'name /absolute/path package'"
        case .toolTableEmpty(let file): "\(file): error: the table is empty; expected a line 'name /absolute/path package' for each tool"
        case .toolUnknown(let name, let table):
            "\(table): error: the program '\(name)' is missing in the table; expected a line '\(name) /absolute/path package'"
        case .toolMissing(let tool):
            "\(tool.path) is missing; install the package \(tool.package) ('discographer doctor' lists everything that is missing)"
        case .toolFailed(let commandLine, let status, let ending):
            "\(commandLine)\n  ended with \(status)\(ending.isEmpty ? "" : "; its output ends:\n\(indented(ending))")"
        case .systemCall(let what, let errno): "\(what): \(errno)"
        case .isolationFailed(let step, let errno):
            "cannot isolate the build: \(step): \(errno)"
                + ([.notPermitted, .permissionDenied].contains(errno) ? "; \(ContainerOptions.missing)" : "")
        case .workerFailed(let failure): failure.description
        case .workerDied(let job, let status, let ending):
            "the worker for '\(job)' ended without a result (\(status))"
                + (ending.isEmpty ? "" : "; its output ends:\n\(indented(ending))")
        }
    }
}

private func indented(_ text: String) -> String {
    text.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
}
