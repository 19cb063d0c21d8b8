import ConfigurationTree
import HostSystem
import Synchronization

/// Tells the warnings of a batch's resolution, and keeps them for the machines' logs and for `--strict`.
final class ResolutionWarnings: Sendable {
    /// In the tree's order.
    private let machines: [(name: String, tolerated: [ToleratedWarning])]
    private let listener: @Sendable (BuildEvent) -> Void
    private let told = Mutex<[String: [BuildWarning]]>([:])

    init(_ machines: [Machine], listener: @escaping @Sendable (BuildEvent) -> Void) {
        self.machines = machines.map { ($0.fullName, $0.description.toleratedWarnings) }
        self.listener = listener
    }

    /// - Parameter index: the machine that it is about; `nil`: all. Machines that expect it get an event of their own.
    func tell(_ index: Int?, _ text: String) {
        var groups: [(warning: BuildWarning, names: [String])] = []
        for machine in index.map({ [machines[$0]] }) ?? machines {
            let warning = BuildWarning(Warning(text), toleranceReason: machine.tolerated.reason(for: text))
            let isNew = told.withLock { told in
                guard told[machine.name]?.contains(warning) != true else { return false }
                told[machine.name, default: []].append(warning)
                return true
            }
            guard isNew else { continue }
            if let known = groups.firstIndex(where: { $0.warning == warning }) {
                groups[known].names.append(machine.name)
            } else {
                groups.append((warning, [machine.name]))
            }
        }
        for (warning, names) in groups { listener(.warning(machines: names, warning)) }
    }

    func of(_ machine: String) -> [BuildWarning] { told.withLock { $0[machine] ?? [] } }

    /// Why a machine is not built with `--strict`; `nil`: nothing speaks against it.
    func refusal(of machine: String) -> StrictRefusal? {
        let counting = of(machine).filter(\.countsAsError).map(\.warning.text)
        return counting.isEmpty ? nil : StrictRefusal(warnings: counting)
    }
}
