import HTTPTransport
import HTTPTypes
import WebPage

// What does a person see who opens this server in a browser, and a program that asks what there is?
//
// The page needs no token: it has no data. What it asks for with its script needs the role that the route says.

enum PageResponses {
    @Sendable static func openAPI(_ request: RoutedRequest) async throws -> Response {
        .json(OpenAPIDocument.bytes(version: request.parts.version))
    }

    /// Every screen is the same document: its script reads the address.
    @Sendable static func screen(_ request: RoutedRequest) async throws -> Response {
        response(PageFiles.start, to: request)
    }

    @Sendable static func file(_ request: RoutedRequest) async throws -> Response {
        guard let file = PageFiles.named(request.parameter("file")) else {
            throw Problem(.notFound, "the page has no file \(String(request.parameter("file").prefix(64)))")
        }
        return response(file, to: request)
    }

    /// The file, or 304 where the browser has it. It is asked for each time, so an upgrade is seen at once.
    private static func response(_ file: PageFile, to request: RoutedRequest) -> Response {
        let known = (request.head.headerFields[.ifNoneMatch] ?? "").split(separator: ",").contains { tag in
            tag.drop { $0 == " " } == file.tag
        }
        var response =
            known
            ? Response(.notModified, contentType: file.contentType, .none) : Response(contentType: file.contentType, .bytes(file.bytes))
        response.fields[.eTag] = file.tag
        response.fields[.cacheControl] = "no-cache"
        response.fields[.contentSecurityPolicy] = PageFiles.contentPolicy
        response.fields[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("Referrer-Policy") { response.fields[name] = "no-referrer" }
        return response
    }
}
