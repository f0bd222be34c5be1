// How do rows become columns?
//
// As `kubectl` prints them: upper-case headers, three spaces between columns, no rules, nothing after the last cell.
// Cells are made safe to print and measured as the terminal measures them.

package struct Table: Sendable {
    struct Column: Sendable {
        var title: String
        var isNumber: Bool
    }

    private let columns: [Column]
    /// Spaces between columns.
    private let gap: Int
    package private(set) var rows: [[String]] = []

    /// - Parameter columns: titles; one that begins with `#` is right-aligned, its `#` is dropped.
    package init(_ columns: String...) { self.init(columns) }

    package init(_ columns: [String], gap: Int = 3) {
        self.gap = gap
        self.columns = columns.map { title in
            title.hasPrefix("#") ? Column(title: String(title.dropFirst()), isNumber: true) : Column(title: title, isNumber: false)
        }
    }

    package var isEmpty: Bool { rows.isEmpty }

    package mutating func add(_ cells: String...) { add(cells) }

    package mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row of \(cells.count) cells in a table of \(columns.count) columns")
        rows.append(cells.map { DisplayText.printable($0) })
    }

    /// Header and rows, each with a line end.
    package var text: String {
        let widths = columns.indices.map { k in
            rows.reduce(DisplayText.width(columns[k].title)) { max($0, DisplayText.width($1[k])) }
        }
        return ([columns.map(\.title)] + rows).map { line($0, widths) + "\n" }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var out = ""
        for (k, cell) in cells.enumerated() {
            let isLast = k == cells.count - 1
            if columns[k].isNumber {
                out += DisplayText.rightAligned(cell, to: widths[k])
            } else {
                out += isLast ? cell : DisplayText.padded(cell, to: widths[k])
            }
            if !isLast { out += String(repeating: " ", count: gap) }
        }
        return out
    }
}
