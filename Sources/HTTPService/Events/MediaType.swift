// Which kind of body is this?
//
// Only what decides is looked at: the type itself, and a charset that is not UTF-8. Parameters are otherwise ignored.

struct MediaType: Hashable, Sendable {
    /// Lower case, without parameters.
    var name: String
    /// Lower case; nil where none is named.
    var charset: String?

    init(_ header: String) {
        let parts = header.split(separator: ";", omittingEmptySubsequences: false)
        name = parts.first.map { Self.trim($0).lowercased() } ?? ""
        charset = nil
        for part in parts.dropFirst() {
            let pair = Self.trim(part).lowercased()
            if pair.hasPrefix("charset=") { charset = String(pair.dropFirst(8).filter { $0 != "\"" }) }
        }
    }

    var isUTF8: Bool { charset == nil || charset == "utf-8" || charset == "utf8" || charset == "us-ascii" }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

    /// Whether `Accept` prefers `wanted` to the route's usual type: it is named with a weight above 0.
    static func accepts(_ accept: String?, _ wanted: String) -> Bool {
        guard let accept else { return false }
        return accept.split(separator: ",").contains { entry in
            let parts = entry.split(separator: ";").map { trim($0).lowercased() }
            return parts.first == wanted && !parts.dropFirst().contains { $0 == "q=0" || $0 == "q=0.0" }
        }
    }
}
