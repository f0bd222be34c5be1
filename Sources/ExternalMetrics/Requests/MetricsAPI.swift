import HTTPTransport
import HTTPTypes

// What is the answer to a request?
//
// Who asks is settled first, then what they ask for: a stranger learns nothing of what exists. Where memory and a fresh
// snapshot suffice, which is nearly always, the answer is there at once and never leaves the event loop; else it comes `later`.

struct MetricsAPI: Sendable {
    let access: AccessControl
    let source: any MetricSource

    enum Response: Sendable {
        case now(Answer)
        case later(@Sendable () async -> Answer)
    }

    func respond(to head: HTTPRequest, fromProxy: Bool) -> Response {
        let credentials = access.credentials(head.headerFields, fromProxy: fromProxy)
        let request: Result<APIRequest, StatusAnswer> = Result { () throws(StatusAnswer) in try APIRequest(head) }
        // Whoever may discover may learn that there is no such path.
        let action = (try? request.get())?.action ?? .discover
        guard let verdict = access.now(credentials, action) else {
            return .later { await answer(request, head.headerFields, await access.reviewed(credentials, action), action) }
        }
        if let answer = refusal(verdict, action) { return .now(answer) }
        guard case .success(.values) = request else { return .now(answer(request, head.headerFields, MetricSnapshot())) }
        // Asked once: a moment later it may be too old.
        guard let snapshot = source.ready() else { return .later { answer(request, head.headerFields, await source.fresh()) } }
        return .now(answer(request, head.headerFields, snapshot))
    }

    private func answer(
        _ request: Result<APIRequest, StatusAnswer>, _ fields: HTTPFields, _ verdict: AccessControl.Verdict, _ action: AccessControl.Action
    ) async -> Answer {
        if let answer = refusal(verdict, action) { return answer }
        guard case .success(.values) = request else { return answer(request, fields, MetricSnapshot()) }
        return answer(request, fields, await source.fresh())
    }

    private func answer(_ request: Result<APIRequest, StatusAnswer>, _ fields: HTTPFields, _ snapshot: MetricSnapshot) -> Answer {
        do throws(StatusAnswer) { return try answer(try request.get(), fields, snapshot) } catch { return error.answer }
    }

    // MARK: - Access

    private func refusal(_ verdict: AccessControl.Verdict, _ action: AccessControl.Action) -> Answer? {
        switch verdict {
        case .allowed: return nil
        case .unauthenticated: return StatusAnswer(.unauthorized, "Unauthorized").answer
        case .unavailable(let problem):
            return StatusAnswer(.serviceUnavailable, "access could not be reviewed: \(problem)", retryAfterSeconds: 1).answer
        case .forbidden(let user, let reason):
            guard case .read(let metric, let namespace) = action else {
                return StatusAnswer(.forbidden, "forbidden: User \"\(user)\"").answer
            }
            let because = reason.isEmpty ? "" : ": \(reason)"
            return StatusAnswer(
                .forbidden,
                "\(metric).\(ExternalMetricsAPI.group) is forbidden: User \"\(user)\" cannot list resource \"\(metric)\" in API group "
                    + "\"\(ExternalMetricsAPI.group)\" in the namespace \"\(namespace)\"\(because)", name: metric
            ).answer
        }
    }

    // MARK: - Answers

    private func answer(_ request: APIRequest, _ fields: HTTPFields, _ snapshot: MetricSnapshot) throws(StatusAnswer) -> Answer {
        let accept = fields[values: .accept]
        let ifNoneMatch = fields[.ifNoneMatch]
        if request == .groups { return try groups(accept, ifNoneMatch) }
        guard MediaTypes.acceptsJSON(accept) else { throw Self.notAcceptable }
        switch request {
        case .groups, .group: return .document(DiscoveryAnswers.group(), ifNoneMatch: ifNoneMatch)
        case .resources: return .document(DiscoveryAnswers.resourceList(source.latest()), ifNoneMatch: ifNoneMatch)
        case .openAPI2: return .document(OpenAPIAnswers.version2, ifNoneMatch: ifNoneMatch)
        case .openAPI3Index: return .document(OpenAPIAnswers.version3Index, ifNoneMatch: ifNoneMatch)
        case .openAPI3: return .document(OpenAPIAnswers.version3, ifNoneMatch: ifNoneMatch)
        case .values(let namespace, let metric, let query):
            return try values(metric, in: namespace, try ValuesQuery(query).selector, snapshot)
        }
    }

    private func groups(_ accept: [String], _ ifNoneMatch: String?) throws(StatusAnswer) -> Answer {
        switch MediaTypes.discovery(accept) {
        case .none: throw Self.notAcceptable
        case .plain: return .document(DiscoveryAnswers.groupList(), ifNoneMatch: ifNoneMatch)
        case .aggregated(let version):
            return .document(
                DiscoveryAnswers.aggregated(version: version, source.latest()), contentType: MediaTypes.aggregatedType(version),
                ifNoneMatch: ifNoneMatch)
        }
    }

    private static let notAcceptable = StatusAnswer(.notAcceptable, "only the following media types are accepted: application/json")

    private func values(_ metric: String, in namespace: String, _ selector: LabelSelector, _ snapshot: MetricSnapshot) throws(StatusAnswer)
        -> Answer
    {
        guard let selected = snapshot.series(metric, in: namespace, selectedBy: selector) else {
            throw Self.unknown(metric, namespace, snapshot)
        }
        return Answer.kubernetes(.ok, MetricValues.list(metric, selected))
    }

    /// Names that one message lists.
    private static let namesListedMost = 50

    private static func unknown(_ metric: String, _ namespace: String, _ snapshot: MetricSnapshot) -> StatusAnswer {
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
        return StatusAnswer(.notFound, "\(ExternalMetricsAPI.group) \"\(metric)\" not found: \(known)", name: metric)
    }
}
