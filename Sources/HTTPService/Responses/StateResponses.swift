import Views
import Domain
import HTTPTransport
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// Which pools, workers and actors are there, now or at an earlier moment?
//
// Listings come in pages: `next` is what to give as `after`, and null at the end.

enum StateResponses {
    @Sendable static func pools(_ request: RoutedRequest) async throws -> Response {
        let limit = try request.pageLimit()
        let after = request.query.text("after")
        let all = await (try plane(request)).pools().map { (key: "\($0.namespace)/\($0.name)", view: $0) }.sorted { $0.key < $1.key }
        let rest = after.map { after in all.filter { $0.key > after } } ?? all
        return try page(rest.prefix(limit + 1).map(\.view), limit) { "\($0.namespace)/\($0.name)" }
    }

    @Sendable static func pool(_ request: RoutedRequest) async throws -> Response {
        try one(await (try plane(request)).pool(request.poolName), "pool", request.poolName)
    }

    @Sendable static func workers(_ request: RoutedRequest) async throws -> Response {
        let limit = try request.pageLimit()
        let query = request.query
        let found = await (try plane(request)).workers(pool: query.pool(), after: query.text("after"), limit: limit + 1)
        // A name says where to go on, unless the next one has the same.
        let last = found.count > limit ? found[limit - 1].name == found[limit].name : false
        return try page(found, limit) { last ? $0.fullName : $0.name }
    }

    /// A worker says that it is there.
    @Sendable static func heartbeat(_ request: RoutedRequest) async throws -> Response {
        let seconds: Int
        do throws(ControlFault) {
            seconds = try await request.parts.plane.hear(worker: request.fullName("name"), uid: request.query.text("uid"))
        } catch { throw Problem(error) }
        return .object { $0.member("ttlSeconds", seconds) }
    }

    @Sendable static func worker(_ request: RoutedRequest) async throws -> Response {
        let name = request.fullName("name")
        return try ViewJSON.response(
            try only(await (try plane(request)).workers(named: name), "worker", name) { $0.fullName })
    }

    @Sendable static func actors(_ request: RoutedRequest) async throws -> Response {
        let limit = try request.pageLimit()
        let query = request.query
        let status = try state(query.text("status"))
        let plane = try await plane(request)
        let found = await plane.actors(pool: query.pool(), status: status, after: query.text("after"), limit: limit + 1)
        // An id says where to go on, unless another has it too.
        let isShared = found.count > limit ? await plane.actors(named: found[limit - 1].id).count > 1 : false
        return try page(found, limit) { isShared ? $0.fullName : $0.id }
    }

    @Sendable static func actor(_ request: RoutedRequest) async throws -> Response {
        let id = request.fullName("id")
        var view = try await onlyActor(id, try await plane(request))
        if request.query.text("at") == nil { view.upstream = request.parts.upstream?(view.fullName) }
        return try ViewJSON.response(view)
    }

    @Sendable static func placement(_ request: RoutedRequest) async throws -> Response {
        let id = request.fullName("id")
        let plane = try await plane(request)
        let found = await plane.actors(named: id)
        let wanted = try found.count > 1 ? only(found, "actor", id) { $0.fullName } : found.first
        guard let view = await plane.explainPlacement(of: wanted.map { $0.fullName } ?? id) else {
            throw Problem(.notFound, "there is no actor \(String(id.prefix(EventLimits.nameBytes))) that waits")
        }
        return try ViewJSON.response(view)
    }

    // MARK: - Helpers

    /// The actor of that name, which must be the only one.
    static func onlyActor(_ id: String, _ plane: any ControlPlane) async throws -> ActorView {
        try only(await plane.actors(named: id), "actor", id) { $0.fullName }
    }

    private static func only<View>(_ found: [View], _ what: String, _ name: String, full: (View) -> String) throws -> View {
        let shown = String(name.prefix(EventLimits.qualifiedNameBytes))
        guard let first = found.first else { throw Problem(.notFound, "there is no \(what) \(shown)") }
        guard found.count == 1 else { throw Problem(ControlFault.several(what, shown, found.map(full))) }
        return first
    }

    /// The state now, or at `?at=`.
    private static func plane(_ request: RoutedRequest) async throws -> any ControlPlane {
        guard request.query.text("at") != nil else { return request.parts.plane }
        if request.isOfWorker {
            throw Problem(.forbidden, "the role worker reads the state of now: leave out at, or use a token with read", field: "at")
        }
        guard let moment = try Self.moment(request.query.text("at"), "at") else { return request.parts.plane }
        guard let stateAt = request.parts.stateAt else {
            throw Problem(.invalidRequest, "this server has no access to history: leave out at", field: "at")
        }
        do throws(ControlFault) {
            return try await stateAt(moment)
        } catch {
            throw Problem(error)
        }
    }

    /// A position or a time, as a parameter says it; nil where it is missing.
    static func moment(_ text: String?, _ name: String) throws(Problem) -> Moment? {
        guard let text else { return nil }
        guard let moment = Moment(text) ?? LogTime(rfc3339: plusRestored(text)).map({ .time($0) }) else {
            throw Problem(.invalidRequest, "\(name) must be a position or a time such as 2026-11-21T07:32:00Z", field: name)
        }
        return moment
    }

    /// A time with an offset that was written as it is, whose `+` a query reads as a space.
    private static func plusRestored(_ text: String) -> String {
        guard let space = text.lastIndex(of: " ") else { return text }
        return "\(text[..<space])+\(text[text.index(after: space)...])"
    }

    private static func state(_ text: String?) throws(Problem) -> ActorState? {
        guard let text else { return nil }
        let wanted = text.uppercased()
        for state in ActorState.allCases where state.statusName == wanted || state.statusName == "STATUS_\(wanted)" { return state }
        let known = ActorState.allCases.dropFirst().map(\.statusName).joined(separator: ", ")
        throw Problem(.invalidRequest, "unknown status: there are \(known)", field: "status")
    }

    private static func one<View: Encodable>(_ view: View?, _ what: String, _ name: String) throws -> Response {
        guard let view else { throw Problem(.notFound, "there is no \(what) \(String(name.prefix(EventLimits.nameBytes)))") }
        return try ViewJSON.response(view)
    }

    /// A page of views; one more than `limit` tells that there is another.
    static func page<View: Codable & Sendable>(_ views: some Collection<View>, _ limit: Int, key: (View) -> String) throws -> Response {
        let items = Array(views.prefix(limit))
        let next = views.count > limit ? items.last.map(key) : nil
        return try ViewJSON.response(ViewPage(items: items, next: next))
    }
}

extension RoutedRequest {
    /// `NAMESPACE/NAME` of an actor or a worker, as far as it is said: by the path, or by `namespace` or `pool` beside it.
    func fullName(_ parameter: String) -> String {
        let name = self.parameter(parameter)
        guard
            let namespace = path["namespace"] ?? query.text("namespace") ?? query.text("pool").map({ QualifiedName.namespace(ofPool: $0) })
        else { return name }
        return path["namespace"] == nil ? QualifiedName.full(name, in: namespace) : QualifiedName.join(namespace, name)
    }
}

/// The JSON of views: sorted members, so that equal answers are equal bytes.
enum ViewJSON {
    static func response(_ view: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .json(Array(try encoder.encode(view)))
    }
}

private struct ViewPage<View: Encodable>: Encodable {
    var items: [View]
    var next: String?

    enum CodingKeys: CodingKey { case items, next }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(items, forKey: .items)
        // Null and not absent: a page always says whether it is the last.
        try container.encode(next, forKey: .next)
    }
}
