// How did a number move, in one line of text?

package enum Sparkline {
    private static let levels = Array("▁▂▃▄▅▆▇█")

    /// One character a value, or the largest of several where there are more than fit; nothing is a space, the largest of
    /// all is a full block.
    package static func text(_ values: [Int], width: Int, ceiling: Int? = nil) -> String {
        let shown = fitted(values, width: max(0, width))
        let top = max(ceiling ?? shown.max() ?? 0, 1)
        return String(
            shown.map { value in
                guard value > 0 else { return " " }
                // The smallest value above zero is seen, too.
                let level = (value * levels.count + top - 1) / top - 1
                return levels[min(max(level, 0), levels.count - 1)]
            })
    }

    private static func fitted(_ values: [Int], width: Int) -> [Int] {
        guard values.count > width else { return values }
        return (0..<width).map { k in values[(k * values.count / width)..<((k + 1) * values.count / width)].max() ?? 0 }
    }
}
