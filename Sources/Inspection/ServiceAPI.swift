package import Output
import Basics
package import Domain

// What do the commands need of a running service?
//
// Requests with bounded answers, and line by line what has no end. Everything that goes wrong on the way is a `Fault`
// that names the service; an answer that says no is turned into one by `ok()`.

package protocol ServiceAPI: Sendable {
    /// As the user named it, for messages.
    var url: String { get }
    func send(_ request: APIRequest) async throws -> APIResponse
    /// Gives each line of the answer to `visit` until it answers false or the answer ends.
    func forEachLine(_ path: String, _ visit: ([UInt8]) async throws -> Bool) async throws
    func close() async
}

package struct APIRequest: Hashable, Sendable {
    package enum Method: String, Hashable, Sendable { case get = "GET", post = "POST", put = "PUT", delete = "DELETE" }

    package var method: Method = .get
    /// With its query.
    package var path: String
    package var contentType: String?
    package var body: [UInt8] = []

    package init(method: Method = .get, path: String, contentType: String? = nil, body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.contentType = contentType
        self.body = body
    }
}

package struct APIResponse: Hashable, Sendable {
    package var status: Int
    package var body: [UInt8]
    /// What `Retry-After` asks for.
    package var retryAfterSeconds: Int?
}

extension APIResponse {
    /// The body as JSON where the answer is a success; nil where there is no such thing.
    package func json(_ url: String, _ request: APIRequest) throws -> JSONValue? {
        switch status {
        case 200..<300:
            do { return try JSONValue(parsing: body) } catch {
                throw Fault(
                    .unreachable, "\(url) answered \(request.method.rawValue) \(request.path) with something that is not JSON",
                    do: "check that --server names a Greenroom service")
            }
        case 404: return nil
        default: throw fault(url, request)
        }
    }

    /// The problem document's own words, where there is one.
    package var detail: String {
        let problem = try? JSONValue(parsing: body)
        return problem?["detail"].string ?? problem?["title"].string ?? "no reason given"
    }

    package func fault(_ url: String, _ request: APIRequest) -> Fault {
        let what = "\(url) answered \(status) to \(request.method.rawValue) \(request.path): \(detail)"
        switch status {
        case 401, 403: return Fault(.unreachable, what, do: "give a token that may do this with --token-file or GREENROOM_TOKEN")
        case 400, 409, 422: return Fault(.no, what)
        default: return Fault(.unreachable, what)
        }
    }
}

extension ServiceAPI {
    /// nil where the service knows no such thing.
    package func get(_ path: String) async throws -> JSONValue? {
        let request = APIRequest(path: path)
        return try await send(request).json(url, request)
    }
}

/// Paths with their parts escaped (RFC 3986: all but unreserved characters).
package struct APIPath {
    package private(set) var text: String
    private var hasQuery = false

    package init(_ base: String, _ parts: String...) {
        text = parts.reduce(base) {
            $0 + "/"
                + $1.split(separator: "/", omittingEmptySubsequences: false).map { PercentCoding.encode(String($0)) }.joined(separator: "/")
        }
    }

    /// One part whose slashes are its own: an actor's id.
    package init(_ base: String, id: String) { text = base + "/" + PercentCoding.encode(id) }

    package mutating func query(_ name: String, _ value: String?) {
        guard let value else { return }
        text += (hasQuery ? "&" : "?") + name + "=" + PercentCoding.encode(value)
        hasQuery = true
    }
}
