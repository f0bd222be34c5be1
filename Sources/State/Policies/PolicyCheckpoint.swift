package import Autoscaling
package import Domain
import EventLog

// How do policies and what autoscalers remember survive in a checkpoint?
//
// The version of the bytes is the state's.

extension ShadowPolicy {
    package func encode(into writer: inout ByteWriter) {
        applied.encode(into: &writer)
        memory.encode(into: &writer)
        writer.integer(Int64(desired))
        writer.optional(lastDecision) { writer, mark in mark.encode(into: &writer) }
        writer.optional(evaluation?.at) { $0.time($1) }
        writer.integer(timersFired)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        applied = try AppliedPolicy.read(from: &reader, under: nil)
        guard let shadow = applied.policy.shadow else { throw ByteFault(offset: reader.offset, problem: "not a shadow") }
        name = shadow
        memory = try AutoscalerMemory(from: &reader)
        desired = try reader.replicas()
        lastDecision = try reader.optional { reader throws(ByteFault) in try DecisionMark(from: &reader) }
        evaluatedAt = try reader.optional { reader throws(ByteFault) in try reader.time() }
        timersFired = try reader.integer()
    }
}

extension DecisionMark {
    package func encode(into writer: inout ByteWriter) {
        writer.integer(seq)
        writer.time(at)
        writer.integer(Int64(from))
        writer.integer(Int64(to))
        writer.list(Array(codes)) { $0.integer($1.rawValue) }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        seq = try reader.integer()
        at = try reader.time()
        from = try reader.replicas()
        to = try reader.replicas()
        codes = ReasonCodes()
        for code: ReasonCode in try reader.list({ reader throws(ByteFault) in try reader.enumeration() }) { codes.insert(code) }
    }
}

extension AutoscalerMemory {
    package func encode(into writer: inout ByteWriter) {
        writer.time(policyAppliedAt)
        writer.optional(lastActiveAt) { $0.time($1) }
        writer.bool(isActive)
        writer.optional(recommendations.standing) { $0.integer(Int64($1)) }
        for window in [recommendations.highest, recommendations.lowestNegated] {
            writer.list(window.entries) { writer, entry in
                writer.integer(Int64(entry.value))
                writer.time(entry.at)
            }
        }
        for events in [scaleEvents.added, scaleEvents.removed] {
            writer.list(events) { writer, event in
                writer.integer(Int64(event.change))
                writer.time(event.at)
            }
        }
        surge.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        func window(_ reader: inout ByteReader) throws(ByteFault) -> WindowMaximum {
            WindowMaximum(
                entries: try reader.list(bytesEach: 16) { reader throws(ByteFault) in .init(value: try reader.int(), at: try reader.time())
                })
        }
        func events(_ reader: inout ByteReader) throws(ByteFault) -> [ScaleEvent] {
            try reader.list(bytesEach: 16) { reader throws(ByteFault) in ScaleEvent(change: try reader.replicas(), at: try reader.time()) }
        }
        self.init(
            policyAppliedAt: try reader.time(),
            lastActiveAt: try reader.optional { reader throws(ByteFault) in try reader.time() },
            isActive: try reader.bool(),
            recommendations: RecommendationHistory(
                standing: try reader.optional { reader throws(ByteFault) in try reader.int() },
                highest: try window(&reader), lowestNegated: try window(&reader)),
            scaleEvents: ScaleEvents(added: try events(&reader), removed: try events(&reader)),
            surge: try SurgeBuffer(from: &reader))
    }
}

extension SurgeBuffer {
    package func encode(into writer: inout ByteWriter) {
        writer.list(cells) { writer, cell in
            writer.time(cell.end)
            writer.integer(Int64(cell.highest))
            writer.integer(Int64(cell.held))
        }
        writer.optional(openSince) { $0.time($1) }
        for count in [openHighest, firstLevel, level] { writer.integer(Int64(count)) }
        writer.integer(startMicroseconds)
        writer.integer(windowMicroseconds)
        writer.list(runs) { writer, run in
            writer.time(run.end)
            writer.integer(run.microseconds)
            writer.integer(Int64(run.highest))
            writer.integer(Int64(run.held))
        }
        writer.integer(Int64(shareQuarters))
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        self.init(
            cells: try reader.list(bytesEach: 24) { reader throws(ByteFault) in
                Cell(end: try reader.time(), highest: try reader.tally(), held: try reader.tally())
            },
            openSince: try reader.optional { reader throws(ByteFault) in try reader.time() },
            openHighest: try reader.tally(), firstLevel: try reader.tally(), level: try reader.tally(),
            startMicroseconds: try reader.integer(), windowMicroseconds: try reader.integer(),
            runs: try reader.list(bytesEach: 32) { reader throws(ByteFault) in
                Run(end: try reader.time(), microseconds: Int64(try reader.tally()), highest: try reader.tally(), held: try reader.tally())
            },
            shareQuarters: try reader.int())
    }
}
