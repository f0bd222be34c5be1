import HTTPTypes

// Which routes are there?
//
// The whole table: what is not here is 404. `/openapi.json` describes each row, and a test holds the two to each other.

enum RouteTable {
    static let all: [Route] = {
        var routes = events + placements + state + policies + operations + page
        for index in routes.indices { routes[index].index = index }
        return routes
    }()

    private static let events = [
        Route(.post, "/v1/events", role: .ingest, workers: true, .ingest),
        Route(
            .get, "/v1/events", role: .read, workers: true,
            query: ["from", "to", "order", "after", "before", "pool", "subject", "worker", "kind", "kinds", "limit", "follow"],
            limit: .events, .respond(EventResponses.list)),
        Route(.get, "/v1/watch", role: .read, query: ["topics", "pool", "after"], limit: .watches, .respond(WatchResponses.watch)),
    ]

    private static let placements = [
        Route(.post, "/v1/placements", role: .ingest, limit: .placements, .respond(PlacementResponses.place)),
        Route(.delete, "/v1/placements/{actor}", role: .ingest, query: ["namespace", "pool"], .respond(PlacementResponses.withdraw)),
        Route(.delete, "/v1/placements/{namespace}/{actor}", role: .ingest, .respond(PlacementResponses.withdraw)),
    ]

    private static let state = [
        Route(.get, "/v1/pools", role: .read, query: ["at", "after", "limit"], .respond(StateResponses.pools)),
        Route(.get, "/v1/pools/{namespace}/{name}", role: .read, query: ["at"], .respond(StateResponses.pool)),
        Route(
            .get, "/v1/pools/{namespace}/{name}/series", role: .read, query: ["from", "to", "columns", "points"],
            .respond(SeriesResponses.ofPool)),
        Route(
            .get, "/v1/pools/{namespace}/{name}/decisions", role: .read,
            query: ["from", "to", "order", "changes", "shadow", "after", "before", "limit"], .respond(DecisionResponses.ofPool)),
        Route(.get, "/v1/pools/{namespace}/{name}/when", role: .read, query: ["condition", "before"], .respond(SeriesResponses.when)),
        Route(
            .post, "/v1/pools/{namespace}/{name}/whatif", role: .read, query: ["from", "to", "seed"], .respond(LabResponses.whatIf)),
        Route(
            .get, "/v1/series", role: .read, query: ["from", "to", "columns", "points", "after", "limit"], .respond(SeriesResponses.ofMany)),
        Route(.get, "/v1/nodes", role: .read, query: ["at", "after", "limit"], .respond(StateResponses.nodes)),
        Route(.get, "/v1/moments", role: .read, query: ["at"], .respond(StateResponses.moment)),
        Route(.get, "/v1/workers", role: .read, query: ["at", "pool", "after", "limit"], .respond(StateResponses.workers)),
        Route(.get, "/v1/workers/{name}", role: .read, query: ["at", "namespace", "pool"], .respond(StateResponses.worker)),
        Route(.get, "/v1/workers/{namespace}/{name}", role: .read, workers: true, query: ["at"], .respond(StateResponses.worker)),
        Route(
            .put, "/v1/workers/{namespace}/{name}/heartbeat", role: .ingest, workers: true, query: ["uid"],
            .respond(StateResponses.heartbeat)),
        Route(.get, "/v1/actors", role: .read, query: ["at", "pool", "status", "after", "limit"], .respond(StateResponses.actors)),
        Route(.get, "/v1/actors/{id}", role: .read, query: ["at", "namespace", "pool"], .respond(StateResponses.actor)),
        Route(
            .get, "/v1/actors/{id}/history", role: .read, query: ["after", "limit", "namespace", "pool"], .respond(HistoryResponses.actor)),
        Route(.get, "/v1/actors/{id}/placement", role: .read, query: ["at", "namespace", "pool"], .respond(StateResponses.placement)),
        Route(.get, "/v1/actors/{namespace}/{id}", role: .read, workers: true, query: ["at"], .respond(StateResponses.actor)),
        Route(.get, "/v1/actors/{namespace}/{id}/history", role: .read, query: ["after", "limit"], .respond(HistoryResponses.actor)),
        Route(.get, "/v1/actors/{namespace}/{id}/placement", role: .read, query: ["at"], .respond(StateResponses.placement)),
        Route(
            .get, "/v1/decisions", role: .read,
            query: ["pool", "from", "to", "order", "changes", "shadow", "after", "before", "limit"], .respond(DecisionResponses.list)),
        Route(.get, "/v1/decisions/{seq}", role: .read, .respond(DecisionResponses.one)),
        Route(.post, "/v1/log/verify", role: .read, query: ["skipDecisions"], .respond(LabResponses.verify)),
        Route(.get, "/v1/usage", role: .read, query: ["from", "to", "by", "pool", "format"], .respond(UsageResponses.report)),
    ]

    private static let policies = [
        Route(.get, "/v1/policies", role: .read, query: ["at"], .respond(PolicyResponses.list)),
        Route(.get, "/v1/policies/{namespace}/{name}", role: .read, query: ["at"], .respond(PolicyResponses.one)),
        Route(.put, "/v1/policies/{namespace}/{name}", role: .admin, query: ["dryRun"], .respond(PolicyResponses.put)),
        Route(.delete, "/v1/policies/{namespace}/{name}", role: .admin, .respond(PolicyResponses.remove)),
        Route(.delete, "/v1/pools/{namespace}/{name}", role: .admin, .respond(PolicyResponses.removePool)),
        Route(.put, "/v1/pools/{namespace}/{name}/pause", role: .admin, .respond(PolicyResponses.pause)),
    ]

    private static let operations = [
        Route(.get, "/healthz", role: nil, limit: .health, .now(HealthResponses.alive)),
        Route(.get, "/livez", role: nil, limit: .health, .now(HealthResponses.alive)),
        Route(.get, "/readyz", role: nil, limit: .health, .respond(HealthResponses.ready)),
        Route(.get, "/metrics", role: .read, .respond(HealthResponses.metrics)),
        Route(.get, "/openapi.json", role: nil, .respond(PageResponses.openAPI)),
    ]

    /// The page for people. Each of its screens has an address, and begins with the same document.
    private static let page =
        ["/", "/pools/{namespace}/{name}", "/actors", "/actors/{namespace}/{id}", "/nodes", "/log", "/lab"].map { template in
            var route = Route(.get, template, role: nil, .respond(PageResponses.screen))
            route.leavesQuery = true
            return route
        } + [Route(.get, "/page/{file}", role: nil, .respond(PageResponses.file))]
}
