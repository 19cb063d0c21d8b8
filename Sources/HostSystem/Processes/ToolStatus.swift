import Glibc
package import Subprocess

/// How a program ended. Its description is for people: `status 3`, or `signal 9 (Killed)`.
public enum ToolStatus: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    public var description: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .signalled(let number): "signal \(number)" + (strsignal(number).map { " (\(String(cString: $0)))" } ?? "")
        }
    }
}

extension ToolStatus {
    package init(_ status: TerminationStatus) {
        self =
            switch status {
            case .exited(let code): .exited(code)
            case .signaled(let number): .signalled(number)
            }
    }
}

extension TerminationStatus {
    /// See `ToolStatus.description`.
    package var inWords: String { ToolStatus(self).description }
}
