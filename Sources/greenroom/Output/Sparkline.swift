// How did a number move, in one line of text?

enum Sparkline {
    private static let levels = Array("▁▂▃▄▅▆▇█")

    /// One character a value, the newest `width` of them; nothing is a space, the largest is a full block.
    static func text(_ values: [Int], width: Int, ceiling: Int? = nil) -> String {
        let shown = values.suffix(max(0, width))
        let top = max(ceiling ?? shown.max() ?? 0, 1)
        return String(shown.map { value in
            guard value > 0 else { return " " }
            // The smallest value above zero is seen, too.
            let level = (value * levels.count + top - 1) / top - 1
            return levels[min(max(level, 0), levels.count - 1)]
        })
    }
}
