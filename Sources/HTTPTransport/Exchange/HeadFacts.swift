import HTTPTypes

// What does a request's header say that decides about it?
//
// One pass over the fields; each is compared where it stands, and nothing is copied.

package struct HeadFacts {
    private(set) var fieldCount = 0
    private(set) var fieldBytes = 0
    package private(set) var contentType: String?
    package private(set) var contentEncoding: String?
    private(set) var contentLength: Int?
    package private(set) var authorization: String?
    private(set) var expectation: String?
    package private(set) var accept: String?
    package private(set) var origin: String?
    package private(set) var rules = RequestRules()
    /// Over HTTP/1.1: whether a body follows.
    private(set) var hasBody = false

    init(_ head: HTTPRequest) {
        fieldBytes = (head.path?.utf8.count ?? 0) + (head.authority?.utf8.count ?? 0)
        if let path = head.path { rules.note(target: path) }
        if let authority = head.authority { rules.note(host: authority) }
        for field in head.headerFields {
            let name = field.name.canonicalName
            fieldCount += 1
            fieldBytes += name.utf8.count + field.value.utf8.count
            note(name, field)
        }
    }

    private mutating func note(_ name: String, _ field: HTTPField) {
        // The length first: it alone distinguishes most fields.
        switch name.utf8.count {
        case 4 where name == "host": rules.note(host: field.value)
        case 6:
            if name == "accept" {
                accept = field.value
            } else if name == "expect" {
                expectation = field.value
            } else if name == "origin" {
                origin = field.value
                rules.noteOrigin()
            }
        case 12 where name == "content-type":
            contentType = field.value
            rules.noteContentType()
        case 13 where name == "authorization":
            authorization = field.value
            rules.noteAuthorization()
        case 14 where name == "content-length":
            contentLength = Int(field.value)
            hasBody = contentLength != 0
            rules.note(contentLength: field.value)
        case 16 where name == "content-encoding": contentEncoding = field.value.lowercased()
        case 17 where name == "transfer-encoding":
            hasBody = true
            rules.note(transferEncoding: field.value)
        default: break
        }
    }
}
