package import Domain
package import Views

// Where does a command see the state of pools, workers and actors?
//
// In a running service, or in the log's own file, folded by the same code as the service folds it. Both give the same
// views, so no command knows which it is.

package protocol StateSource: Sendable {
    func pools() async throws -> [PoolView]
    func pool(_ name: String) async throws -> PoolView?
    /// At most `limit` workers in order of name, after the one named.
    func workers(pool: String?, after: String?, limit: Int) async throws -> [WorkerView]
    /// The one of that name, or of `NAMESPACE/NAME`; nil where there is none, a fault where there are several.
    func worker(_ name: String) async throws -> WorkerView?
    /// At most `limit` actors in order of first appearance, after the one named.
    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async throws -> [ActorView]
    /// The same of an actor.
    func actor(_ id: String) async throws -> ActorView?
    /// Why a waiting actor waits, or where it would go; nil for one that doesn't wait.
    func placement(_ actor: String) async throws -> PlacementView?
    func policies() async throws -> [PolicyView]
    func policy(_ pool: String) async throws -> PolicyView?
}

extension StateSource {
    package func placement(_ actor: String) async throws -> PlacementView? { nil }

    /// Rows asked of a source at once.
    private var pageSize: Int { 1_000 }

    /// The first `limit` workers that match, and whether there are more.
    package func workers(
        namespace: String?, pool: String? = nil, limit: Int, where isWanted: (WorkerView) -> Bool = { _ in true }
    ) async throws -> (rows: [WorkerView], isCut: Bool) {
        try await collect(
            limit, named: { $0.fullName },
            matching: { (namespace == nil || $0.namespace == namespace) && isWanted($0) }
        ) {
            try await workers(pool: pool, after: $0, limit: pageSize)
        }
    }

    /// The first `limit` actors that match, and whether there are more.
    package func actors(
        namespace: String?, pool: String? = nil, status: ActorState? = nil, limit: Int, where isWanted: (ActorView) -> Bool = { _ in true }
    ) async throws -> (rows: [ActorView], isCut: Bool) {
        try await collect(
            limit, named: { $0.fullName },
            matching: { (namespace == nil || $0.namespace == namespace) && isWanted($0) }
        ) {
            try await actors(pool: pool, status: status, after: $0, limit: pageSize)
        }
    }

    /// Page by page until there are enough or no more. A page that doesn't move on ends it.
    private func collect<Row: Sendable>(
        _ limit: Int, named name: (Row) -> String, matching: (Row) -> Bool, page: (String?) async throws -> [Row]
    ) async throws -> (rows: [Row], isCut: Bool) {
        var found: [Row] = []
        var after: String?
        // One more than is wanted tells that there are more.
        while found.count <= limit {
            let rows = try await page(after)
            found.append(contentsOf: rows.filter(matching).prefix(limit + 1 - found.count))
            guard let last = rows.last, name(last) != after, rows.count == pageSize else { break }
            after = name(last)
        }
        return (Array(found.prefix(limit)), found.count > limit)
    }
}
