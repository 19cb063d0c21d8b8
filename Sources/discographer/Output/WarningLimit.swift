import BuildPipeline

/// A warning of a command that builds nothing, on standard error. An expected one is for those who ask for more.
func printWarning(_ machines: [String], _ warning: BuildWarning, verbose: Bool) {
    guard verbose || warning.toleranceReason == nil else { return }
    printError("\(machines.joined(separator: ", ")): warning: \(warning)")
}

/// Keeps a machine's warnings from filling the terminal. The log has all of them.
struct WarningLimit {
    static let most = 20

    private var counts: [String: Int] = [:]

    /// The machines for which one more warning is still shown.
    mutating func admit(_ machines: [String]) -> [String] {
        machines.filter { machine in
            counts[machine, default: 0] += 1
            return counts[machine, default: 0] <= Self.most
        }
    }

    /// How many were kept back of a machine that has ended.
    mutating func end(_ machine: String) -> Int { max(0, (counts.removeValue(forKey: machine) ?? 0) - Self.most) }
}
