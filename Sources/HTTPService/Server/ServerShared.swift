import HTTPServing
import Logging

// What do all connections of one server have in common?
//
// Values that never change while the server runs, and counters that several event loops share.

final class ServerShared: Sendable {
    let parts: ServiceParts
    let limits: ServerLimits
    let authorizer: Authorizer
    let openMetrics: Bool
    let router: Router
    let metrics: RequestMetrics
    let log: Logger

    let connections: Gate
    let questions: Gate
    let waitingPlacements: Gate
    let followStreams: Gate

    init(parts: ServiceParts, configuration: ServerConfiguration, tokens: TokenFile?, log: Logger) {
        self.parts = parts
        self.log = log
        limits = configuration.limits
        authorizer = Authorizer(tokens: tokens)
        openMetrics = configuration.openMetrics
        router = Router(routes: RouteTable.all)
        metrics = RequestMetrics(routes: RouteTable.all)
        connections = Gate(limit: limits.connections)
        questions = Gate(limit: limits.questions)
        waitingPlacements = Gate(limit: limits.waitingPlacements)
        followStreams = Gate(limit: limits.followStreams)
    }
}
