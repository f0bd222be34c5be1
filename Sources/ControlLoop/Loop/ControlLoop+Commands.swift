package import Autoscaling
import Domain
import EventLog
import Machine
import State
package import Views

// Commands end as events. They are answered once those are durable and folded.

extension ControlLoop {
    package func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView {
        try await apply(policy, idBeginning: PolicyOrigin.request)
    }

    func apply(_ policy: Policy, idBeginning: String) async throws(ControlFault) -> DecisionView {
        guard targetClaims.claim(policy) else {
            throw .conflict("another policy for \(policy.target.kind) \(policy.target.name) is being applied: look at it, and ask again")
        }
        defer { targetClaims.release(policy) }
        try await refuseWhereNamesClash(policy)
        let seq = try await append {
            $0.append(
                .policyApplied, source: Outputs.source, id: self.newID(idBeginning), subject: policy.pool, pool: policy.pool,
                body: Self.body(of: policy))
        }
        // Another one may have come in between and taken the name: the fold held it back then.
        try await refuseWhereNamesClash(policy)
        return await decision(of: policy, after: seq)
    }

    /// Puts policies that took effect under older rules under those of this version: a `policy.applied` each, which says whose it
    /// renews. Decisions of before keep their rules.
    ///
    /// - Returns: the policies' names.
    package func renewPolicies() async throws(ControlFault) -> [String] {
        let old = await query { $0.state.policiesInEffect.filter { $0.rules < .current } }
        for applied in old {
            let beginning = isFromObject(appliedAt: applied.seq) ? PolicyOrigin.beginning(uid: "renewed") : PolicyOrigin.request
            let policy = applied.written
            try await append {
                $0.append(
                    .policyApplied, source: Outputs.source, id: self.newID(beginning), subject: policy.pool, pool: policy.pool,
                    body: Self.body(of: policy, renewing: applied.seq))
            }
        }
        return old.map(\.policy.name)
    }

    package func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView {
        try await refuseWhereNamesClash(policy)
        return await query { [scheduler] core in
            core.state.preview(policy, at: scheduler.now, asOf: core.state.position, names: core.log.names)
        }
    }

    package func removePolicy(_ name: String) async throws(ControlFault) {
        let found = await query { core in core.state.policyKey(named: name).map { (pool: core.state.pools[$0.pool].text, shadow: $0.shadow) }
        }
        guard let found else { throw .notFound(what: "policy", name: name) }
        try await append { batch in
            batch.append(
                .policyApplied, source: Outputs.source, id: self.newID("policy"), subject: found.pool, pool: found.pool,
                body: Self.removal(of: found.shadow))
        }
    }

    private func refuseWhereNamesClash(_ policy: Policy) async throws(ControlFault) {
        if let clash = await query({ $0.state.clash(of: policy) ?? $0.state.targetClash(of: policy) }) { throw .conflict(clash) }
    }

    package func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView {
        let current = await query { core in
            core.state.find(pool: pool, names: core.log.names).flatMap { core.state.pools[$0].policy }
        }
        guard let current else { throw .notFound(what: "pool with a policy", name: pool) }
        let seq = try await append {
            $0.append(
                .poolPaused, source: Outputs.source, id: self.newID("paused"), subject: pool, pool: pool,
                body: Self.body(of: pause, by: by, was: current.policy.pause))
        }
        return await decision(of: current.policy, after: seq)
    }

    /// The decision that followed what is logged at `seq`, as it was logged; where nothing new followed, the one that stands, without
    /// a position.
    private func decision(of policy: Policy, after seq: Position) async -> DecisionView {
        let decided: DecisionView? = await withCheckedContinuation { continuation in
            scheduler.perform { [core] in
                core.whenDecided(pool: policy.pool, shadow: policy.shadow, after: seq) { continuation.resume(returning: $0) }
            }
        }
        if let decided { return decided }
        return await query { [scheduler] core in
            core.state.preview(policy, at: scheduler.now, asOf: core.state.position, names: core.log.names)
        }
    }

    package func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementResponse {
        try PlacementRequest.check(waitSeconds: waitSeconds)
        var until = scheduler.now.adding(microseconds: Int64(waitSeconds * 1e6))
        let actor = request.fullActor
        if let home = await query({ $0.state.otherPool(of: actor, than: request.pool, $0.log.names) }) {
            throw .conflict("actor \(actor) is in pool \(home) already: ask for it there, or withdraw it first")
        }
        var response = await placementAnswer(actor)
        if response == nil {
            try await append {
                $0.append(
                    .actorRequested, source: Outputs.source, id: self.newID("request"), subject: request.actor, pool: request.pool,
                    body: request.body)
            }
            // Where a slot was free it is reserved already, and the placement is the next commit: worth that moment.
            let (standing, isReserved) = await query { core in (core.placement(of: actor), core.isReserved(actor)) }
            if isReserved { until = max(until, scheduler.now.adding(microseconds: 1_000_000)) }
            response = standing.response
        }
        while case .waiting? = response, scheduler.now < until, !Task.isCancelled {
            let mayGoOn = try await waitForPlacement(of: actor, until: until)
            response = await placementAnswer(actor)
            if !mayGoOn { break }
        }
        guard let response else { throw .conflict("actor \(actor) was withdrawn or deleted while it waited: ask again") }
        return response
    }

    package func withdraw(_ actor: String) async throws(ControlFault) {
        let found = await query { core in
            core.state.actors(named: actor, core.log.names).map { index in
                let record = core.state.actors[index]
                return (
                    name: core.log.names.text(of: record.name), full: core.state.actorName(index, seenFrom: "", core.log.names),
                    state: record.state
                )
            }
        }
        guard let one = found.first else { throw .notFound(what: "actor", name: actor) }
        guard found.count == 1 else { throw .several("actor", actor, found.map { $0.full }) }
        guard one.state == .waiting || one.state == .placed else {
            throw .conflict(
                "actor \(actor) is \(one.state.statusName): only one that waits or was placed and does not run yet can be withdrawn")
        }
        try await append {
            $0.append(.actorWithdrawn, source: Outputs.source, id: self.newID("withdrawn"), subject: one.name, isExact: true)
        }
    }

    // MARK: - Parts

    /// Appends, and returns the last position once it is folded.
    @discardableResult
    private func append(_ fill: @escaping @Sendable (inout EventBatch) -> Void) async throws(ControlFault) -> Position {
        var batch = EventBatch()
        fill(&batch)
        let receipt: AppendReceipt
        do throws(AppendError) {
            receipt = try await log.append(batch)
        } catch {
            throw ControlFault(error)
        }
        await withCheckedContinuation { continuation in
            scheduler.perform { [core] in core.whenFolded(receipt.lastSeq) { continuation.resume() } }
        }
        return receipt.lastSeq
    }

    /// Returns when something happened to the actor, the time is up, the caller's task is cancelled, or the loop stops; false where
    /// it stops. However it ends, it holds no place any more.
    private func waitForPlacement(of actor: String, until: LogTime) async throws(ControlFault) -> Bool {
        let key = waitKeys.wrappingAdd(1, ordering: .relaxed).newValue
        let isOver = Latch()
        let refusal = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                scheduler.perform { [core] in
                    core.beginWait(key, for: actor, until: until, unless: { isOver.isOpen }) { continuation.resume(returning: $0) }
                }
            }
        } onCancel: {
            // Either the wait begins later and sees the latch, or it began and is ended.
            isOver.open()
            scheduler.perform { [core] in core.endWait(key) }
        }
        if case .full? = refusal { throw .overloaded(retryAfterSeconds: 1) }
        return refusal == nil
    }

    private func placementAnswer(_ actor: String) async -> PlacementResponse? {
        await query { core in core.placement(of: actor).response }
    }

    private func newID(_ what: String) -> String {
        var generator = SystemRandomNumberGenerator()
        return "\(what)-\(configuration.fence.number)-\(String(generator.next() as UInt64, radix: 36))"
    }

    static func removal(of shadow: String?) -> [UInt8] {
        var body = JSONWriter()
        body.openObject()
        if let shadow { body.member("shadow", shadow) }
        body.key("policy")
        body.openObject()
        body.closeObject()
        body.member("digest", "")
        body.closeObject()
        return body.bytes
    }

    static func body(of pause: Pause, by: String?, was: Pause) -> [UInt8] {
        var body = JSONWriter()
        body.openObject()
        pause.writeMembers(to: &body)
        if let by { body.member("by", by) }
        body.key("was")
        body.openObject()
        was.writeMembers(to: &body)
        body.closeObject()
        body.closeObject()
        return body.bytes
    }

    /// - Parameter renewing: the position of the same policy under older rules.
    static func body(of policy: Policy, renewing: Position? = nil) -> [UInt8] {
        var canonical = JSONWriter(reservingBytes: 1_024)
        policy.appendCanonicalJSON(to: &canonical)
        var body = JSONWriter(reservingBytes: 1_200)
        body.openObject()
        if let shadow = policy.shadow { body.member("shadow", shadow) }
        body.key("policy")
        body.raw(canonical.bytes)
        body.member("digest", Digest.sha256Hex(canonical.bytes))
        body.member("rules", DecisionRules.current.rawValue)
        if let renewing { body.member("renews", renewing) }
        body.closeObject()
        return body.bytes
    }
}

extension Pause {
    fileprivate func writeMembers(to body: inout JSONWriter) {
        body.member("in", scaleIn)
        body.member("out", scaleOut)
        if let hold { body.member("hold", hold) }
    }
}

extension PlacementRequest {
    /// With its namespace, which is its pool's.
    var fullActor: String { QualifiedName.full(actor, in: QualifiedName.namespace(ofPool: pool)) }

    fileprivate var body: [UInt8] {
        var json = JSONWriter()
        json.openObject()
        if let template { json.member("template", template) }
        if priority != 0 { json.member("priority", priority) }
        if let expectedMillis { json.member("expectedMillis", expectedMillis) }
        if !selector.isEmpty {
            json.key("selector")
            json.openObject()
            for label in selector { json.member(label.key, label.value) }
            json.closeObject()
        }
        json.closeObject()
        return json.bytes
    }
}
