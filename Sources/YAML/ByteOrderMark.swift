// Where may a text have a byte order mark?
//
// Editors of Windows put one before a file, and files that are joined carry it into the middle. YAML allows it at the
// beginning of a document, where it says nothing; taken for a character it would be part of the first field's name.

enum ByteOrderMark {
    private static let mark: Unicode.Scalar = "\u{FEFF}"

    static func removed(from text: String) -> String {
        guard text.unicodeScalars.contains(mark) else { return text }
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        var result = String.UnicodeScalarView()
        var isBeginning = true
        for (index, line) in lines.enumerated() {
            if index > 0 { result.append("\n") }
            let rest = isBeginning ? line.drop { $0 == mark } : line
            result.append(contentsOf: rest)
            isBeginning = rest.starts(with: "---".unicodeScalars) || rest.starts(with: "...".unicodeScalars)
        }
        return String(result)
    }
}
