import Domain
import Output
import Replay

// How did replaying a stretch come out, in words and for scripts?

struct Replayed: Sendable {
    var path: String
    var summary: ReplaySummary
    var seconds: Double
    /// Whether it was slowed down to be watched.
    var isPaced: Bool

    /// The first thing that is wrong; nil where all came out the same.
    var problem: String? {
        let difference = summary.first.map { "the decision at position \($0.seq) on pool \($0.pool) comes out otherwise" }
        let parts = [summary.fault?.description, difference].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private var fields: [FieldDifference] {
        summary.first.map { FieldDifference.between(recorded: $0.recorded, recomputed: $0.recomputed) } ?? []
    }

    private var eventsPerSecond: Double { seconds > 0 ? Double(summary.folded) / seconds : 0 }

    func output(_ format: OutputFormat) throws -> String {
        // A line for each decision went before: the summary is one more.
        if isPaced, format == .json { return json.compact + "\n" }
        return try format.text(json) { text }
    }

    var text: String {
        var text = ""
        if let first = summary.first {
            text += "position \(first.seq), pool \(first.pool): the decision recorded is not the one that follows\n\n"
            text += FieldDifference.table(fields) + "\n"
        }
        return text + verdict + "\n" + (summary.pools.isEmpty ? "" : "\n" + table)
    }

    private var verdict: String {
        let stretch = summary.stretch
        let span =
            "\(Grouped.text(summary.events)) events of \(path), position \(stretch.first) to \(stretch.last), \(TimeText().full(stretch.firstAt)) + \(DurationText.precise(stretch.seconds))"
        let same =
            summary.isSame
            ? "hash chain sound, \(Grouped.text(summary.decisions)) decisions came out the same, byte for byte"
            : "\(Grouped.text(summary.decisions)) decisions compared"
        let rate = isPaced ? "" : "; \(Grouped.text(Int64(eventsPerSecond))) events/s"
        return "\(span): \(same)\(rate)"
    }

    private var table: String {
        var table = Table("POOL", "#EVENTS", "#DECISIONS", "#UPS", "#DOWNS", "#PEAK")
        for pool in summary.pools {
            table.add(
                pool.name, Grouped.text(pool.events), Grouped.text(pool.decisions), String(pool.ups), String(pool.downs),
                pool.peak.map { String($0) } ?? "<none>")
        }
        return table.text
    }

    var json: JSONValue {
        func number(_ value: Int64) -> JSONValue { .number(String(value)) }
        var members: [JSONValue.Member] = [
            .init(key: "same", value: .bool(summary.isSame)), .init(key: "from", value: number(summary.stretch.first)),
            .init(key: "to", value: number(summary.stretch.last)), .init(key: "fromAt", value: .string(summary.stretch.firstAt.rfc3339)),
            .init(key: "toAt", value: .string(summary.stretch.lastAt.rfc3339)), .init(key: "events", value: number(summary.events)),
            .init(key: "decisions", value: number(summary.decisions)), .init(key: "eventsPerSecond", value: number(Int64(eventsPerSecond))),
        ]
        members.append(
            .init(
                key: "pools",
                value: .array(
                    summary.pools.map { pool in
                        .object([
                            .init(key: "pool", value: .string(pool.name)), .init(key: "events", value: number(pool.events)),
                            .init(key: "decisions", value: number(pool.decisions)), .init(key: "scaleUps", value: number(Int64(pool.ups))),
                            .init(key: "scaleDowns", value: number(Int64(pool.downs))),
                            .init(key: "peak", value: pool.peak.map { number(Int64($0)) } ?? .null),
                        ])
                    })))
        if let fault = summary.fault {
            members.append(
                .init(
                    key: "chainFault",
                    value: .object([
                        .init(key: "position", value: number(fault.position)), .init(key: "problem", value: .string(fault.problem)),
                    ])))
        }
        if let first = summary.first {
            members.append(
                .init(
                    key: "difference",
                    value: .object([
                        .init(key: "position", value: number(first.seq)), .init(key: "pool", value: .string(first.pool)),
                        .init(key: "fields", value: .array(fields.map(\.json))),
                    ])))
        }
        return .object(members)
    }
}
