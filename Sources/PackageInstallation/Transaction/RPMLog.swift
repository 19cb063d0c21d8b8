internal import CRPM

/// Collects what librpm logs during the life of this object. There is at most one in a process.
final class RPMLog {
    var errors: [String] = []
    private(set) var warnings: [String] = []
    private var scriptletLines: [String] = []

    init() {
        discographer_rpm_log_up_to_information()
        rpmlogSetCallback(
            { record, data in
                // Returning 0 keeps librpm from calling exit(3) after a critical message.
                guard let record, let data else { return 0 }
                Unmanaged<RPMLog>.fromOpaque(data).takeUnretainedValue().add(record)
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { rpmlogSetCallback(nil, nil) }

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
        } else if !Self.isAboutMissingKey(line) {
            warnings.append(line)
        }
    }

    /// The transaction has no keys: signatures are verified before it, by the machine's own keyring (`VerifyPackagesJob`), and those of repositories without gpgcheck are not asked
    /// for.
    private static func isAboutMissingKey(_ line: String) -> Bool { line.hasSuffix(": NOKEY") || line.hasSuffix(": NOTTRUSTED") }

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
