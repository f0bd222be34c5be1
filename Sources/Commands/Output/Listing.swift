import Views
import Domain
import Inspection
import Output

// Which columns does a listing have, and what is it for a script?
//
// A `Listing` is both forms of the same rows. The columns are a contract; `<none>` stands where there is nothing, as
// kubectl prints it.

struct Listing: Sendable {
    var table: Table
    var json: JSONValue
    /// Whether there are more rows than were asked for.
    var isCut = false

    var isEmpty: Bool { table.isEmpty }

    private static let none = "<none>"
    /// Assigned actors named in a worker's row; the others are counted.
    private static let actorsNamed = 3

    init(_ table: Table, _ rows: [JSONValue], isOne: Bool) {
        self.table = table
        json = isOne ? rows.first ?? .null : .array(rows)
    }

    /// Two spaces between columns, so that the usual pools fit in 100; the other columns are `wide`.
    init(pools: [PoolView], isWide: Bool = false, isOne: Bool = false) throws {
        var table =
            isWide
            ? Table(
                "NAMESPACE", "NAME", "TARGET", "MODE", "#MIN", "#MAX", "#DESIRED", "#READY", "#BUSY", "#STARTING", "#DRAINING", "#WAITING",
                "OLDEST",
                "READY-COND", "ACTIVE", "PAUSED", "FALLBACK", "AGE", "REASON")
            : Table(["NAMESPACE", "NAME", "#MAX", "#DESIRED", "#READY", "#BUSY", "#WAITING", "OLDEST", "STATUS", "AGE"], gap: 2)
        for pool in pools {
            let oldest = pool.oldestWaitSeconds.map { DurationText.short($0) } ?? Self.none
            let age = DurationText.age(pool.ageSeconds)
            if isWide {
                table.add(
                    pool.namespace, pool.name, pool.target.isEmpty ? Self.none : pool.target, pool.mode.isEmpty ? Self.none : pool.mode,
                    String(pool.min), String(pool.max), String(pool.desired), String(pool.ready), String(pool.busy), String(pool.starting),
                    String(pool.draining), String(pool.demand.waiting), oldest, Self.condition(pool.readyCondition),
                    Self.condition(pool.active), Self.condition(pool.paused), Self.condition(pool.fallback), age, pool.reason ?? Self.none)
            } else {
                table.add(
                    pool.namespace, pool.name, String(pool.max), String(pool.desired), String(pool.ready), String(pool.busy),
                    String(pool.demand.waiting), oldest, pool.statusWords, age)
            }
        }
        self.init(table, try pools.map { try JSONValue(encoding: $0) }, isOne: isOne)
    }

    init(workers: [WorkerView], isWide: Bool = false, isOne: Bool = false) throws {
        // Only where pods are asked: the other columns are a contract.
        let hasReports = workers.contains { $0.report != nil }
        let columns = ["NAMESPACE", "POOL", "POD", "STATUS", "ASSIGNED-ACTOR", "NODE", "SLOTS", "AGE"]
        let hasLeases = workers.contains { $0.ttlSeconds != nil }
        var table = Table(
            columns + (hasLeases ? ["LAST-SEEN"] : []) + (hasReports ? ["SAYS", "FROM"] : []) + (isWide ? ["ZONE", "IP", "UID"] : []))
        for worker in workers {
            let row = [
                worker.namespace, worker.pool, worker.name, worker.status, Self.assigned(worker.actors, isWhole: isWide),
                worker.node.isEmpty ? Self.none : worker.node, "\(worker.used)/\(worker.slots)", DurationText.age(worker.ageSeconds),
            ]
            let says = hasReports ? [worker.report?.text ?? Self.none, worker.report?.from ?? Self.none] : []
            let seen = hasLeases ? [worker.lastSeenText] : []
            table.add(row + seen + says + (isWide ? [worker.zone ?? Self.none, worker.ip ?? Self.none, worker.uid ?? Self.none] : []))
        }
        self.init(table, try workers.map { try JSONValue(encoding: $0) }, isOne: isOne)
    }

    init(actors: [ActorView], isWide: Bool = false, isOne: Bool = false) throws {
        let more = isWide ? ["POOL", "TENANT", "NODE", "REASON"] : []
        var table = Table(["NAMESPACE", "TEMPLATE", "ID", "STATUS", "POD", "IP", "#VERSION", "WAITED", "AGE"] + more)
        for actor in actors {
            table.add(
                [
                    actor.namespace, actor.template.isEmpty ? Self.none : actor.template, actor.id, actor.status, actor.worker ?? Self.none,
                    actor.ip ?? Self.none, String(actor.version), actor.waitedSeconds.map { DurationText.short($0) } ?? Self.none,
                    DurationText.age(actor.ageSeconds),
                ] + (isWide ? [actor.pool, actor.tenant ?? Self.none, actor.node ?? Self.none, actor.reason ?? Self.none] : []))
        }
        self.init(table, try actors.map { try JSONValue(encoding: $0) }, isOne: isOne)
    }

    init(policies: [PolicyView], now: LogTime, isOne: Bool = false) throws {
        var table = Table("NAMESPACE", "NAME", "MODE", "DIGEST", "#SEQ", "AGE")
        for policy in policies {
            let age = LogTime(rfc3339: policy.appliedAt).map { DurationText.age(now.seconds(since: $0)) } ?? Self.none
            table.add(policy.namespace, policy.name, Self.mode(policy), String(policy.digest.prefix(12)), String(policy.seq), age)
        }
        self.init(table, try policies.map { try Self.json($0) }, isOne: isOne)
    }

    init(decisions: [RecordedDecision], time: TimeText = TimeText()) {
        var table = Table("#SEQ", time.header, "POOL", "#FROM", "#TO", "DIRECTION", "REASON")
        for recorded in decisions {
            let decision = recorded.decision
            table.add(
                String(recorded.event.seq), time.full(recorded.event.at), recorded.pool + (recorded.shadow.map { " (shadow \($0))" } ?? ""),
                String(decision.from), String(decision.to),
                decision.direction.rawValue, decision.text)
        }
        self.init(table, decisions.map { $0.json }, isOne: false)
    }

    private static func mode(_ policy: PolicyView) -> String {
        (policy.mode ?? none) + (policy.shadowOf.map { " (shadow of \($0))" } ?? "")
    }

    /// The policy itself in place of its text.
    private static func json(_ view: PolicyView) throws -> JSONValue {
        guard case .object(let members) = try JSONValue(encoding: view), let policy = try? JSONValue(parsing: view.canonicalJSON) else {
            return try JSONValue(encoding: view)
        }
        return JSONValue.object(members.filter { $0.key != "canonicalJSON" }).setting("policy", policy)
    }

    private static func condition(_ value: Bool) -> String { value ? "True" : "False" }

    private static func assigned(_ actors: [String], isWhole: Bool) -> String {
        guard !actors.isEmpty else { return none }
        if isWhole { return actors.joined(separator: ",") }
        let more = actors.count - actorsNamed
        return actors.prefix(actorsNamed).joined(separator: ",") + (more > 0 ? ",+\(more)" : "")
    }
}

extension WorkerView {
    /// `now`, `12s`; of one without a lease nobody knows, and it isn't waited for.
    fileprivate var lastSeenText: String {
        guard ttlSeconds != nil else { return "<none>" }
        guard let lastSeenSeconds else { return "<unknown>" }
        return lastSeenSeconds < 1 ? "now" : DurationText.age(lastSeenSeconds)
    }
}

extension WorkerView.ReportView {
    /// `busy 3 for 2m`, `idle for 4s`, `unknown for 40s, counts as busy`
    var text: String {
        let age = DurationText.age(seconds)
        switch state {
        case "busy": return "busy \(tasks) for \(age)"
        case "unknown": return "unknown for \(age), counts as \(tasks > 0 ? "busy" : "free")"
        default: return "\(state) for \(age)"
        }
    }
}

extension PoolView {
    /// What an operator should know first, worst first: `NotReady,Paused`.
    var statusWords: String {
        var words: [String] = []
        if target.isEmpty { words.append("NoPolicy") } else if !readyCondition { words.append("NotReady") }
        if workersFailing?.isPersistent == true { words.append("WorkersFailing") }
        if rollingUpdate != nil { words.append("Updating") }
        if paused { words.append(pause?.hold == nil ? "Paused" : "Held") }
        if fallback { words.append("Fallback") }
        if demand.blocked["quota"] ?? 0 > 0 { words.append("Quota") }
        if words.isEmpty { words.append(active ? "Active" : "Idle") }
        return words.joined(separator: ",")
    }
}

extension RecordedDecision {
    /// As in the log, with its position, time and words.
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init(key: "seq", value: .number(String(event.seq))), .init(key: "at", value: .string(event.at.rfc3339)),
            .init(key: "pool", value: .string(pool)), .init(key: "reason", value: .string(decision.text)),
        ]
        members += event.data.fields.filter { $0.key != "pool" }
        return .object(members)
    }
}
