package import Yams

extension YamlError {
    /// Counted from 1.
    package var line: Int? {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        // The map's own place is all that Yams tells.
        case .duplicatedKeysInMapping(_, let context): context.mark.line
        default: nil
        }
    }

    /// What is wrong, in one line: Yams's own words may have the whole file in them.
    package var problem: String {
        switch self {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
        case .duplicatedKeysInMapping(let keys, _): "\(keys.map { "'\($0)'" }.joined(separator: ", ")) more than once in one map"
        case .reader(let problem, _, let value, _): value < 0 ? problem : "\(problem) (\(String(value, radix: 16)))"
        default: "\(self)"
        }
    }
}
