import Domain
import HTTPTypes
import Views

// Is the state that answers at least of the position that the caller knows?
//
// An instance that follows another is a moment behind it. Who wrote at one instance and reads at another says which position it knows:
// `Greenroom-After` on any read, or `after` on a read of the state that has no pages. The answer then is of that position or a later one.

enum FoldedPosition {
    private static let field = HTTPField.Name("Greenroom-After")
    private static let boundSeconds = 10.0
    private static let pause = Duration.milliseconds(5)

    /// nil where the caller names none.
    static func wanted(by head: HTTPRequest, _ query: Query, _ route: Route) throws(Problem) -> Position? {
        guard head.method == .get, route.role == .read else { return nil }
        if route.awaitsPosition, let position = try query.integer("after", in: 0...Int64.max) { return position }
        guard let field, let text = head.headerFields[field] else { return nil }
        guard let position = Position(text), position >= 0 else {
            throw Problem(.invalidRequest, "Greenroom-After must be a position, as Greenroom-Position has it", field: "greenroom-after")
        }
        return position
    }

    /// Returns once it is folded. Whoever waits counts as a read in flight, so as many wait as may read.
    static func wait(for position: Position, _ plane: any ControlPlane) async throws {
        let end = ContinuousClock.now + .seconds(boundSeconds)
        while let folded = await plane.position(), folded < position {
            guard ContinuousClock.now < end else {
                throw Problem(
                    .unavailable, "this instance has folded the log to \(folded), and \(position) is wanted: ask again, or ask another",
                    retryAfterSeconds: 1)
            }
            try await Task.sleep(for: pause)
        }
    }
}
