internal import CRPM

/// What librpm logged.
struct RPMLog {
    var errors: [String] = []
    var warnings: [String] = []
    private var scriptletLines: [String] = []

    mutating func add(_ record: rpmlogRec) {
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
        } else {
            warnings.append(line)
        }
    }

    mutating func takeErrors() -> String {
        defer { errors = [] }
        return errors.isEmpty ? "" : ": " + errors.joined(separator: "; ")
    }

    /// What was said of the scriptlet that just ended.
    mutating func takeScriptletLines() -> [String] {
        defer { scriptletLines = [] }
        return scriptletLines
    }
}
