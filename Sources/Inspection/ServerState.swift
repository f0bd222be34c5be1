package import Views
package import Domain
import Output

// What does a running service say its state is, and what is in its log?
//
// The read routes of the HTTP API as `StateSource` and `EventSource`.

package struct ServerState: StateSource, EventSource {
    package let api: any ServiceAPI
    /// The state of which moment is asked for; nil for now.
    package var moment: Moment?

    /// Pages of one listing, at most.
    private static let pagesLimit = 10_000
    /// Events asked for at once; the next page begins after the last of the one before.
    private static let eventsPerPage = 1_000

    package init(api: any ServiceAPI, moment: Moment? = nil) {
        self.api = api
        self.moment = moment
    }

    package func pools() async throws -> [PoolView] { try await all(statePath("/v1/pools")) }
    package func pool(_ name: String) async throws -> PoolView? { try await one(dated(APIPath("/v1/pools", name))) }

    package func workers(pool: String?, after: String?, limit: Int) async throws -> [WorkerView] {
        try await list(statePath("/v1/workers", pool: pool, after: after, limit: limit)).rows
    }

    package func worker(_ name: String) async throws -> WorkerView? { try await one(dated(APIPath("/v1/workers", id: name))) }

    package func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async throws -> [ActorView] {
        try await list(statePath("/v1/actors", pool: pool, status: status, after: after, limit: limit)).rows
    }

    package func actor(_ id: String) async throws -> ActorView? { try await one(dated(APIPath("/v1/actors", id: id))) }

    package func placement(_ actor: String) async throws -> PlacementView? {
        let path = APIPath("/v1/actors", id: actor).text + "/placement"
        return try await one(dated(APIPath(path)))
    }

    package func policies() async throws -> [PolicyView] {
        try onlyNow("policies")
        return try await list(APIPath("/v1/policies")).rows
    }

    package func policy(_ pool: String) async throws -> PolicyView? {
        try onlyNow("policies")
        return try await one(APIPath("/v1/policies", pool))
    }

    package func forEachEvent(_ query: EventQuery, _ visit: (EventRecord) async throws -> Bool) async throws {
        var query = query
        var left = query.limit ?? .max
        // Pages first, so that a long history is never one answer; then, if wanted, one answer that goes on.
        while left > 0 {
            var seen = 0
            var goesOn = true
            try await api.forEachLine(path(query, limit: min(left, Self.eventsPerPage), follows: false)) { line in
                guard !line.isEmpty else { return true }
                let event = try EventRecord(line: line)
                query.after = event.seq
                seen += 1
                goesOn = query.includes(event)
                if goesOn { goesOn = try await visit(event) }
                return goesOn
            }
            left -= seen
            guard goesOn else { return }
            if seen == 0 { break }
        }
        guard query.follows, left > 0 else { return }
        try await follow(query, left, visit)
    }

    private func follow(_ query: EventQuery, _ limit: Int, _ visit: (EventRecord) async throws -> Bool) async throws {
        var left = limit
        try await api.forEachLine(path(query, limit: nil, follows: true)) { line in
            // Empty lines only keep the connection alive.
            guard !line.isEmpty else { return true }
            left -= 1
            let event = try EventRecord(line: line)
            guard query.includes(event) else { return false }
            return try await visit(event) && left > 0
        }
    }

    private func path(_ query: EventQuery, limit: Int?, follows: Bool) -> String {
        var path = APIPath("/v1/events")
        path.query("after", String(query.after))
        path.query("pool", query.pool)
        path.query("subject", query.subject)
        path.query("worker", query.worker)
        path.query("kind", query.kind?.name)
        path.query("limit", limit.map { String($0) })
        if follows { path.query("follow", "true") }
        return path.text
    }

    // MARK: - Views

    private func statePath(
        _ base: String, pool: String? = nil, status: ActorState? = nil, after: String? = nil, limit: Int? = nil
    ) -> APIPath {
        var path = APIPath(base)
        path.query("pool", pool)
        path.query("status", status?.statusName)
        path.query("after", after)
        path.query("limit", limit.map { String($0) })
        return dated(path)
    }

    private func dated(_ path: APIPath) -> APIPath {
        var path = path
        path.query("at", moment?.text)
        return path
    }

    private func onlyNow(_ what: String) throws {
        guard moment == nil else {
            throw Fault(.usage, "a service has only the current \(what)", do: "leave out --at, or look into the log itself with --db")
        }
    }

    /// All pages of a listing.
    private func all<View: Decodable>(_ path: APIPath) async throws -> [View] {
        var found: [View] = []
        var next: String?
        for _ in 0..<Self.pagesLimit {
            var path = path
            path.query("after", next)
            let page: (rows: [View], next: String?) = try await list(path)
            found += page.rows
            guard let following = page.next, following != next else { break }
            next = following
        }
        return found
    }

    /// One page: its rows, and what to ask after for the next.
    private func list<View: Decodable>(_ path: APIPath) async throws -> (rows: [View], next: String?) {
        guard let json = try await api.get(path.text) else { return ([], nil) }
        guard case .array(let rows) = json["items"] else { throw wrongShape(path) }
        return (try rows.map { try decode($0, path) }, json["next"].string)
    }

    private func one<View: Decodable>(_ path: APIPath) async throws -> View? {
        guard let json = try await api.get(path.text) else { return nil }
        return try decode(json, path)
    }

    private func decode<View: Decodable>(_ json: JSONValue, _ path: APIPath) throws -> View {
        do { return try json.decode(View.self) } catch { throw wrongShape(path) }
    }

    private func wrongShape(_ path: APIPath) -> Fault {
        Fault(
            .unreachable, "the answer of \(api.url) to GET \(path.text) has another shape than this version knows",
            do: "use a greenroom of the service's version")
    }
}
