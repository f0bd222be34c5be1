// Which known name did the writer mean?
//
// Messages about unknown fields and names end in "did you mean …?". The answer is the known name fewest edits away, letters'
// case aside; the first listed wins a tie, and nothing is suggested where the names have too little in common.

package enum NearestName {
    /// Longer names are not compared: nobody mistypes that much, and the work grows with the square of the length.
    package static let lengthLimitBytes = 64

    /// The closest of `known` within a third of the name's length (at least one edit), or nil.
    package static func nearest(to name: String, in known: [String]) -> String? {
        let wanted = lowercased(name)
        guard !wanted.isEmpty, wanted.count <= lengthLimitBytes else { return nil }
        var best: (name: String, edits: Int)?
        for candidate in known {
            let letters = lowercased(candidate)
            guard letters.count <= lengthLimitBytes else { continue }
            let edits = editDistance(wanted, letters)
            guard edits <= (max(wanted.count, letters.count) + 2) / 3, edits < letters.count else { continue }
            if edits < best?.edits ?? .max { best = (candidate, edits) }
        }
        return best?.name
    }

    /// `; did you mean X?`, or the known names where none is near: the end of a message about an unknown name.
    package static func hint(for name: String, in known: [String]) -> String {
        if let near = nearest(to: name, in: known) { return "; did you mean \(near)?" }
        return known.isEmpty ? "" : "; known here: \(known.joined(separator: ", "))"
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var edits = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { edits = min(edits, beforePrevious[j - 1] + 1) }
                row.append(edits)
            }
            beforePrevious = previous
            previous = row
        }
        return previous[b.count]
    }

    private static func lowercased(_ text: String) -> [UInt8] {
        text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    }
}
