import ArgumentParser
import ControlLoop
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
            "A position of the log, a time (RFC 3339, or local), or peak: the largest count decided.", valueName: "seq|time|peak"))
    var at: String?

    @Option(name: .long, help: ArgumentHelp("What this shadow of the pool decided, instead of the pool's own policy.", valueName: "name"))
    var shadow: String?

    @OptionGroup var source: SourceOptions
    @OptionGroup var format: OutputOptions

    func validate() throws {
        if subject == .actor, shadow != nil || at == "peak" { throw ValidationError("--shadow and --at peak are about pools") }
        guard let at, at != "peak", Moment(at, today: .zero) == nil else { return }
        throw ValidationError("--at \(at) is neither a position, a time (2026-11-21T14:03:00Z, \"2026-11-21 14:03\", 14:03) nor peak")
    }

    func run() async throws {
        guard subject == .pool else { return try await explainActor() }
        let now = TimeText.now()
        var explanation = try await explanation(source.events(), now: now)
        let moment: Moment? = at == "peak" ? .position(explanation.recorded.event.seq) : at.flatMap { Moment($0, today: now) }
        explanation.pool = try await source.state(at: moment).pool(explanation.recorded.pool)
        Terminal.write(try format.output.text(explanation.json) { explanation.text(palette: .forOutput) })
    }

    private func explainActor() async throws {
        let now = TimeText.now()
        let moment = at.flatMap { Moment($0, today: now) }
        let explanation = try await ActorExplanation.find(
            namespace.map { QualifiedName.full(name, in: $0) } ?? name, at: moment, events: source.events(), now: now
        ) { try await source.state(at: $0) }
        Terminal.write(try format.output.text(try explanation.json) { explanation.text(palette: .forOutput) })
    }

    func explanation(_ source: any EventSource, now: LogTime) async throws -> Explanation {
        let pool = try PoolName.qualified(name, namespace: namespace)
        if at == "peak" { return Explanation(recorded: try await peak(source, pool), now: now, isLatest: false) }
        var query = EventQuery(subject: pool, kind: .scaleDecided)
        let latest = try await decision(source, query)
        if let at { query.through = Moment(at, today: now) }
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

    var json: JSONValue {
        get throws {
            var json = recorded.json
            if let served { json = json.setting("claims", try JSONValue(encoding: served)) }
            if let standsInTheWay { json = json.setting("standsInTheWay", .string(standsInTheWay)) }
            if let pause { json = json.setting("pause", try JSONValue(encoding: pause)) }
            if let failing { json = json.setting("workersFailing", try JSONValue(encoding: failing)) }
            if let seconds = pool?.logTimeAheadSeconds { json = json.setting("logTimeAheadSeconds", try JSONValue(encoding: seconds)) }
            guard let foreign, let members = json.members, case .object(var change) = try JSONValue(encoding: foreign) else { return json }
            if let text = pool?.foreignChange { change.append(.init(key: "text", value: .string(text))) }
            return .object(members + [.init(key: "foreignChange", value: .object(change))])
        }
    }

    func text(palette: Palette, time: TimeText = TimeText()) -> String {
        let decision = recorded.decision
        let who = recorded.pool + (recorded.shadow.map { ", shadow \($0), which nothing follows" } ?? "")
        let change = decision.direction == .none ? "stays at \(decision.to) workers" : "\(decision.from) → \(decision.to) workers"
        var lines = [palette.bold("pool \(who): \(change)") + (decision.direction == .none ? "" : " (\(decision.direction.rawValue))")]
        lines.append(
            "decided at seq \(recorded.event.seq), \(time.full(recorded.event.at)), \(DurationText.age(now.seconds(since: recorded.event.at))) ago"
        )
        lines += ["", palette.bold("Why"), "  " + decision.text]
        let width = decision.why.reduce(0) { max($0, $1.step.rawValue.utf8.count) }
        for (k, reason) in decision.why.enumerated() {
            lines.append("  \(k + 1). \(DisplayText.padded(reason.step.rawValue, to: width))  \(reason.text)  \(palette.dim(reason.code))")
        }
        if foreign != nil, let text = pool?.foreignChange { lines += ["", palette.bold("Who else changed it"), "  " + text] }
        if let standsInTheWay { lines += ["", palette.bold("What stands in the way"), "  " + standsInTheWay] }
        if let pause { lines += ["", palette.bold("Who paused it"), "  " + Self.text(pause, time)] }
        if let failing { lines += ["", palette.bold("Workers that don't start"), "  " + failing.text] }
        if let seconds = pool?.logTimeAheadSeconds {
            lines += [
                "", palette.bold("The log's time"),
                "  runs \(DurationText.precise(seconds)) ahead of the machine's clock, which was set back: schedules come early by that",
            ]
        }
        if let claims = served { lines += ["", palette.bold("How claims are served")] + Self.lines(claims).map { "  " + $0 } }
        lines += inputs(palette)
        lines += ["", palette.bold("What limits it"), "  " + (decision.limitText ?? "nothing: it is what the triggers want")]
        lines += ["", palette.bold("What would change it"), "  " + decision.changeText]
        if let next = decision.nextDeadline, isLatest { lines.append("  " + due(next, time)) }
        return lines.map { DisplayText.printableLine($0, keepsColour: palette.isOn) + "\n" }.joined()
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
        guard let members = value.members else { return prefix.isEmpty ? [] : [(prefix, value.plainText)] }
        return members.flatMap { flattened($0.value, prefix: prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") }
    }
}
