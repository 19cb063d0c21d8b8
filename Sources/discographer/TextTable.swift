/// Columns of text that line up, for terminals and logs alike: no colour, no box, the last column as long as it likes.
struct TextTable {
    enum Alignment { case left, right }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// The title line and the rows, each after `indentation`.
    func lines(indentation: String = "  ", withTitles: Bool = true) -> [String] {
        let all = (withTitles ? [columns.map(\.title)] : []) + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = indentation
            for (index, text) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[index] - text.count)
                let isLast = index == row.count - 1
                line += columns[index].alignment == .right ? padding + text : isLast ? text : text + padding
                if !isLast { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
