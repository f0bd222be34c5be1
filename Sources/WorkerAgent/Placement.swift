package import Domain

// Which actor was placed here, and how is it to be restored?

package struct Placement: Hashable, Sendable {
    package var seq: Position
    package var actor: String
    /// The actor's; nil from a service that doesn't tell.
    package var namespace: String?
    package var worker: String
    package var pool: String?
    /// How close its state is; see `RestoreTier`.
    package var tier: String?
    /// URI of the snapshot to restore from.
    package var restoreFrom: String?
    /// How long the turn is expected to run.
    package var expectedMillis: Int64?
    /// In which trace the turn is (W3C Trace Context); nil from a service that sends none.
    package var traceparent: String?

    package init(
        seq: Position, actor: String, namespace: String? = nil, worker: String, pool: String? = nil, tier: String? = nil,
        restoreFrom: String? = nil,
        expectedMillis: Int64? = nil, traceparent: String? = nil
    ) {
        self.seq = seq
        self.actor = actor
        self.namespace = namespace
        self.worker = worker
        self.pool = pool
        self.tier = tier
        self.restoreFrom = restoreFrom
        self.expectedMillis = expectedMillis
        self.traceparent = traceparent
    }

    /// As the log knows it, whichever namespace the worker is in.
    var fullActor: String { QualifiedName.full(actor, in: namespace ?? "") }
}

/// A line of the log that isn't the placement it should be.
package struct PlacementFault: Error, Hashable, Sendable {
    package var problem: String
}

extension Placement {
    /// Reads a line of `GET /v1/events`; nil for one that is empty or of another kind.
    package init?(line: [UInt8]) throws(PlacementFault) {
        let result = line.withUnsafeBufferPointer { bytes -> Result<Placement?, PlacementFault> in
            do throws(PlacementFault) { return .success(try Self.read(bytes)) } catch { return .failure(error) }
        }
        guard let placement = try result.get() else { return nil }
        self = placement
    }

    /// Why a line says that its worker is gone; nil for one that says something else, or means a life before `ready`.
    /// - Parameter source: the worker's own, whose word is no news to it.
    static func end(in line: [UInt8], after ready: Position, unlessFrom source: String) -> String? {
        line.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            guard let whole = try? cursor.value(), whole.kind == .object else { return nil }
            let event = EventBody(bytes, whole.range)
            guard event["type"].flatMap(event.text) == EventKind.typePrefix + EventKind.workerGone.name,
                event["source"].flatMap(event.text) != source, let seq = event["seq"].flatMap(event.integer), seq > ready
            else { return nil }
            guard let data = event["data"], data.kind == .object else { return "" }
            let body = EventBody(bytes, data.range)
            if let asOf = body["asOf"].flatMap(body.integer), asOf < ready { return nil }
            return body["reason"].flatMap(body.text) ?? ""
        }
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(PlacementFault) -> Placement? {
        var cursor = JSONCursor(bytes)
        cursor.skipSpace()
        if cursor.atEnd { return nil }
        let whole: JSONCursor.Value
        do throws(JSONFault) { whole = try cursor.value() } catch {
            throw PlacementFault(problem: "not JSON at byte \(error.offset): \(error.problem)")
        }
        guard whole.kind == .object else { throw PlacementFault(problem: "not an event, which is a JSON object") }
        let event = EventBody(bytes, whole.range)
        guard event["type"].flatMap(event.text) == EventKind.typePrefix + EventKind.actorPlaced.name else { return nil }
        guard let seq = event["seq"].flatMap(event.integer), let actor = event["subject"].flatMap(event.text) else {
            throw PlacementFault(problem: "a placement without seq or subject")
        }
        guard let member = event["data"], member.kind == .object else { throw PlacementFault(problem: "a placement without data") }
        let data = EventBody(bytes, member.range)
        guard let worker = data["worker"].flatMap(data.text) else { throw PlacementFault(problem: "a placement without worker") }
        return Placement(
            seq: seq, actor: actor, namespace: event["namespace"].flatMap(event.text), worker: worker,
            pool: data["pool"].flatMap(data.text), tier: data["tier"].flatMap(data.text),
            restoreFrom: data["restoreFrom"].flatMap(data.text), expectedMillis: data["expectedMillis"].flatMap(data.integer),
            traceparent: event["traceparent"].flatMap(event.text))
    }
}
