// What may a program know of this service before it asks?
//
// An OpenAPI 3.1 document of every route, written by hand and put together once. A test holds it to the route table: a row
// that is missing on either side, or a parameter that only one side knows, fails it.

enum OpenAPIDocument {
    static func bytes(version: String) -> [UInt8] { Array(text(version: version).utf8) }

    private static func text(version: String) -> String {
        let safeVersion = version.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline }
        return """
            {"openapi":"3.1.0","info":{"title":"Greenroom","version":"\(safeVersion)",
            "summary":"Autoscales pools of warm workers and places actors on them",
            "description":"Lifecycle events come in as CloudEvents; pools, workers, actors and decisions are read back, now or at any position of the log. \
            Times are RFC 3339 with microseconds in UTC, durations are seconds, positions are integers from 1."},
            "security":[{"bearer":[]},{}],
            "paths":{\([events, placements, state, series, lab, policies, operations, page].joined(separator: ",\n"))},
            "components":{"securitySchemes":{"bearer":{"type":"http","scheme":"bearer",
            "description":"A token with the role that the operation names as x-role. A server that listens only on loopback may need none."}},
            "parameters":{\(parameters)},
            "responses":{\(responses)},
            "schemas":{\(kinds),
            \(seriesSchemas),
            \(labSchemas),
            \(schemas)}}}
            """
    }

    private static let parameters = """
        "Namespace":{"name":"namespace","in":"path","required":true,"schema":{"type":"string"}},
        "Name":{"name":"name","in":"path","required":true,"schema":{"type":"string"}},
        "Limit":{"name":"limit","in":"query","description":"Items of one page","schema":{"type":"integer","minimum":1,"maximum":10000,"default":1000}},
        "After":{"name":"after","in":"query","description":"next of the page before","schema":{"type":"string"}},
        "AfterSeq":{"name":"after","in":"query","description":"Only events after this position","schema":{"type":"integer","minimum":0,"default":0}},
        "At":{"name":"at","in":"query","description":"A position or a time: the state then","schema":{"type":"string"}},
        "Folded":{"name":"after","in":"query","description":"Waits until this position is folded, at most 10 s. Listings in pages take the header Greenroom-After","schema":{"type":"integer","minimum":0}},
        "From":{"name":"from","in":"query","description":"A position or a time, included","schema":{"type":"string"}},
        "To":{"name":"to","in":"query","description":"A position or a time, included","schema":{"type":"string"}},
        "Before":{"name":"before","in":"query","description":"Only events before this position","schema":{"type":"integer","minimum":1}},
        "Order":{"name":"order","in":"query","description":"desc: the newest first","schema":{"enum":["asc","desc"]}},
        "Changes":{"name":"changes","in":"query","description":"Only decisions that change the count","schema":{"type":"boolean","default":false}},
        "Shadow":{"name":"shadow","in":"query","description":"Only decisions of this shadow","schema":{"type":"string"}},
        "Columns":{"name":"columns","in":"query","description":"Some of demand, desired, ready, busy, starting, waiting, oldestWait, min, max, separated by commas; all of them by default","schema":{"type":"string"}},
        "Pool":{"name":"pool","in":"query","description":"NAMESPACE/NAME","schema":{"type":"string"}}
        """

    private static let responses = """
        "Problem":{"description":"What was wrong, where, and what to do","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
        "Busy":{"description":"Too many requests wait, or the log can't be written: retry after Retry-After seconds",
        "headers":{"Retry-After":{"schema":{"type":"integer"}}},
        "content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}}
        """
}
