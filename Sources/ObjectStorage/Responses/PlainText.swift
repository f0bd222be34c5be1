// How does text from outside become fit for a line of a log?
//
// Cut to a length, without control characters and line breaks.

enum PlainText {
    static func of(_ text: String, limit: Int) -> String {
        let start = text.unicodeScalars.prefix(limit)
        let plain = String(
            String.UnicodeScalarView(
                start.map { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x2028 && $0.value != 0x2029 ? $0 : " " }))
        return start.endIndex == text.unicodeScalars.endIndex ? plain : plain + "…"
    }
}
