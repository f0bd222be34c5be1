package import Autoscaling
import Domain
import EventLog
import Machine
import State
package import Views

// Commands end as events. They are answered once those are durable and folded.

extension ControlLoop {
    package func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { try await apply(policy, by: nil) }

    package func apply(_ policy: Policy, by: String?) async throws(ControlFault) -> DecisionView {
        try await apply(policy, idBeginning: PolicyOrigin.request, by: by)
    }

    func apply(_ policy: Policy, idBeginning: String, by: String? = nil) async throws(ControlFault) -> DecisionView {
        guard targetClaims.claim(policy) else {
            throw .conflict("another policy for \(policy.target.kind) \(policy.target.name) is being applied: look at it, and ask again")
        }
        defer { targetClaims.release(policy) }
        try await refuseWhereNamesClash(policy)
        let seq = try await append {
            $0.append(
                .policyApplied, source: Outputs.source, id: self.newID(idBeginning), subject: policy.pool, pool: policy.pool,
                body: Self.body(of: policy, by: by))
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

    package func removePolicy(_ name: String) async throws(ControlFault) { try await removePolicy(name, by: nil) }

    package func removePolicy(_ name: String, by: String?) async throws(ControlFault) {
        let found = await query { core in
            core.state.policyKey(named: name).map { (pool: core.state.pools[$0.pool].text, shadow: $0.shadow) }
        }
        guard let found else { throw .notFound(what: "policy", name: name) }
        try await append { batch in
            batch.append(
                .policyApplied, source: Outputs.source, id: self.newID("policy"), subject: found.pool, pool: found.pool,
                body: Self.removal(of: found.shadow, by: by))
        }
    }

    package func deletePool(_ name: String, by: String?) async throws(ControlFault) {
        let found = await query { core in
            core.state.find(pool: name, names: core.log.names).map {
                (obstacle: core.state.obstacleToDeleting($0), text: core.state.pools[$0].text)
            }
        }
        guard let found else { throw .notFound(what: "pool", name: name) }
        if let obstacle = found.obstacle { throw .conflict("pool \(name) can't be deleted: \(obstacle)") }
        try await append { batch in
            var body = JSONWriter()
            body.openObject()
            if let by { body.member("by", by) }
            body.closeObject()
            batch.append(
                .poolDeleted, source: Outputs.source, id: self.newID("deleted"), subject: found.text, pool: found.text, body: body.bytes)
        }
        // Something may have come in between: the fold kept it then.
        let stays = await query { core in
            core.state.find(pool: name, names: core.log.names).flatMap { core.state.obstacleToDeleting($0) }
        }
        if let stays { throw .conflict("pool \(name) can't be deleted: \(stays)") }
    }

    package func countStream(ofWorker name: String, by step: Int) {
        scheduler.perform { [core] in core.countStream(of: name, by: step) }
    }

    package func hear(worker name: String, uid: String?) async throws(ControlFault) -> Int {
        if let handover = configuration.handover, !isActing { return try await handover.hear(worker: name, uid: uid) }
        return try await query { core in core.hear(name, uid: uid) }.get()
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
        let until = scheduler.now.adding(microseconds: Int64(waitSeconds * 1e6))
        let actor = request.fullActor
        if let home = await query({ $0.state.otherPool(of: actor, than: request.pool, $0.log.names) }) {
            throw .conflict("actor \(actor) is in pool \(home) already: ask for it there, or withdraw it first")
        }
        for attempt in 0..<Self.abandonedMost {
            if let response = try await place(request, attempt: attempt, until: until) { return response }
        }
        throw .conflict("actor \(actor) was asked for under this id \(Self.abandonedMost) times by callers who went away: give another id")
    }

    /// So often the same id may be asked for by callers who go away.
    private static let abandonedMost = 16

    /// - Parameter attempt: how many requests under this id were withdrawn because their callers went away. Such a one began no turn, so
    ///   the same id asks anew.
    /// - Returns: nil where this one was withdrawn so too.
    private func place(_ request: PlacementRequest, attempt: Int, until end: LogTime) async throws(ControlFault) -> PlacementResponse? {
        var until = end
        let actor = request.fullActor
        var response = await placementAnswer(actor)
        var made: Position?
        if response == nil || request.id != nil {
            let again = attempt == 0 ? "" : "again-\(attempt)-"
            let id = request.id.map { "placement-\(again)\(actor.utf8.count)-\(actor)-\($0)" } ?? newID("request")
            let receipt = try await appended {
                $0.append(
                    .actorRequested, source: Outputs.source, id: id, subject: request.actor, pool: request.pool, body: request.body,
                    extensions: request.extensions)
            }
            if receipt.duplicates > 0, let ended = await endedPlacement(of: actor, request: receipt.lastSeq) { return ended }
            made = receipt.lastSeq
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
        if Task.isCancelled, let made { await withdrawAbandoned(made, of: actor) }
        if let response { return response }
        if request.id != nil, let made, !Task.isCancelled, await wasAbandoned(made, of: actor) { return nil }
        throw .conflict("actor \(actor) was withdrawn or deleted while it waited: ask again\(request.id == nil ? "" : ", with another id")")
    }

    package func withdraw(_ actor: String) async throws(ControlFault) { try await withdraw(actor, by: nil) }

    package func withdraw(_ actor: String, by: String?) async throws(ControlFault) {
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
            var body = JSONWriter()
            body.openObject()
            if let by { body.member("by", by) }
            body.closeObject()
            $0.append(
                .actorWithdrawn, source: Outputs.source, id: self.newID("withdrawn"), subject: one.name, body: body.bytes, isExact: true)
        }
    }

    // MARK: - Parts

    /// Appends, and returns the last position once it is folded.
    @discardableResult
    private func append(_ fill: @escaping @Sendable (inout EventBatch) -> Void) async throws(ControlFault) -> Position {
        try await appended(fill).lastSeq
    }

    private func appended(_ fill: @escaping @Sendable (inout EventBatch) -> Void) async throws(ControlFault) -> AppendReceipt {
        var batch = EventBatch()
        fill(&batch)
        let receipt: AppendReceipt
        do throws(AppendError) {
            receipt = try await withCheckedContinuation { [batch] continuation in
                appendBatch(batch) { continuation.resume(returning: $0) }
            }.get()
        } catch {
            throw ControlFault(error)
        }
        await withCheckedContinuation { continuation in
            scheduler.perform { [core] in core.whenFolded(receipt.lastSeq) { continuation.resume() } }
        }
        return receipt
    }

    /// Who asked went away, and nobody else waits for the actor: nobody would be told where it runs.
    private func withdrawAbandoned(_ request: Position, of actor: String) async {
        let name = await query { core -> NameID? in
            guard !core.isStopping, let index = core.state.actor(named: actor, core.log.names) else { return nil }
            let record = core.state.actors[index]
            guard record.state == .waiting, record.stateSeq == request, !core.isAwaited(record.name) else { return nil }
            return record.name
        }
        guard let name else { return }
        var batch = EventBatch()
        batch.append(
            .actorWithdrawn, source: Outputs.source, id: "withdrawn-\(request)", subject: log.names.text(of: name),
            body: Outputs.withdrawal(of: request, reason: Self.abandoned), isExact: true)
        // If it isn't taken, the actor waits on, as after any wait.
        appendBatch(batch) { _ in }
    }

    private func wasAbandoned(_ request: Position, of actor: String) async -> Bool {
        let name = await query { core in core.state.actor(named: actor, core.log.names).map { core.state.actors[$0].name } }
        guard let name else { return false }
        return log.wasWithdrawn(request, of: name, because: Self.abandoned)
    }

    /// The reason that the log has for it.
    private static let abandoned = "whoever asked went away"

    /// What came of a request that was made before and doesn't stand any more; nil where it still waits, or its turn goes on.
    private func endedPlacement(of actor: String, request: Position) async -> PlacementResponse? {
        let standing = await query { core -> (name: NameID, isOpen: Bool, isResident: Bool)? in
            guard let index = core.state.actor(named: actor, core.log.names) else { return nil }
            let record = core.state.actors[index]
            return (record.name, record.state == .waiting && record.stateSeq == request, record.state.isResident)
        }
        guard let standing, !standing.isOpen else { return nil }
        guard let placement = log.placement(of: standing.name, request: request) else { return nil }
        return standing.isResident && placement.isLatest ? nil : placement.response
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
        "\(what)-\(fence.number)-\(String(newNumber(), radix: 36))"
    }

    static func removal(of shadow: String?, by: String? = nil) -> [UInt8] {
        var body = JSONWriter()
        body.openObject()
        if let shadow { body.member("shadow", shadow) }
        body.key("policy")
        body.openObject()
        body.closeObject()
        body.member("digest", "")
        if let by { body.member("by", by) }
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
    static func body(of policy: Policy, renewing: Position? = nil, by: String? = nil) -> [UInt8] {
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
        if let by { body.member("by", by) }
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
        if let deadline { json.member("deadline", deadline) }
        if !selector.isEmpty {
            json.key("selector")
            json.openObject()
            for label in selector { json.member(label.key, label.value) }
            json.closeObject()
        }
        json.closeObject()
        return json.bytes
    }

    fileprivate var extensions: [UInt8] {
        guard let traceparent else { return [] }
        var json = JSONWriter()
        json.openObject()
        json.member("traceparent", traceparent)
        json.closeObject()
        return json.bytes
    }
}
