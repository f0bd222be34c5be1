import Domain
import Inspection
import Output

// How do the turns get to the service?
//
// As an agent's would: `actor.requested` over HTTP/2, in batches of what is due. One request is under way at a time, so a
// slow service gets fewer, larger batches and never a queue. A refusal for now (429, 503) or a lost answer is tried again
// with the same ids: the log takes each of them once.

struct DemoDriver: Sendable {
    let api: any ServiceAPI
    let stage: DemoStage
    let plan: DemoPlan
    /// Names this run; ids are unique under it.
    let source: String
    /// For how long the service may not answer, beyond the usual.
    var patience = Duration.zero

    private static let pollInterval = Duration.milliseconds(10)
    private static let eventsPerRequest = 500
    private static let triesLimit = 30
    private static let retryDelay = Duration.milliseconds(200)
    private static let retryAfterLimitSeconds = 5

    /// Returns when the last turn was asked for.
    func run(since start: ContinuousClock.Instant) async throws {
        var sent = 0
        while !Task.isCancelled {
            let turns = await stage.due(atSeconds: (ContinuousClock.now - start).fractionalSeconds, limit: Self.eventsPerRequest)
            if turns.isEmpty {
                if await stage.hasAskedForAll { return }
                try await Task.sleep(for: Self.pollInterval)
                continue
            }
            try await post(turns, firstID: sent)
            sent += turns.count
        }
    }

    private func post(_ turns: [ActorCast.Turn], firstID: Int) async throws {
        let request = APIRequest(
            method: .post, path: "/v1/events", contentType: "application/cloudevents-batch+json", body: body(turns, firstID: firstID))
        var problem = ""
        for _ in 0..<(Self.triesLimit + Int(patience / Self.retryDelay)) {
            var delay = Self.retryDelay
            do {
                let response = try await api.send(request)
                if (200..<300).contains(response.status) { return }
                let fault = response.fault(api.url, request)
                guard response.status == 429 || response.status == 503 else { throw Fault(.no, fault.what) }
                problem = fault.what
                if let seconds = response.retryAfterSeconds { delay = .seconds(min(seconds, Self.retryAfterLimitSeconds)) }
            } catch let fault as Fault where fault.status == .unreachable {
                problem = fault.what
            }
            try await Task.sleep(for: delay)
        }
        throw Fault(.unreachable, "the demo's service takes no events: \(problem)", do: "see its log above")
    }

    private func body(_ turns: [ActorCast.Turn], firstID: Int) -> [UInt8] {
        let now = TimeText.now()
        var json = JSONWriter(reservingBytes: turns.count * 320)
        json.openArray()
        for (k, turn) in turns.enumerated() { write(turn, id: firstID + k, at: now, &json) }
        json.closeArray()
        return json.bytes
    }

    private func write(_ turn: ActorCast.Turn, id: Int, at now: LogTime, _ json: inout JSONWriter) {
        let pool = plan.pools[turn.arrival.pool]
        json.openObject()
        json.member("specversion", "1.0")
        json.member("type", EventKind.typePrefix + EventKind.actorRequested.name)
        json.member("source", source)
        json.member("id", String(id))
        json.member("subject", turn.actor)
        json.member("time", now)
        if let tenant = turn.arrival.tenant { json.member("tenant", tenant) }
        json.key("data")
        json.openObject()
        json.member("pool", pool.fullName)
        json.member("template", turn.arrival.template ?? pool.name)
        json.member("expectedMillis", max(1, Int((turn.arrival.serviceSeconds * 1_000).rounded())))
        json.closeObject()
        json.closeObject()
    }
}

extension Duration {
    var fractionalSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
