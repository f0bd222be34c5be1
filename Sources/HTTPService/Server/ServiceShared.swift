import HTTPTransport
import Logging

// What do all requests to the API have in common?
//
// Values that never change while the server runs, and counters that several event loops share.

final class ServiceShared: Sendable {
    let parts: ServiceParts
    let limits: ServerLimits
    let authorizer: Authorizer
    /// nil where tokens say who may do what.
    let localTrust: LocalTrust?
    let openMetrics: Bool
    let router: Router
    let metrics: RequestMetrics
    let log: Logger

    let healthRequests: SharedLimit
    let requests: SharedLimit
    let waitingPlacements: SharedLimit
    let followStreams: SharedLimit
    let watches: SharedLimit
    let watchesByName: SharesByName
    let board: BoardFeed
    let meters: SharedRendering?
    let followers: EventFanOut

    init(parts: ServiceParts, configuration: ServerConfiguration, tokens: TokenFile?, log: Logger) {
        self.parts = parts
        self.log = log
        limits = configuration.limits
        authorizer = Authorizer(tokens: tokens)
        localTrust = tokens == nil ? LocalTrust(configuration) : nil
        openMetrics = configuration.openMetrics
        router = Router(routes: RouteTable.all)
        metrics = RequestMetrics(routes: RouteTable.all)
        healthRequests = SharedLimit(limit: limits.healthRequests)
        requests = SharedLimit(limit: limits.requests)
        waitingPlacements = SharedLimit(limit: limits.waitingPlacements)
        followStreams = SharedLimit(limit: limits.followStreams)
        watches = SharedLimit(limit: limits.watches)
        watchesByName = SharesByName(limit: limits.watchesOfOne)
        board = BoardFeed(plane: parts.plane, now: parts.now)
        meters = parts.metricsText.map { SharedRendering($0) }
        followers = EventFanOut(log: parts.log, sliceEvents: limits.readEvents)
    }
}
