public import SystemPackage

/// What can go wrong between the project and the machine it runs on, in words for the reader of a log.
public enum HostSystemError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownHostFamily(candidates: [String], pathsPath: FilePath)
    case toolTableMalformed(file: FilePath, line: Int, text: String)
    case toolTableEmpty(file: FilePath)
    case toolUnknown(name: String, table: FilePath)
    case toolMissing(Tool)
    /// `ending`: the end of what the program printed.
    case toolFailed(commandLine: String, status: String, ending: String)
    case systemCall(what: String, errno: Errno)
    case isolationFailed(step: String, errno: Errno)
    case workerFailed(WorkerFailure)
    case workerDied(job: String, status: String, ending: String)

    public var description: String {
        switch self {
        case .unknownHostFamily(let candidates, let pathsPath):
            "\(pathsPath): error: no tool table for this host (\(candidates.joined(separator: ", "))); "
                + "a file named after the ID of /etc/os-release is needed"
        case .toolTableMalformed(let file, let line, let text):
            "\(file):\(line): error: not a tool line: \(text); 'name /absolute/path package' would be right"
        case .toolTableEmpty(let file): "\(file): error: the table has no tool; a line for each, 'name /absolute/path package', would be right"
        case .toolUnknown(let name, let table): "\(table): error: no line for the program '\(name)'"
        case .toolMissing(let tool):
            "\(tool.path) is missing; the package \(tool.package) brings it ('discographer doctor' lists all that is missing)"
        case .toolFailed(let commandLine, let status, let ending):
            "\(commandLine)\n  \(status)\(ending.isEmpty ? "" : "; its output ends:\n\(indented(ending))")"
        case .systemCall(let what, let errno): "\(what): \(errno)"
        case .isolationFailed(let step, let errno):
            "cannot isolate the build: \(step): \(errno)"
                + ([.notPermitted, .permissionDenied].contains(errno) ? "; \(Container.whatIsMissing)" : "")
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
