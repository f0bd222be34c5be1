// Is the data of this event JSON that can be read as it stands?
//
// One rule for every mode of CloudEvents: `datacontenttype` in an event's own JSON, `Content-Type` in binary mode. What SDKs
// of Python, JavaScript and Go call JSON is JSON here:
//
//     application/json   text/json   application/anything+json      with any parameters, and a charset of UTF-8 if any
//
// An event that doesn't say holds JSON, as CloudEvents has it.

package struct DataContentType: Hashable, Sendable {
    /// `type/subtype` in lower case, without parameters.
    package let mediaType: String
    /// Lower case, without quotes; nil where none is named.
    package let charset: String?

    package init(_ text: String) {
        let parts = text.lowercased().split(separator: ";", omittingEmptySubsequences: false)
        mediaType = parts.first.map { Self.trim($0) } ?? ""
        var charset: String?
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, Self.trim(pair[0]) == "charset" else { continue }
            charset = String(Self.trim(pair[1]).filter { $0 != "\"" })
        }
        self.charset = charset
    }

    package var isJSON: Bool {
        let parts = mediaType.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return false }
        if parts[1] == "json" { return parts[0] == "application" || parts[0] == "text" }
        return parts[1].hasSuffix("+json") && parts[1].utf8.count > 5
    }

    package var isUTF8: Bool { charset.map { ["", "utf-8", "utf8", "us-ascii", "ascii"].contains($0) } ?? true }

    /// Why data of this type can't be read; nil where it can.
    package var problem: String? {
        guard isJSON else {
            return "\"\(mediaType.prefix(100))\" is not JSON: send application/json, text/json or a type that ends in +json"
        }
        return isUTF8 ? nil : "JSON is UTF-8, not \(charset?.prefix(40) ?? "")"
    }

    private static func trim(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}
