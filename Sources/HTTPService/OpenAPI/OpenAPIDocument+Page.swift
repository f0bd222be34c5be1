// The page for people, as OpenAPI has it: documents and files, no data.

extension OpenAPIDocument {
    private static func screen(_ path: String, _ id: String, _ summary: String, _ parameters: [String] = []) -> String {
        let named = parameters.map { #"{"name":"\#($0)","in":"path","required":true,"schema":{"type":"string"}}"# }
        return """
            "\(path)":{"get":{"operationId":"\(id)","security":[{}],"summary":"\(summary)","parameters":[\(named.joined(separator: ","))],
            "responses":{"200":{"description":"HTML","content":{"text/html":{"schema":{"type":"string"}}}},
            "304":{"description":"The browser has it already"}}}}
            """
    }

    static let page = [
        screen("/", "page", "The page for people: the board"),
        screen("/pools/{namespace}/{name}", "pagePool", "The page: one pool", ["namespace", "name"]),
        screen("/actors", "pageActors", "The page: actors"),
        screen("/actors/{namespace}/{id}", "pageActor", "The page: one actor", ["namespace", "id"]),
        screen("/nodes", "pageNodes", "The page: nodes"),
        screen("/log", "pageLog", "The page: the log"),
        screen("/lab", "pageLab", "The page: a policy to try"),
        """
        "/page/{file}":{"get":{"operationId":"pageFile","security":[{}],"summary":"A file of the page",
        "parameters":[{"name":"file","in":"path","required":true,"schema":{"type":"string"}}],
        "responses":{"200":{"description":"CSS or JavaScript","content":{"text/css":{"schema":{"type":"string"}},"text/javascript":{"schema":{"type":"string"}}}},
        "304":{"description":"The browser has it already"},"404":{"$ref":"#/components/responses/Problem"}}}}
        """,
    ].joined(separator: ",\n")
}
