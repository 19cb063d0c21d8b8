import Glibc
package import Subprocess

extension TerminationStatus {
    /// For people: `status 3`, or `signal 9 (Killed)`.
    package var inWords: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .signaled(let number): "signal \(number)" + (strsignal(number).map { " (\(String(cString: $0)))" } ?? "")
        }
    }
}
