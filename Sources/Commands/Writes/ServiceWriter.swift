import Domain
import Inspection
import Output

// How does a command change something in a running service?
//
// One request, one answer. A refusal says in one line what was refused, and, where it is the token's, which role the command needs.

struct ServiceWriter: Sendable {
    /// A role of the tokens file, as `HTTPService` has it.
    enum Role: String, Sendable { case ingest, read, admin }

    let api: any ServiceAPI
    /// As it is typed: `apply`.
    let command: String
    let role: Role

    /// The answer's JSON; nil where it has none.
    func send(_ request: APIRequest, about what: String) async throws -> JSONValue? {
        let response = try await api.send(request)
        guard (200..<300).contains(response.status) else { throw refusal(response, what) }
        guard !response.body.isEmpty else { return nil }
        do { return try JSONValue(parsing: response.body) } catch {
            throw Fault(
                .unreachable, "\(api.url) answered \(command) with something that is not JSON",
                do: "check that --server names a Greenroom service")
        }
    }

    private func refusal(_ response: APIResponse, _ what: String) -> Fault {
        switch response.status {
        case 401:
            let token =
                "`greenroom \(command)` needs a token with the role \(role.rawValue): name its file with --token-file, or set GREENROOM_TOKEN"
            return Fault(.unreachable, "\(what): \(api.url) knows no such token, or none was sent", do: token)
        case 403:
            return Fault(
                .unreachable, "\(what): \(response.detail)",
                do: "`greenroom \(command)` needs a token with the role \(role.rawValue) (--token-file or GREENROOM_TOKEN)")
        case 400, 404, 409, 413, 422: return Fault(.no, "\(what): \(response.detail)")
        default:
            let wait = response.retryAfterSeconds.map { "try again in \($0) s" } ?? ""
            return Fault(.unreachable, "\(what): \(api.url) answered \(response.status): \(response.detail)", do: wait)
        }
    }
}

extension ServiceWriter {
    /// Opens the service, and closes it at the end whatever comes of it.
    static func with<Value: Sendable>(
        _ options: ServerOptions, _ command: String, _ role: Role, _ body: (ServiceWriter) async throws -> Value
    ) async throws -> Value {
        let api = try await ServiceConnection.open(options)
        do {
            let value = try await body(ServiceWriter(api: api, command: command, role: role))
            await api.close()
            return value
        } catch {
            await api.close()
            throw error
        }
    }
}

/// What a service answers to a change of a pool: the decision that followed.
struct AnsweredDecision: Hashable, Sendable {
    var from: Int64
    var to: Int64
    var reason: String
    /// nil where no new decision was logged.
    var seq: Int64?

    init?(_ json: JSONValue?) {
        guard let json, let from = json["from"].integer, let to = json["to"].integer else { return nil }
        self.from = from
        self.to = to
        reason = json["reason"].string ?? ""
        seq = json["seq"].integer
    }

    /// `3 → 5 workers: demand 21 = …`
    var text: String {
        (from == to ? "stays at \(to) workers" : "\(from) → \(to) workers") + (reason.isEmpty ? "" : ": \(reason)")
    }
}
