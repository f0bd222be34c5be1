import Yams

// What does a YAML parser's complaint mean for who wrote the text?
//
// Yams' errors carry a place and libyaml's sentence; here they become a `YAMLFault`, with the remedy for the
// mistakes people make: a cron expression begins with a star, and a star begins an alias.

extension YamlError {
    func fault(document: Int, text: String) -> YAMLFault {
        switch self {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            let place = Place(line: mark.line, column: mark.column)
            return Self.fault(document, place, "not YAML: \(problem)\(Self.remedy(at: place, in: text))")
        case .duplicatedKeysInMapping(let keys, let context):
            let place = Place(line: max(context.mark.line, 1), column: max(context.mark.column, 1))
            return Self.fault(
                document, place, "the field \(keys.prefix(3).joined(separator: ", ")) is there twice in one object; keep one")
        case .reader(let problem, let offset, _, _):
            return Self.fault(document, Self.place(ofCharacter: offset ?? 0, in: text), "not YAML: \(problem)")
        default:
            return Self.fault(document, .start, "unreadable as YAML")
        }
    }

    private static func fault(_ document: Int, _ place: Place, _ problem: String) -> YAMLFault {
        YAMLFault(document: document, place: place, problem: problem)
    }

    /// What stands there decides, not what the parser said about it.
    private static func remedy(at place: Place, in text: String) -> String {
        let lines = text.split(separator: "\n", maxSplits: place.line, omittingEmptySubsequences: false)
        guard place.line >= 1, place.line <= lines.count else { return "" }
        // The parser stops at the mark or just after it.
        let around = lines[place.line - 1].dropFirst(max(place.column - 2, 0)).prefix(2)
        if around.contains("*") { return "; put a text with a star in quotes: \"* * * * *\"" }
        if around.contains("@") || around.contains("%") || around.contains("`") { return "; put a text that begins so in quotes" }
        if around.contains("\t") { return "; indent with spaces, not tabs" }
        return ""
    }

    private static func place(ofCharacter offset: Int, in text: String) -> Place {
        var place = Place.start
        for character in text.prefix(offset) {
            place = character.isNewline ? Place(line: place.line + 1, column: 1) : Place(line: place.line, column: place.column + 1)
        }
        return place
    }
}
