import Foundation
import Testing

@testable import HTTPService

@Suite("The OpenAPI document and the routes say the same")
struct OpenAPITests {
    private struct Document: Decodable {
        var openapi: String
        var paths: [String: [String: Operation]]
        var components: Components
    }

    private struct Components: Decodable {
        var parameters: [String: Parameter]
        var schemas: [String: Anything]
        var responses: [String: Anything]
    }

    private struct Anything: Decodable {}

    private struct Operation: Decodable {
        var operationId: String
        var parameters: [Parameter]?
        var role: String?
        enum CodingKeys: String, CodingKey {
            case operationId, parameters
            case role = "x-role"
        }
    }

    private struct Parameter: Decodable {
        var name: String?
        var place: String?
        var reference: String?
        enum CodingKeys: String, CodingKey {
            case name
            case place = "in"
            case reference = "$ref"
        }
    }

    private func document() throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(OpenAPIDocument.bytes(version: "1\"2")))
    }

    @Test func everyRouteIsInItAndNothingElse() throws {
        let document = try document()
        let described = document.paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } }
        #expect(document.openapi == "3.1.0")
        #expect(Set(described) == Set(RouteTable.all.map { "\($0.method.rawValue) \($0.template)" }))
        #expect(described.count == RouteTable.all.count)
    }

    @Test func everyRouteIsDescribedWithItsParametersAndRole() throws {
        let document = try document()
        for route in RouteTable.all {
            let operation = try #require(document.paths[route.template]?[route.method.rawValue.lowercased()])
            let parameters = try (operation.parameters ?? []).map { parameter in
                try parameter.reference.map { try #require(document.components.parameters[String($0.split(separator: "/").last ?? "")]) }
                    ?? parameter
            }
            let query = parameters.filter { $0.place == "query" }.compactMap(\.name)
            let path = parameters.filter { $0.place == "path" }.compactMap(\.name)
            let segments = route.segments.compactMap { if case .parameter(let name) = $0 { name } else { nil as String? } }
            #expect(Set(query) == Set(route.parameters), "\(route.template)")
            #expect(Set(path) == Set(segments), "\(route.template)")
            #expect(operation.role == route.role?.rawValue, "\(route.template)")
        }
    }

    @Test func operationsHaveNamesOfTheirOwn() throws {
        let names = try document().paths.values.flatMap { $0.values.map(\.operationId) }
        #expect(Set(names).count == names.count)
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        let text = String(decoding: OpenAPIDocument.bytes(version: "1"), as: UTF8.self)
        let document = try document()
        for match in text.matches(of: /"#\/components\/(\w+)\/(\w+)"/) {
            let name = String(match.output.2)
            switch match.output.1 {
            case "parameters": #expect(document.components.parameters[name] != nil, "\(name)")
            case "schemas": #expect(document.components.schemas[name] != nil, "\(name)")
            case "responses": #expect(document.components.responses[name] != nil, "\(name)")
            default: Issue.record("a reference to \(match.output.1)")
            }
        }
    }
}
