package import Subprocess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension TerminationStatus {
    /// For people: `status 3`, or `signal 9 (Killed)`.
    package var inWords: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .signaled(let number): "signal \(number)" + (strsignal(number).map { " (\(String(cString: $0)))" } ?? "")
        }
    }
}
