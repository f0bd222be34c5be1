import HTTPTransport

// What does a person see who opens this server in a browser, and a program that asks what there is?

enum PageResponses {
    @Sendable static func openAPI(_ request: RoutedRequest) async throws -> Response {
        .json(OpenAPIDocument.bytes(version: request.parts.version))
    }

    @Sendable static func root(_ request: RoutedRequest) async throws -> Response {
        Response(contentType: "text/html; charset=utf-8", .bytes(Array(page(version: request.parts.version).utf8)))
    }

    private static func page(version: String) -> String {
        let rows = RouteTable.all.map { route in
            let path =
                route.method == .get && !route.template.contains("{")
                ? "<a href=\"\(route.template)\">\(route.template)</a>" : route.template
            return
                "<tr><td>\(route.method.rawValue)</td><td>\(path)</td><td>\(route.role?.rawValue ?? "")\(route.allowsWorkers ? ", worker" : "")</td></tr>"
        }
        return """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>Greenroom</title>
            <style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:44rem}td{padding:.1rem 1.5rem .1rem 0}</style>
            <h1>Greenroom</h1><p>Version \(escaped(version)). <a href="/openapi.json">/openapi.json</a> describes every route.</p>
            <table>\(rows.joined(separator: "\n"))</table></html>

            """
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "<" ? "&lt;" : $0 == ">" ? "&gt;" : $0 == "&" ? "&amp;" : String($0) }.joined()
    }
}
