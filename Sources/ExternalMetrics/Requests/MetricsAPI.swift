import NIOHTTP1

// What is the answer to a request?
//
// Who asks is settled first, then what they ask for: a stranger learns nothing of what exists. Where memory and a fresh
// snapshot suffice, which is nearly always, the answer is there at once and never leaves the event loop; else it comes `later`.

struct Responder: Sendable {
    let access: AccessControl
    let source: any MetricSource

    enum Response: Sendable {
        case now(APIAnswer)
        case later(@Sendable () async -> APIAnswer)
    }

    func respond(to head: HTTPRequestHead, fromProxy: Bool) -> Response {
        let credentials = access.credentials(head.headers, fromProxy: fromProxy)
        let request: Result<APIRequest, StatusAnswer> = Result { () throws(StatusAnswer) in try APIRequest(head) }
        // Whoever may discover may learn that there is no such path.
        let action = (try? request.get())?.action ?? .discover
        guard let verdict = access.now(credentials, action) else {
            return .later { await answer(request, head.headers, await access.reviewed(credentials, action), action) }
        }
        if let answer = refusal(verdict, action) { return .now(answer) }
        guard case .success(.values) = request else { return .now(answer(request, head.headers, MetricSnapshot())) }
        // Asked once: a moment later it may be too old.
        guard let snapshot = source.ready() else { return .later { answer(request, head.headers, await source.fresh()) } }
        return .now(answer(request, head.headers, snapshot))
    }

    private func answer(
        _ request: Result<APIRequest, StatusAnswer>, _ headers: HTTPHeaders, _ verdict: AccessControl.Verdict, _ action: AccessControl.Action
    ) async -> APIAnswer {
        if let answer = refusal(verdict, action) { return answer }
        guard case .success(.values) = request else { return answer(request, headers, MetricSnapshot()) }
        return answer(request, headers, await source.fresh())
    }

    private func answer(_ request: Result<APIRequest, StatusAnswer>, _ headers: HTTPHeaders, _ snapshot: MetricSnapshot) -> APIAnswer {
        do throws(StatusAnswer) { return try answer(try request.get(), headers, snapshot) } catch { return error.answer }
    }

    // MARK: - Access

    private func refusal(_ verdict: AccessControl.Verdict, _ action: AccessControl.Action) -> APIAnswer? {
        switch verdict {
        case .allowed: return nil
        case .unauthenticated: return StatusAnswer(.unauthorized, "Unauthorized").answer
        case .unavailable(let problem):
            return StatusAnswer(.serviceUnavailable, "access could not be reviewed: \(problem)", retryAfterSeconds: 1).answer
        case .forbidden(let user, let reason):
            guard case .read(let metric, let namespace) = action else { return StatusAnswer(.forbidden, "forbidden: User \"\(user)\"").answer }
            let because = reason.isEmpty ? "" : ": \(reason)"
            return StatusAnswer(
                .forbidden,
                "\(metric).\(ExternalMetricsAPI.group) is forbidden: User \"\(user)\" cannot list resource \"\(metric)\" in API group "
                    + "\"\(ExternalMetricsAPI.group)\" in the namespace \"\(namespace)\"\(because)", name: metric
            ).answer
        }
    }

    // MARK: - Answers

    private func answer(_ request: APIRequest, _ headers: HTTPHeaders, _ snapshot: MetricSnapshot) throws(StatusAnswer) -> APIAnswer {
        let accept = headers["accept"]
        let ifNoneMatch = headers.first(name: "if-none-match")
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

    private func groups(_ accept: [String], _ ifNoneMatch: String?) throws(StatusAnswer) -> APIAnswer {
        switch MediaTypes.discovery(accept) {
        case .none: throw Self.notAcceptable
        case .plain: return .document(DiscoveryAnswers.groupList(), ifNoneMatch: ifNoneMatch)
        case .aggregated(let version):
            return .document(
                DiscoveryAnswers.aggregated(version: version, source.latest()), contentType: MediaTypes.aggregatedType(version), ifNoneMatch: ifNoneMatch)
        }
    }

    private static let notAcceptable = StatusAnswer(.notAcceptable, "only the following media types are accepted: application/json")

    private func values(_ metric: String, in namespace: String, _ selector: LabelSelector, _ snapshot: MetricSnapshot) throws(StatusAnswer) -> APIAnswer {
        guard let selected = snapshot.series(metric, in: namespace, selectedBy: selector) else { throw Self.unknown(metric, namespace, snapshot) }
        return APIAnswer(status: .ok, body: MetricValues.list(metric, selected))
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
            known = "namespace \"\(namespace)\" has \(names.prefix(namesListedMost).joined(separator: ", "))" + (rest > 0 ? " and \(rest) more" : "")
        }
        return StatusAnswer(.notFound, "\(ExternalMetricsAPI.group) \"\(metric)\" not found: \(known)", name: metric)
    }
}
