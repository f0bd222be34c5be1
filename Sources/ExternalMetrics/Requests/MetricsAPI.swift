import HTTPTransport
import HTTPTypes

// What is the answer to a request?
//
// Who asks is settled first, then what they ask for: a stranger learns nothing of what exists. Where memory and a fresh
// snapshot suffice, which is nearly always, the answer is there at once and never leaves the event loop; else it comes `later`.

struct MetricsAPI: Sendable {
    let access: AccessControl
    let source: any MetricSource

    enum Reply: Sendable {
        case now(Response)
        case later(@Sendable () async -> Response)
    }

    func respond(to head: HTTPRequest, fromProxy: Bool) -> Reply {
        let credentials = access.credentials(head.headerFields, fromProxy: fromProxy)
        let request: Result<APIRequest, StatusResponse> = Result { () throws(StatusResponse) in try APIRequest(head) }
        // Whoever may discover may learn that there is no such path.
        let action = (try? request.get())?.action ?? .discover
        guard let verdict = access.now(credentials, action) else {
            return .later { await response(request, head.headerFields, await access.reviewed(credentials, action), action) }
        }
        if let response = refusal(verdict, action) { return .now(response) }
        guard case .success(.values) = request else { return .now(response(request, head.headerFields, MetricSnapshot())) }
        // Asked once: a moment later it may be too old.
        guard let snapshot = source.ready() else { return .later { response(request, head.headerFields, await source.fresh()) } }
        return .now(response(request, head.headerFields, snapshot))
    }

    private func response(
        _ request: Result<APIRequest, StatusResponse>, _ fields: HTTPFields, _ verdict: AccessControl.Verdict,
        _ action: AccessControl.Action
    ) async -> Response {
        if let response = refusal(verdict, action) { return response }
        guard case .success(.values) = request else { return response(request, fields, MetricSnapshot()) }
        return response(request, fields, await source.fresh())
    }

    private func response(_ request: Result<APIRequest, StatusResponse>, _ fields: HTTPFields, _ snapshot: MetricSnapshot) -> Response {
        do throws(StatusResponse) { return try response(try request.get(), fields, snapshot) } catch { return error.response }
    }

    // MARK: - Access

    private func refusal(_ verdict: AccessControl.Verdict, _ action: AccessControl.Action) -> Response? {
        switch verdict {
        case .allowed: return nil
        case .unauthenticated: return StatusResponse(.unauthorized, "Unauthorized").response
        case .unavailable(let problem):
            return StatusResponse(.serviceUnavailable, "access could not be reviewed: \(problem)", retryAfterSeconds: 1).response
        case .forbidden(let user, let reason):
            guard case .read(let metric, let namespace) = action else {
                return StatusResponse(.forbidden, "forbidden: User \"\(user)\"").response
            }
            let because = reason.isEmpty ? "" : ": \(reason)"
            return StatusResponse(
                .forbidden,
                "\(metric).\(ExternalMetricsAPI.group) is forbidden: User \"\(user)\" cannot list resource \"\(metric)\" in API group "
                    + "\"\(ExternalMetricsAPI.group)\" in the namespace \"\(namespace)\"\(because)", name: metric
            ).response
        }
    }

    // MARK: - Answers

    private func response(_ request: APIRequest, _ fields: HTTPFields, _ snapshot: MetricSnapshot) throws(StatusResponse) -> Response {
        let accept = fields[values: .accept]
        let ifNoneMatch = fields[.ifNoneMatch]
        if request == .groups { return try groups(accept, ifNoneMatch) }
        guard MediaTypes.acceptsJSON(accept) else { throw Self.notAcceptable }
        switch request {
        case .groups, .group: return .document(DiscoveryResponses.group(), ifNoneMatch: ifNoneMatch)
        case .resources: return .document(DiscoveryResponses.resourceList(source.latest()), ifNoneMatch: ifNoneMatch)
        case .openAPI2: return .document(OpenAPIResponses.version2, ifNoneMatch: ifNoneMatch)
        case .openAPI3Index: return .document(OpenAPIResponses.version3Index, ifNoneMatch: ifNoneMatch)
        case .openAPI3: return .document(OpenAPIResponses.version3, ifNoneMatch: ifNoneMatch)
        case .values(let namespace, let metric, let query):
            return try values(metric, in: namespace, try ValuesQuery(query).selector, snapshot)
        }
    }

    private func groups(_ accept: [String], _ ifNoneMatch: String?) throws(StatusResponse) -> Response {
        switch MediaTypes.discovery(accept) {
        case .none: throw Self.notAcceptable
        case .plain: return .document(DiscoveryResponses.groupList(), ifNoneMatch: ifNoneMatch)
        case .aggregated(let version):
            return .document(
                DiscoveryResponses.aggregated(version: version, source.latest()), contentType: MediaTypes.aggregatedType(version),
                ifNoneMatch: ifNoneMatch)
        }
    }

    private static let notAcceptable = StatusResponse(.notAcceptable, "only the following media types are accepted: application/json")

    private func values(_ metric: String, in namespace: String, _ selector: LabelSelector, _ snapshot: MetricSnapshot)
        throws(StatusResponse)
        -> Response
    {
        guard let selected = snapshot.series(metric, in: namespace, selectedBy: selector) else {
            throw Self.unknown(metric, namespace, snapshot)
        }
        return Response.kubernetes(.ok, MetricValues.list(metric, selected))
    }

    /// Names that one message lists.
    private static let namesListedMost = 50

    private static func unknown(_ metric: String, _ namespace: String, _ snapshot: MetricSnapshot) -> StatusResponse {
        let names = snapshot.metricNames(in: namespace)
        let known: String
        if names.isEmpty {
            known = "no pool is in namespace \"\(namespace)\""
        } else {
            let rest = names.count - namesListedMost
            known =
                "namespace \"\(namespace)\" has \(names.prefix(namesListedMost).joined(separator: ", "))"
                + (rest > 0 ? " and \(rest) more" : "")
        }
        return StatusResponse(.notFound, "\(ExternalMetricsAPI.group) \"\(metric)\" not found: \(known)", name: metric)
    }
}
