import ArgumentParser
import Autoscaling
import Views
import Domain
import Inspection
import Output

// Why has, or had, a pool this size? Why is an actor where it is?
//
// The decision in force at the moment asked for, as the log has it. Nothing is recomputed: the log keeps each decision
// with its reasons, and `log verify` shows that they are what the policy and the state lead to. Where somebody else set the
// target's replicas, and that is why the count isn't ours, the state of that moment tells.

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain a pool's size, or an actor's placement or wait.",
        discussion: """
            Examples:
              greenroom explain pool kagent/default
              greenroom explain pool kagent/default --at 14:03
              greenroom explain pool kagent/default --at "yesterday 14:03"
              greenroom explain pool kagent/default --at 2026-11-21T14:03:00Z -o json
              greenroom explain pool kagent/default --at 4711 --db ./greenroom.db
              greenroom explain pool kagent/default --at peak
              greenroom explain pool kagent/default --shadow calm
              greenroom explain actor counter-1
              greenroom explain actor counter-1 --at 14:03
            """)

    enum Subject: String, ExpressibleByArgument, CaseIterable, Sendable { case pool, actor }

    @Argument(help: "pool or actor.")
    var subject: Subject

    @Argument(help: "NS/NAME of the pool, or the actor's id, as NS/NAME if several namespaces have it.")
    var name: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The namespace, if the name has none.", valueName: "ns"))
    var namespace: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A position of the log, a time (14:03, 5m, a date), or peak: the largest count decided.", valueName: "seq|time|peak"))
    var at: String?

    @Option(name: .long, help: ArgumentHelp("What this shadow of the pool decided, instead of the pool's own policy.", valueName: "name"))
    var shadow: String?

    @OptionGroup var source: SourceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var times: TimeOptions

    func validate() throws {
        if subject == .actor, shadow != nil || at == "peak" { throw ValidationError("--shadow and --at peak are about pools") }
        if at != "peak" { try MomentOption.check(at, "--at", also: " nor peak") }
    }

    func run() async throws {
        guard subject == .pool else { return try await explainActor() }
        let now = TimeText.now()
        let events = try await source.events()
        var explanation: Explanation
        do { explanation = try await self.explanation(events, now: now) } catch let fault as Fault where fault.status == .no {
            throw await undecided(fault)
        }
        let moment: Moment? = try at == "peak" ? .position(explanation.recorded.event.seq) : self.moment(now)
        let state = try await source.state(at: moment)
        explanation.pool = try await state.pool(explanation.recorded.pool)
        explanation.steps = try await steps(events, explanation.recorded)
        if moment == nil, shadow == nil {
            let start = try await events.position(before: now.adding(microseconds: -Explanation.lately * 1_000_000))
            explanation.crashes = try await crashes(events, state, explanation.recorded.pool, after: start)
            explanation.endedWorkers = try await endedWorkers(events, explanation.recorded.pool, after: start)
            explanation.triggerErrors = try await triggerErrors(events, explanation.recorded, after: start)
        }
        Terminal.write(try format.output.text(explanation.json) { explanation.text(palette: .forOutput, time: times.text) })
    }

    private func explainActor() async throws {
        let now = TimeText.now()
        let explanation = try await ActorExplanation.find(
            namespace.map { QualifiedName.full(name, in: $0) } ?? name, at: moment(now), events: source.events(), now: now
        ) { try await source.state(at: $0) }
        Terminal.write(try format.output.text(try explanation.json) { explanation.text(palette: .forOutput, time: times.text) })
    }

    private func moment(_ now: LogTime) throws -> Moment? { try MomentOption.moment(at, "--at", times.text, now: now) }

    /// A pool that nothing was decided about: why, where it is there at all.
    private func undecided(_ fault: Fault) async -> Fault {
        guard let name = try? PoolName.qualified(name, namespace: namespace), shadow == nil, at == nil,
            let pool = try? await source.state().pool(name), pool.target.isEmpty
        else { return fault }
        return Fault(
            .no,
            "pool \(name) has no policy, so nobody decides its size (\(pool.demand.waiting) actors wait, \(pool.ready) workers are ready)",
            do: "apply a policy with `greenroom apply -f FILE`; is the name misspelt? `greenroom get policies` lists those there are")
    }

    /// What last changed the pool, up to the decision, the newest last.
    private func steps(_ source: any EventSource, _ recorded: RecordedDecision) async throws -> [EventRecord] {
        var query = EventQuery(subject: recorded.pool)
        query.through = .position(recorded.event.seq)
        let shadow = recorded.shadow
        return try await source.newest(Explanation.stepsShown, query) { event in
            switch event.kind {
            case .scaleDecided: RecordedDecision(event).map { $0.shadow == shadow && $0.decision.direction != .none } ?? false
            case .policyApplied: event.data["shadow"].string == shadow
            case .poolPaused, .scaleFailed: shadow == nil
            default: false
            }
        }.events
    }

    /// The newest crashes of the pool's actors. The event doesn't name the pool: the actor's own state does.
    private func crashes(
        _ events: any EventSource, _ state: any StateSource, _ pool: String, after start: Position
    ) async throws -> [EventRecord] {
        let newest = try await events.newest(Explanation.crashesRead, EventQuery(after: start, kind: .actorCrashed))
        var pools: [String: String] = [:]
        var found: [EventRecord] = []
        for event in newest.events where !event.superseded {
            let name = Self.fullSubject(event)
            if pools[name] == nil { pools[name] = try? await state.actor(name).map { "\($0.namespace)/\($0.pool)" } ?? "" }
            if pools[name] == pool { found.append(event) }
        }
        return found
    }

    /// Workers of the pool that were ready and ended by themselves. The end doesn't name the pool: the beginning does.
    private func endedWorkers(_ events: any EventSource, _ pool: String, after start: Position) async throws -> [EventRecord] {
        let ready = try await events.newest(Explanation.workersRead, EventQuery(after: start, pool: pool, kind: .workerReady))
        let names = Set(ready.events.map { Self.fullSubject($0) })
        let gone = try await events.newest(Explanation.workersRead, EventQuery(after: start, kind: .workerGone)) { event in
            event.data["reason"].string != "drained" && names.contains(Self.fullSubject(event))
        }
        return gone.events
    }

    private static func fullSubject(_ event: EventRecord) -> String {
        event.namespace.map { QualifiedName.full(event.subject, in: $0) } ?? event.subject
    }

    /// What the triggers that fail said last; nothing where none fails.
    private func triggerErrors(_ events: any EventSource, _ recorded: RecordedDecision, after start: Position) async throws -> [EventRecord]
    {
        guard recorded.decision.why.contains(where: { Explanation.failureCodes.contains($0.code) }) else { return [] }
        let query = EventQuery(after: start, pool: recorded.pool, kind: .queueObserved)
        let newest = try await events.newest(Explanation.crashesRead, query) { $0.data["error"].string != nil }
        // The last one of each metric.
        var seen: Set<String> = []
        return newest.events.reversed().filter { seen.insert($0.data["metric"].string ?? "").inserted }.reversed()
    }

    func explanation(_ source: any EventSource, now: LogTime) async throws -> Explanation {
        let pool = try PoolName.qualified(name, namespace: namespace)
        if at == "peak" { return Explanation(recorded: try await peak(source, pool), now: now, isLatest: false) }
        var query = EventQuery(subject: pool, kind: .scaleDecided)
        let latest = try await decision(source, query)
        query.through = try moment(now)
        let found = query.through == nil ? latest : try await decision(source, query)
        guard let found else { throw none(pool, hasLater: latest != nil) }
        return Explanation(recorded: found, now: now, isLatest: found.event.seq == latest?.event.seq)
    }

    private func decision(_ source: any EventSource, _ query: EventQuery) async throws -> RecordedDecision? {
        try await source.newest(1, query) { RecordedDecision($0).map { $0.shadow == shadow } ?? false }.events.first.flatMap {
            RecordedDecision($0)
        }
    }

    /// The first decision on the largest count.
    private func peak(_ source: any EventSource, _ pool: String) async throws -> RecordedDecision {
        var peak: RecordedDecision?
        try await source.forEachEvent(EventQuery(subject: pool, kind: .scaleDecided)) { event in
            if let decision = RecordedDecision(event), decision.shadow == shadow, decision.decision.to > (peak?.decision.to ?? -1) {
                peak = decision
            }
            return true
        }
        guard let peak else { throw none(pool, hasLater: false) }
        return peak
    }

    private func none(_ pool: String, hasLater: Bool) -> Fault {
        let who = shadow.map { "shadow \($0) of pool \(pool)" } ?? "pool \(pool)"
        let what = hasLater ? "\(who) had no decision yet at \(at ?? "")" : "no decision of \(who) is in the log"
        return Fault(.no, what, do: "`greenroom get pools` lists pools, `greenroom get decisions \(pool)` their decisions")
    }
}

/// One decision in words.
struct Explanation: Sendable {
    var recorded: RecordedDecision
    var now: LogTime
    /// Whether this is the decision in force now.
    var isLatest: Bool
    /// Its pool at the moment asked for; nil where that isn't told.
    var pool: PoolView?

    /// What last changed the pool, up to this decision, in order.
    var steps: [EventRecord] = []
    /// Crashes of the pool's actors lately, in order.
    var crashes: [EventRecord] = []

    static let stepsShown = 8
    /// The last errors of the triggers that fail, one of each metric.
    var triggerErrors: [EventRecord] = []

    /// Ends of its workers lately that nobody asked for, in order.
    var endedWorkers: [EventRecord] = []

    /// So many of them are no accident.
    static let endedWorkersTold = 3
    static let workersRead = 200
    /// Seconds that crashes and errors are looked for.
    static let lately: Int64 = 600
    static let failureCodes = [ReasonCode.triggerFailed, .heldByFailingTrigger, .fallbackInEffect, .formulaUndefined].map(\.name)
    /// Crashes looked at for those of one pool.
    static let crashesRead = 50

    /// Somebody else's replicas, where the target keeps them, the decision begins with them, or they came after it.
    private var foreign: PoolView.ForeignReplicasView? {
        guard recorded.shadow == nil, let change = pool?.foreignReplicas, let at = LogTime(rfc3339: change.at) else { return nil }
        return change.yields || at >= recorded.event.at || change.found == recorded.decision.from ? change : nil
    }

    /// Why the target doesn't follow; nil where it does, and where that is somebody else's replicas.
    private var standsInTheWay: String? {
        guard recorded.shadow == nil, let pool, !pool.readyCondition, !pool.target.isEmpty, pool.reason != pool.foreignChange else {
            return nil
        }
        return pool.reason
    }

    /// A shadow is never paused.
    private var pause: PoolView.PauseView? { recorded.shadow == nil ? pool?.pause : nil }
    private var failing: PoolView.WorkersFailingView? { recorded.shadow == nil ? pool?.workersFailing : nil }
    private var reports: PoolView.BusyReportsView? { recorded.shadow == nil ? pool?.busyReports : nil }

    /// `scale-in and scale-out, by ops, since 14:03:00 (seq 4711)`
    private static func text(_ pause: PoolView.PauseView, _ time: TimeText) -> String {
        let what =
            pause.hold.map { "held at \($0)" }
            ?? [pause.scaleIn ? "scale-in" : nil, pause.scaleOut ? "scale-out" : nil].compactMap { $0 }.joined(separator: " and ")
        let since = LogTime(rfc3339: pause.at).map { time.full($0) } ?? pause.at
        return "\(what)\(pause.by.map { ", by \($0)" } ?? ""), since \(since) (seq \(pause.seq))"
    }

    private var served: PoolView.ClaimsView? { recorded.shadow == nil ? pool?.claims : nil }

    /// `97.2 % of 214 claims warm (6 cold: 4 pool_refilling, 2 pool_empty; 3 forced, 1 rejected)`
    private static func lines(_ claims: PoolView.ClaimsView) -> [String] {
        let (warm, cold) = (claims.warm, claims.cold)
        let reasons = claims.misses.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
        var lines = [
            (claims.warmShare.map { "\(tenths($0 * 100)) % of \(warm + cold) claims warm" } ?? "no claim yet")
                + " (\(cold) cold\(reasons.isEmpty ? "" : ": \(reasons.joined(separator: ", "))"); \(claims.forced) forced, \(claims.rejected) rejected)"
        ]
        func latency(_ name: String, _ seconds: PoolView.QuantilesView?) -> String? {
            seconds.map { "\(name) p50 \(DurationText.precise($0.p50)), p90 \(DurationText.precise($0.p90))" }
        }
        let times = [
            latency("warm", claims.warmSeconds), latency("cold", claims.coldSeconds),
            claims.refillSeconds.map { "a refill takes \(DurationText.precise($0)) (p90)" },
        ].compactMap { $0 }
        if !times.isEmpty { lines.append(times.joined(separator: "; ")) }
        return lines + ["\(tenths(claims.idleSandboxSeconds)) sandbox-seconds ready and unclaimed"]
    }

    private static func tenths(_ value: Double) -> String { String((value * 10).rounded() / 10) }

    /// What the triggers want, where that is another number by now than the one that the decision names. Not of a shadow or an earlier
    /// decision.
    var wantedNow: Int? {
        guard isLatest, recorded.shadow == nil, let now = pool?.wanted, let then = recorded.decision.limitingReason?["wanted"]?.text else {
            return nil
        }
        return String(now) == then ? nil : now
    }

    var json: JSONValue {
        get throws {
            var json = recorded.json
            if let served { json = json.setting("claims", try JSONValue(encoding: served)) }
            json = json.setting("ageSeconds", try JSONValue(encoding: max(0, now.seconds(since: recorded.event.at))))
            json = json.setting("isInForce", .bool(isLatest))
            json = json.setting("limitedBy", recorded.decision.limitText.map { JSONValue.string($0) } ?? JSONValue.null)
            json = json.setting("changedBy", .string(recorded.decision.changeText))
            if let pool { json = json.setting("state", try JSONValue(encoding: pool)) }
            json = json.setting("steps", .array(steps.map { Self.step($0) }))
            if !triggerErrors.isEmpty { json = json.setting("triggerErrors", .array(triggerErrors.map { Self.step($0) })) }
            if !endedWorkers.isEmpty { json = json.setting("endedWorkers", .array(endedWorkers.map { Self.step($0) })) }
            if !crashes.isEmpty { json = json.setting("crashes", .array(crashes.map { Self.step($0) })) }
            json = json.setting(
                "commands",
                .array(
                    commands.map { advice in
                        .object([.init(key: "to", value: .string(advice.to)), .init(key: "command", value: .string(advice.command))])
                    }))
            if let standsInTheWay { json = json.setting("standsInTheWay", .string(standsInTheWay)) }
            if let pause { json = json.setting("pause", try JSONValue(encoding: pause)) }
            if let failing { json = json.setting("workersFailing", try JSONValue(encoding: failing)) }
            if let reports { json = json.setting("busyReports", try JSONValue(encoding: reports)) }
            if let seconds = pool?.logTimeAheadSeconds { json = json.setting("logTimeAheadSeconds", try JSONValue(encoding: seconds)) }
            guard let foreign, case .object(let members) = json, case .object(var change) = try JSONValue(encoding: foreign) else {
                return json
            }
            if let text = pool?.foreignChange { change.append(.init(key: "text", value: .string(text))) }
            return .object(members + [.init(key: "foreignChange", value: .object(change))])
        }
    }

    private static func step(_ event: EventRecord) -> JSONValue {
        .object([
            .init(key: "seq", value: .number(String(event.seq))), .init(key: "at", value: .string(event.at.rfc3339)),
            .init(key: "kind", value: .string(event.kindName)), .init(key: "subject", value: .string(event.subject)),
            .init(key: "text", value: .string(EventLine.detail(event))),
        ])
    }

    func text(palette: Palette, time: TimeText = TimeText()) -> String {
        let decision = recorded.decision
        let who = recorded.pool + (recorded.shadow.map { ", shadow \($0), which nothing follows" } ?? "")
        let change = decision.direction == .none ? "stays at \(decision.to) workers" : "\(decision.from) → \(decision.to) workers"
        var lines = [palette.bold("pool \(who): \(change)") + (decision.direction == .none ? "" : " (\(decision.direction.rawValue))")]
        let age = DurationText.age(now.seconds(since: recorded.event.at))
        lines.append("decided at seq \(recorded.event.seq), \(time.full(recorded.event.at)) \(time.zoneName), \(age) ago")
        if let pool { lines.append(Self.counts(pool)) }
        lines += ["", palette.bold("Why"), "  " + decision.text]
        let width = decision.why.reduce(0) { max($0, $1.step.rawValue.utf8.count) }
        for (k, reason) in decision.why.enumerated() {
            lines.append("  \(k + 1). \(DisplayText.padded(reason.step.rawValue, to: width))  \(reason.text)  \(palette.dim(reason.code))")
        }
        lines += obstacles(palette, time)
        if !steps.isEmpty { lines += ["", palette.bold("How it got here")] + steps.map { Self.line($0, time) } }
        lines += inputs(palette)
        lines += ["", palette.bold("What limits it"), "  " + (decision.limitText ?? "nothing: it is what the triggers want")]
        lines += ["", palette.bold("What would change it"), "  " + decision.changeText]
        if let wantedNow { lines.append("  by now its triggers want \(wantedNow)") }
        if let next = decision.nextDeadline, isLatest { lines.append("  " + due(next, time)) }
        if !commands.isEmpty {
            let width = commands.reduce(0) { max($0, DisplayText.width($1.to)) }
            lines += ["", palette.bold("Commands")] + commands.map { "  \(DisplayText.padded($0.to + ":", to: width + 1))  \($0.command)" }
        }
        return lines.map { DisplayText.printableLine($0, keepsColour: palette.isOn) + "\n" }.joined()
    }

    /// What isn't the decision's own doing.
    private func obstacles(_ palette: Palette, _ time: TimeText) -> [String] {
        var lines: [String] = []
        if foreign != nil, let text = pool?.foreignChange { lines += ["", palette.bold("Who else changed it"), "  " + text] }
        if let standsInTheWay { lines += ["", palette.bold("What stands in the way"), "  " + standsInTheWay] }
        if let pause { lines += ["", palette.bold("Who paused it"), "  " + Self.text(pause, time)] }
        if let failing { lines += ["", palette.bold("Workers that fail"), "  " + failing.text] }
        if let reports { lines += ["", palette.bold("What its pods say")] + reports.lines.map { "  " + $0 } }
        if !triggerErrors.isEmpty { lines += ["", palette.bold("What the triggers say")] + triggerErrors.map { Self.line($0, time) } }
        let minutes = Self.lately / 60
        if let last = endedWorkers.last, endedWorkers.count >= Self.endedWorkersTold {
            lines += [
                "", palette.bold("Workers that ended by themselves in the last \(minutes) minutes"),
                "  \(endedWorkers.count), the last one:",
                Self.line(last, time),
            ]
        }
        if let last = crashes.last {
            lines += [
                "", palette.bold("Actors that crashed in the last \(minutes) minutes"), "  \(crashes.count), the last one:",
                Self.line(last, time),
            ]
        }
        if let seconds = pool?.logTimeAheadSeconds {
            lines += [
                "", palette.bold("The log's time"),
                "  runs \(DurationText.precise(seconds)) ahead of the machine's clock, which was set back: schedules come early by that",
            ]
        }
        if let claims = served { lines += ["", palette.bold("How claims are served")] + Self.lines(claims).map { "  " + $0 } }
        return lines
    }

    /// `3 ready (3 busy), 0 starting, 0 draining; 5 actors wait (5 quota), the oldest for 1m`
    private static func counts(_ pool: PoolView) -> String {
        var text = "\(pool.ready) ready (\(pool.busy) busy), \(pool.starting) starting, \(pool.draining) draining"
        let blocked = pool.demand.blocked.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        text += "; \(pool.demand.waiting) actors wait" + (blocked.isEmpty ? "" : " (\(blocked))")
        if let oldest = pool.oldestWaitSeconds { text += ", the oldest for \(DurationText.short(oldest))" }
        return text
    }

    /// `  4711  2026-11-21 14:03:12.123  scale.decided  2 → 5: …`
    private static func line(_ event: EventRecord, _ time: TimeText) -> String {
        let subject = event.kind?.subject == .pool ? "" : " \(event.subject)"
        return "  \(event.seq)  \(time.full(event.at))  \(event.kindName)\(subject)  \(EventLine.detail(event))"
    }

    private func inputs(_ palette: Palette) -> [String] {
        let rows = Self.flattened(recorded.inputs, prefix: "")
        guard !rows.isEmpty else { return [] }
        let width = rows.reduce(0) { max($0, DisplayText.width($1.name)) }
        return ["", palette.bold("Inputs")] + rows.map { "  \(DisplayText.padded($0.name, to: width))  \($0.value)" }
    }

    private func due(_ next: LogTime, _ time: TimeText) -> String {
        let seconds = next.seconds(since: now)
        return seconds > 0
            ? "that is in \(DurationText.age(seconds)), at \(time.clock(next))"
            : "that was \(DurationText.age(-seconds)) ago, at \(time.clock(next))"
    }

    /// `demand.resident  5`: objects within objects as dotted names.
    private static func flattened(_ value: JSONValue, prefix: String) -> [(name: String, value: String)] {
        guard case .object(let members) = value else { return prefix.isEmpty ? [] : [(prefix, value.plainText ?? "null")] }
        return members.flatMap { flattened($0.value, prefix: prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") }
    }
}

extension PoolView.BusyReportsView {
    /// `3 busy, 4 idle, 1 unknown, by http :8080/busy, asked every 10 s`, and those that it is about
    fileprivate var lines: [String] {
        let counts = [(busy, "busy"), (idle, "idle"), (unknown, "unknown"), (unasked, "not asked yet")].filter { $0.0 > 0 }
        let said = counts.isEmpty ? "no workers" : counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        let pace = from.hasPrefix("annotation ") ? "" : ", asked every \(intervalSeconds) s"
        let named = longest.map { entry in
            "\(entry.worker): \(entry.report.text) (seq \(entry.report.seq))\(entry.report.problem.map { ": \($0)" } ?? "")"
        }
        let more = busy + unknown - longest.count
        return ["\(said), by \(from)\(pace)"] + named + (more > 0 ? ["and \(more) more"] : [])
    }
}
