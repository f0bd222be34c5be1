import HTTPTypes

// Which routes are there?
//
// The whole table: what is not here is 404. `/openapi.json` describes each row, and a test holds the two to each other.

enum RouteTable {
    static let all: [Route] = {
        var routes = events + placements + state + policies + operations
        for index in routes.indices { routes[index].index = index }
        return routes
    }()

    private static let events = [
        Route(.post, "/v1/events", role: .ingest, .ingest),
        Route(
            .get, "/v1/events", role: .read, query: ["after", "pool", "subject", "worker", "kind", "limit", "follow"], room: .events,
            .answer(EventAnswers.list)),
    ]

    private static let placements = [
        Route(.post, "/v1/placements", role: .ingest, room: .placements, .answer(PlacementAnswers.place)),
        Route(.delete, "/v1/placements/{actor}", role: .ingest, query: ["namespace", "pool"], .answer(PlacementAnswers.withdraw)),
        Route(.delete, "/v1/placements/{namespace}/{actor}", role: .ingest, .answer(PlacementAnswers.withdraw)),
    ]

    private static let state = [
        Route(.get, "/v1/pools", role: .read, query: ["at", "after", "limit"], .answer(StateAnswers.pools)),
        Route(.get, "/v1/pools/{namespace}/{name}", role: .read, query: ["at"], .answer(StateAnswers.pool)),
        Route(.get, "/v1/workers", role: .read, query: ["at", "pool", "after", "limit"], .answer(StateAnswers.workers)),
        Route(.get, "/v1/workers/{name}", role: .read, query: ["at", "namespace", "pool"], .answer(StateAnswers.worker)),
        Route(.get, "/v1/workers/{namespace}/{name}", role: .read, query: ["at"], .answer(StateAnswers.worker)),
        Route(.get, "/v1/actors", role: .read, query: ["at", "pool", "status", "after", "limit"], .answer(StateAnswers.actors)),
        Route(.get, "/v1/actors/{id}", role: .read, query: ["at", "namespace", "pool"], .answer(StateAnswers.actor)),
        Route(.get, "/v1/actors/{id}/history", role: .read, query: ["after", "limit", "namespace", "pool"], .answer(HistoryAnswers.actor)),
        Route(.get, "/v1/actors/{id}/placement", role: .read, query: ["at", "namespace", "pool"], .answer(StateAnswers.placement)),
        Route(.get, "/v1/actors/{namespace}/{id}", role: .read, query: ["at"], .answer(StateAnswers.actor)),
        Route(.get, "/v1/actors/{namespace}/{id}/history", role: .read, query: ["after", "limit"], .answer(HistoryAnswers.actor)),
        Route(.get, "/v1/actors/{namespace}/{id}/placement", role: .read, query: ["at"], .answer(StateAnswers.placement)),
        Route(.get, "/v1/decisions", role: .read, query: ["pool", "after", "limit"], .answer(DecisionAnswers.list)),
        Route(.get, "/v1/decisions/{seq}", role: .read, .answer(DecisionAnswers.one)),
    ]

    private static let policies = [
        Route(.get, "/v1/policies", role: .read, .answer(PolicyAnswers.list)),
        Route(.get, "/v1/policies/{namespace}/{name}", role: .read, .answer(PolicyAnswers.one)),
        Route(.put, "/v1/policies/{namespace}/{name}", role: .admin, query: ["dryRun"], .answer(PolicyAnswers.put)),
        Route(.delete, "/v1/policies/{namespace}/{name}", role: .admin, .answer(PolicyAnswers.remove)),
        Route(.put, "/v1/pools/{namespace}/{name}/pause", role: .admin, .answer(PolicyAnswers.pause)),
    ]

    private static let operations = [
        Route(.get, "/healthz", role: nil, room: .health, .now(HealthAnswers.alive)),
        Route(.get, "/livez", role: nil, room: .health, .now(HealthAnswers.alive)),
        Route(.get, "/readyz", role: nil, room: .health, .answer(HealthAnswers.ready)),
        Route(.get, "/metrics", role: .read, .answer(HealthAnswers.metrics)),
        Route(.get, "/openapi.json", role: nil, .answer(PageAnswers.openAPI)),
        Route(.get, "/", role: nil, .answer(PageAnswers.root)),
    ]
}
