internal import CRPM
import Glibc

/// Collects what librpm logs during the life of this object. There is at most one in a process.
final class RPMLog {
    var errors: [String] = []
    /// Gets warnings as they come.
    var onWarning: ((String) -> Void)?
    private let process = getpid()
    private var scriptletLines: [String] = []

    init() {
        discographer_rpm_log_up_to_information()
        rpmlogSetCallback(
            { record, data in
                // Returning 0 keeps librpm from calling exit(3) after a critical message.
                guard let record, let data else { return 0 }
                let log = Unmanaged<RPMLog>.fromOpaque(data).takeUnretainedValue()
                log.process == getpid() ? log.add(record) : RPMLog.print(record)
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { rpmlogSetCallback(nil, nil) }

    /// In librpm's child that should become a scriptlet's interpreter: this object is the parent's, and what the child does to it is lost. Standard error is the
    /// scriptlet's output already. Memory must not be allocated between fork(2) and execve(2).
    private static func print(_ record: rpmlogRec) {
        guard let text = rpmlogRecMessage(record), rpmlogRecPriority(record).rawValue <= RPMLOG_WARNING.rawValue else { return }
        _ = write(STDERR_FILENO, text, strlen(text))
    }

    private func add(_ record: rpmlogRec) {
        guard let text = rpmlogRecMessage(record), rpmlogRecPriority(record).rawValue <= RPMLOG_NOTICE.rawValue else {
            return
        }
        var line = String(cString: text)
        while line.last == "\n" { line.removeLast() }
        for prefix in ["error: ", "warning: "] where line.hasPrefix(prefix) { line.removeFirst(prefix.count) }
        if line.contains("scriptlet failed") || line.contains("scriptlet error") || line.contains("lua script failed") {
            scriptletLines.append(line)
        } else if rpmlogRecPriority(record).rawValue <= RPMLOG_ERR.rawValue {
            errors.append(line)
        } else if !Self.isAboutMissingKey(line), !Self.isAboutUnusableKey(line) {
            onWarning?(line)
        }
    }

    /// The transaction has no keys: signatures are verified before it, by the machine's own keyring (`VerifyPackagesJob`), and those of repositories without gpgcheck are not asked
    /// for.
    private static func isAboutMissingKey(_ line: String) -> Bool { line.hasSuffix(": NOKEY") || line.hasSuffix(": NOTTRUSTED") }

    /// `UnusableKey` says the same with the key's file.
    private static func isAboutUnusableKey(_ line: String) -> Bool { line.hasPrefix("Unsupported version of key") }

    func takeErrors() -> String {
        defer { errors = [] }
        return errors.isEmpty ? "" : ": " + errors.joined(separator: "; ")
    }

    /// The lines about the scriptlet that has just ended.
    func takeScriptletLines() -> [String] {
        defer { scriptletLines = [] }
        return scriptletLines
    }
}
