// May a YAML parser be let loose on this text?
//
// A parser builds what aliases and nested keys describe before anyone can look at it. So the raw bytes are looked over
// first, without understanding quotes: what is counted is never less than what the parser will meet, and real policies stay
// far below every limit.

enum TextGuard {
    /// Uses of anchors (`*name`), in a text that defines any. Nested in one another they multiply: eight make at most 18 copies
    /// of what the text has, which is why such a text must be shorter.
    static let aliasLimit = 8
    static let anchoredTextLimitBytes = 16 << 10
    /// Brackets and braces inside one another; a policy has six.
    static let flowDepthLimit = 32
    /// Spaces, dashes and question marks at a line's beginning; each level of a block takes at least one.
    static let indentLimit = 64

    static func fault(in bytes: [UInt8], limitBytes: Int) -> YAMLFault? {
        guard bytes.count <= limitBytes else {
            return refusal(at: .start, "more than \(limitBytes) bytes; split the text")
        }
        return depthFault(bytes) ?? aliasFault(bytes)
    }

    private static func depthFault(_ bytes: [UInt8]) -> YAMLFault? {
        var place = Place.start
        var depth = 0
        var isIndent = true
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n"): (place, isIndent) = (Place(line: place.line + 1, column: 1), true)
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(depth - 1, 0)
            default: break
            }
            if depth > flowDepthLimit { return refusal(at: place, "brackets nested more than \(flowDepthLimit) deep") }
            if byte == UInt8(ascii: "\n") { continue }
            // A comment may stand where it likes, and so may nothing.
            let isBlank = " \t\r".utf8.contains(byte)
            if isIndent, !isBlank, byte != UInt8(ascii: "#"), place.column > indentLimit {
                return refusal(at: place, "indented more than \(indentLimit) columns")
            }
            isIndent = isIndent && (isBlank || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "?"))
            place.column += 1
        }
        return nil
    }

    private static func aliasFault(_ bytes: [UInt8]) -> YAMLFault? {
        let aliases = count(UInt8(ascii: "*"), in: bytes)
        guard aliases > 0, count(UInt8(ascii: "&"), in: bytes) > 0 else { return nil }
        if aliases > aliasLimit {
            return refusal(at: .start, "more than \(aliasLimit) aliases (*name) beside anchors (&name); write the fields out")
        }
        guard bytes.count > anchoredTextLimitBytes else { return nil }
        return refusal(
            at: .start, "more than \(anchoredTextLimitBytes) bytes in a text with aliases (*name); write the fields out or split it")
    }

    /// How often the mark may begin an anchor or alias: at the beginning of a word, with a name after it.
    private static func count(_ mark: UInt8, in bytes: [UInt8]) -> Int {
        var count = 0
        for index in bytes.indices.dropLast() where bytes[index] == mark {
            let next = bytes[index + 1]
            let isName = (next | 0x20) &- 0x61 < 26 || next &- 0x30 < 10 || next == UInt8(ascii: "_") || next == UInt8(ascii: "-")
            if isName, index == 0 || " \t\r\n[]{},:?-\"'".utf8.contains(bytes[index - 1]) { count += 1 }
        }
        return count
    }

    private static func refusal(at place: Place, _ problem: String) -> YAMLFault {
        YAMLFault(document: 1, place: place, problem: problem)
    }
}
