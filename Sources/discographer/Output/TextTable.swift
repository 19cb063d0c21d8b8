/// Columns of text that line up, for terminals and logs alike: no colour, no box, the last column as long as it likes.
struct TextTable {
    enum Alignment { case left, right }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// The title line and the rows, each after `indentation`.
    func lines(indentation: String = "  ", withTitles: Bool = true) -> some Sequence<String> {
        let all = (withTitles ? [columns.map(\.title)] : []) + rows
        let widths = columns.indices.map { column in all.reduce(0) { max($0, Self.width($1[column])) } }
        return all.lazy.map { [columns] row in
            var line = indentation
            for (index, text) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[index] - Self.width(text))
                let isLast = index == row.count - 1
                if columns[index].alignment == .right { line += padding }
                line += text
                if columns[index].alignment == .left && !isLast { line += padding }
                if !isLast { line += "  " }
            }
            while line.utf8.last == UInt8(ascii: " ") { line.removeLast() }
            return line
        }
    }

    /// Counting characters takes its time; what is all ASCII, as nearly everything is, has one a byte.
    private static func width(_ text: String) -> Int {
        text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.count
    }
}
