import Views
import Domain
import Inspection
import Output

// Why is this actor where it is, or why does it wait?
//
// Of an actor that waits: what the placer says now. Of one that was placed: what it says of the state that its placement
// looked at, which the log still has. A table of the tiers says why not elsewhere.

struct ActorExplanation: Sendable {
    var actor: ActorView
    /// Its last placement; nil for one that waits, and for one that never was placed.
    var placed: EventRecord?
    /// nil where the state of that moment can't be told.
    var placement: PlacementView?
    var now: LogTime

    var json: JSONValue {
        get throws {
            var members: [JSONValue.Member] = [
                .init(key: "actor", value: .string(actor.id)), .init(key: "pool", value: .string("\(actor.namespace)/\(actor.pool)")),
                .init(key: "status", value: .string(actor.status)),
            ]
            if let tenant = actor.tenant { members.append(.init(key: "tenant", value: .string(tenant))) }
            if let worker = actor.worker { members.append(.init(key: "worker", value: .string(worker))) }
            if let wake = actor.wake { members.append(.init(key: "wake", value: try JSONValue(encoding: wake))) }
            if let upstream = actor.upstream { members.append(.init(key: "upstream", value: try JSONValue(encoding: upstream))) }
            if let placed {
                members.append(
                    .init(
                        key: "placed", value: .object([.init(key: "seq", value: .number(String(placed.seq)))] + placed.data.fields)
                    ))
            }
            if let placed {
                members.append(.init(key: "placedAt", value: .string(placed.at.rfc3339)))
                members.append(.init(key: "ageSeconds", value: try JSONValue(encoding: max(0, now.seconds(since: placed.at)))))
            }
            members.append(.init(key: "headline", value: .string(headline)))
            members.append(.init(key: "why", value: .array(why.map { .string($0) })))
            if let command { members.append(.init(key: "command", value: .string(command))) }
            if let placement { members.append(.init(key: "placement", value: try JSONValue(encoding: placement))) }
            return .object(members)
        }
    }

    func text(palette: Palette, time: TimeText = TimeText()) -> String {
        var lines = [palette.bold(headline)]
        if let placed {
            lines.append(
                "placed at seq \(placed.seq), \(time.full(placed.at)) \(time.zoneName), \(DurationText.age(now.seconds(since: placed.at))) ago, after waiting \(waited(placed))"
            )
        }
        lines += ["", palette.bold("Why")] + why.map { "  " + $0 }
        if let wake = actor.wake { lines += ["", palette.bold("When it wakes")] + Self.lines(wake, time).map { "  " + $0 } }
        if let upstream = actor.upstream {
            let what = [upstream.state, upstream.worker.map { "it holds \($0)" }, upstream.problem].compactMap { $0 }.joined(
                separator: ": ")
            lines += ["", palette.bold("How it is stuck upstream"), "  \(what)", "  to free it: \(upstream.remedy)"]
        }
        if let command { lines += ["", palette.bold("Command"), "  " + command] }
        let text = lines.map { DisplayText.printableLine($0, keepsColour: palette.isOn) + "\n" }.joined()
        guard let placement else { return text }
        let heading = placed == nil ? "What each tier has" : "What each tier had, at seq \(placement.seq)"
        return text + "\n" + palette.bold(heading) + "\n" + Self.table(placement.tiers).text
    }

    private var headline: String {
        let pool = "\(actor.namespace)/\(actor.pool)"
        if let placed {
            let worker = placed.data["worker"].string ?? "a worker that the log doesn't name"
            guard let present = actor.worker else { return "actor \(actor.id) of \(pool): \(actor.status), last placed on \(worker)" }
            return "actor \(actor.id) of \(pool): on \(present), \(actor.status)"
        }
        guard let placement else { return "actor \(actor.id) of \(pool): \(actor.status), never placed" }
        return
            "actor \(actor.id) of \(pool): waits, place \(placement.position) in the queue, for \(DurationText.precise(placement.waitedSeconds))"
    }

    /// What says more, or would change it.
    private var command: String? {
        let pool = "\(actor.namespace)/\(actor.pool)"
        guard let placement, placed == nil else {
            return actor.status == ActorState.crashed.statusName
                ? "greenroom history actor \(actor.fullName)" : nil
        }
        guard let reason = placement.reason else { return nil }
        return reason == BlockedReason.quota.name
            ? "greenroom scale \(pool) --quota \(actor.tenant ?? "TENANT")=N" : "greenroom explain pool \(pool)"
    }

    private var why: [String] {
        guard let placed else {
            guard let placement else { return ["it isn't waiting for a worker: there is nothing to explain"] }
            return [placement.reason.map { "\($0): \(placement.detail)" } ?? "a worker is free: the placement follows"]
        }
        var lines = [
            "tier \(placed.data["tier"].string ?? "unknown"), a restore of \(restoreSeconds(placed)) s was expected"
        ]
        if let moved = placed.data["moved"].string {
            lines.append(
                "it was paused on \(placed.data["pausedOn"].string ?? "another node") and moved (\(moved)): what it did since its external snapshot is lost"
            )
        }
        if let pool = placed.data["spilledTo"].string { lines.append("its own pool had no room: the worker is of \(pool)") }
        if let overtook = placed.data["overtook"].integer {
            lines.append("it went before \(overtook) who asked earlier: the slot saved it a restore, and them less")
        }
        if let detail = placement?.detail, placement?.worker != nil, placed.data["moved"].isNull { lines.append(detail) }
        return lines
    }

    private static func lines(_ wake: WakeView, _ time: TimeText) -> [String] {
        let by =
            wake.schedule.map { "schedule \"\($0)\" in \(wake.timezone ?? "UTC")" }
            ?? "about every \(DurationText.age(wake.everySeconds ?? 0))"
        let next = wake.at.flatMap { LogTime(rfc3339: $0) }.map { "next at \(time.full($0))" }
        return [([by] + (next.map { [$0] } ?? [])).joined(separator: ": ")] + (wake.problem.map { [$0] } ?? [])
    }

    private func waited(_ placed: EventRecord) -> String {
        "\(placed.data["waitedSeconds"].plainText ?? placed.data["waited"].plainText ?? "0") s"
    }

    private func restoreSeconds(_ placed: EventRecord) -> String {
        placed.data["restoreSeconds"].plainText ?? placed.data["score"].plainText ?? "unknown"
    }

    private static func table(_ tiers: [PlacementView.Tier]) -> Table {
        var table = Table("TIER", "#COPIES", "#ELIGIBLE", "#FREE", "#RESTORE", "BEST", "NODE", "WHY")
        for tier in tiers {
            table.add(
                tier.tier, tier.nodes == 0 ? "-" : String(tier.nodes), String(tier.eligible), String(tier.available),
                tier.restoreSeconds.map { DurationText.precise($0) } ?? "-", tier.worker ?? "-", tier.node ?? "-", tier.why)
        }
        return table
    }
}

extension ActorExplanation {
    /// - Parameter state: the state at a moment of the log.
    static func find(
        _ id: String, at moment: Moment?, events: any EventSource, now: LogTime, state: (Moment?) async throws -> any StateSource
    ) async throws -> ActorExplanation {
        let present = try await state(moment)
        guard let actor = try await present.actor(id) else {
            throw Fault(.no, "there is no actor \(id)", do: "`greenroom get actors` lists them")
        }
        if let placement = try await present.placement(id) { return ActorExplanation(actor: actor, placement: placement, now: now) }
        var query = EventQuery(subject: id, kind: .actorPlaced)
        query.through = moment
        guard
            let placed = try await events.newest(
                1, query, where: { !$0.superseded && ($0.namespace ?? actor.namespace) == actor.namespace }
            ).events.first
        else {
            return ActorExplanation(actor: actor, now: now)
        }
        let asOf = placed.data["asOf"].integer ?? placed.seq - 1
        let placement = try await state(.position(asOf)).placement(id)
        return ActorExplanation(actor: actor, placed: placed, placement: placement, now: now)
    }
}
