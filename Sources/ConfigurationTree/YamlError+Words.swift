package import Yams

extension YamlError {
    /// Counted from 1.
    package var line: Int? {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        // Yams reports only where the map begins.
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: nil
        }
    }

    /// What is wrong, in one line: Yams's own description may contain the whole file.
    package var problem: String {
        switch self {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
        case .duplicatedKeysInMapping(let keys, _): "\(keys.map { "'\($0)'" }.joined(separator: ", ")) occurs more than once in a map"
        case .reader(let problem, _, let value, _): value < 0 ? problem : "\(problem) (\(String(value, radix: 16)))"
        default: "\(self)"
        }
    }
}
