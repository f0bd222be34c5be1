// Which kind of body does a client want?
//
// What `Accept` says of one media type, and the bare name of a `Content-Type`. What a request's own body is, `IngestMode` says.

enum MediaType {
    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

    /// The type itself of a `Content-Type`, without parameters: `application/json` of `Application/JSON; charset=utf-8`.
    static func name(of contentType: String) -> String { trim(contentType.prefix { $0 != ";" }).lowercased() }

    /// Whether `Accept` prefers `wanted` to the route's usual type: it is named with a weight above 0.
    static func accepts(_ accept: String?, _ wanted: String) -> Bool {
        guard let accept else { return false }
        return accept.split(separator: ",").contains { entry in
            let parts = entry.split(separator: ";").map { trim($0).lowercased() }
            return parts.first == wanted && !parts.dropFirst().contains { $0 == "q=0" || $0 == "q=0.0" }
        }
    }
}
