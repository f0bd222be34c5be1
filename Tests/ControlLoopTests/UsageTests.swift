import Autoscaling
import Basics
import Domain
import EventLog
import Testing

@testable import ControlLoop
@testable import Replay
@testable import State
@testable import Views

// Does the report of usage say what the log says?
//
// Against a reading that knows no ledger: the state is folded commit by commit, and between two commits every actor and every
// worker is looked at.

@Suite struct UsageTests {
    /// What lies between two times of the log, looked up the long way.
    private struct BruteForce {
        var rows: [String: UsageFigures] = [:]

        init(_ log: EventLog, from: LogTime, to: LogTime, by grouping: UsageGrouping) throws {
            var state = State()
            var before: [NameID: ActorState] = [:]
            for batch in try log.read(after: 0, limitEvents: 1_000_000) {
                add(state, from: max(state.at, from), to: min(batch.at, to), grouping, log)
                _ = state.fold(batch, names: log.names)
                let isInside = batch.at >= from && batch.at < to
                var now: [NameID: ActorState] = [:]
                for index in 0..<state.actors.capacity where !state.actors[index].name.isNone {
                    let actor = state.actors[index]
                    now[actor.name] = actor.state
                    let old = before[actor.name] ?? .unknown
                    guard isInside, actor.state != old else { continue }
                    let row = row(of: actor, grouping, state, log)
                    if actor.state == .running, old != .idle { rows[row, default: Self.blank(grouping)].turns += 1 }
                    if actor.state == .waiting { rows[row, default: Self.blank(grouping)].requests += 1 }
                    if old == .waiting, actor.state.isResident { rows[row, default: Self.blank(grouping)].waits += 1 }
                    if actor.state == .crashed, old.isResident { rows[row, default: Self.blank(grouping)].crashes += 1 }
                }
                before = now
            }
            add(state, from: max(state.at, from), to: min(log.head.at, to), grouping, log)
            guard grouping == .actor else { return }
            var named: [String: UsageFigures] = [:]
            for (name, figures) in rows { named[name.bare(grouping), default: Self.blank(grouping)] += figures }
            rows = named
        }

        private static func blank(_ grouping: UsageGrouping) -> UsageFigures { UsageFigures(hasWorkers: grouping == .pool) }

        private mutating func add(_ state: State, from: LogTime, to: LogTime, _ grouping: UsageGrouping, _ log: EventLog) {
            let micros = to.microseconds(since: from)
            guard micros > 0 else { return }
            for index in 0..<state.actors.capacity {
                let actor = state.actors[index]
                guard !actor.name.isNone, actor.state == .waiting || actor.state.isResident else { continue }
                let name = row(of: actor, grouping, state, log)
                var row = rows[name] ?? Self.blank(grouping)
                switch actor.state {
                case .waiting: row.waitMicroseconds += micros
                case .placed: row.restoringMicroseconds += micros
                case .running: row.runningMicroseconds += micros
                default: row.idleMicroseconds += micros
                }
                if actor.state.isResident { row.slotMicroseconds += micros }
                rows[name] = row
            }
            guard grouping == .pool else { return }
            for index in state.workers.indices {
                let worker = state.workers[index]
                let name = state.pools[Int(worker.pool)].text
                var row = rows[name] ?? Self.blank(grouping)
                row.offeredMicroseconds = (row.offeredMicroseconds ?? 0) + micros * Int64(worker.slots)
                row.takenMicroseconds = (row.takenMicroseconds ?? 0) + micros * Int64(worker.residents.count)
                rows[name] = row
            }
        }

        private func row(of actor: ActorRecord, _ grouping: UsageGrouping, _ state: State, _ log: EventLog) -> String {
            let traits = state.actors.traits(of: actor)
            return switch grouping {
            case .pool: actor.pool < 0 ? "" : state.pools[Int(actor.pool)].text
            case .actor: log.names.text(of: actor.name)
            case .tenant: traits.tenant.isNone ? "" : state.labels.text(of: traits.tenant)
            case .template: traits.template.isNone ? "" : state.labels.text(of: traits.template)
            }
        }
    }

    /// Two pools, three tenants; agents that race, crash and lie; workers that vanish.
    private func history(_ seed: UInt64, steps: Int = 220) throws -> LoopHarness {
        let loop = try LoopHarness()
        var random = SplitMix64(seed: seed)
        func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        loop.apply(.quick(max: 4))
        var other = Policy.quick(max: 3)
        other.pool = "ns/q"
        other.slotsPerWorker = 2
        loop.apply(other)
        var ready = 0
        for _ in 0..<steps {
            let actor = "a\(pick(9))"
            let pool = pick(2) == 0 ? "ns/p" : "ns/q"
            let worker = loop.view(of: "ns/\(actor)")?.worker ?? "w\(pick(5))"
            switch pick(16) {
            case 0: loop.send(.actorCreated, actor, #"{"pool":"\#(pool)","template":"t\#(pick(2))","tenant":"tenant,\#(pick(3))"}"#)
            case 1...4: loop.request(actor, pool: pool)
            case 5...7: loop.send(.actorRunning, actor, #"{"worker":"\#(worker)","restoreMillis":\#(pick(900))}"#)
            case 8: loop.send(.actorIdle, actor)
            case 9:
                loop.send(
                    .actorPaused, actor, #"{"worker":"\#(worker)","node":"n1","snapshot":"local://\#(actor)","bytes":\#(pick(1_000))}"#)
            case 10, 11: loop.send(.actorSuspended, actor, #"{"worker":"\#(worker)","snapshot":"s3://b/\#(actor)","bytes":77}"#)
            case 12: loop.send(.actorCrashed, actor, #"{"worker":"\#(worker)"}"#)
            case 13: loop.send(.actorWithdrawn, actor)
            case 14:
                if pick(3) == 0 {
                    loop.send(.actorDeleted, actor)
                } else if pick(2) == 0 {
                    loop.send(.workerGone, worker, #"{"reason":"gone"}"#)
                }
            default:
                ready += 1
                if pick(6) == 0 { loop.send(.workerReady, "x\(ready % 3)", #"{"pool":"ns/q","node":"n2","slots":\#(1 + pick(3))}"#) }
            }
            loop.settle()
            if pick(3) > 0 { loop.advance(Double(pick(4_000)) / 1_000 + 0.000_001) }
            if pick(60) == 0 { loop.core.saveCheckpoint() }
            if pick(80) == 0 { loop.restart() }
        }
        return loop
    }

    @Test("the report is what a look at everybody at every commit says, to the microsecond", arguments: 1...12 as ClosedRange<UInt64>)
    func equalsBruteForce(seed: UInt64) throws {
        let loop = try history(seed)
        let log = loop.log
        var random = SplitMix64(seed: seed &+ 1_000)
        let length = UInt64(log.head.at.microseconds(since: LoopHarness.start))
        for grouping in UsageGrouping.allCases {
            for round in 0..<3 {
                let cuts = [random.next() % length, random.next() % length].sorted().map {
                    LoopHarness.start.adding(microseconds: Int64($0))
                }
                let (from, to) = round == 0 ? (LoopHarness.start, log.head.at) : (cuts[0], cuts[1])
                let expected = try BruteForce(log, from: from, to: to, by: grouping).rows.filter {
                    $0.value != UsageFigures(hasWorkers: grouping == .pool)
                }
                let report = try UsageRun.report(of: log, UsageQuery(from: .time(from), to: .time(to), by: grouping))
                var found: [String: UsageFigures] = [:]
                for row in report.rows {
                    // Tiers are compared by their sum, which the long way doesn't know.
                    var figures = row.figures
                    figures.tiers = UsageFigures().tiers
                    found[row.name.bare(grouping), default: UsageFigures(hasWorkers: grouping == .pool)] += figures
                    #expect(row.figures.tiers.reduce(0) { $0 + $1.restores } <= row.figures.turns)
                }
                #expect(Set(found.keys) == Set(expected.keys), "\(grouping)")
                for (name, figures) in found { #expect(figures == expected[name], "\(grouping) \(name)") }
            }
        }
    }

    @Test("neighbouring stretches add up to the whole, by time and by position", arguments: 1...6 as ClosedRange<UInt64>)
    func addsUp(seed: UInt64) throws {
        let loop = try history(seed, steps: 120)
        let log = loop.log
        let whole = try UsageRun.report(of: log, UsageQuery(by: .actor)).total
        #expect(whole.slotMicroseconds > 0 && whole.turns > 0)
        var byPosition = UsageFigures()
        var last: Position = 0
        while last < log.head.seq {
            let next = min(log.head.seq, last + 17)
            byPosition += try UsageRun.report(of: log, UsageQuery(from: .position(last + 1), to: .position(next), by: .actor)).total
            last = next
        }
        #expect(byPosition == whole)
        var byTime = UsageFigures()
        var from = LoopHarness.start
        let end = log.head.at.adding(microseconds: 1)
        while from < end {
            let to = min(end, from.adding(microseconds: 7_000_001))
            byTime += try UsageRun.report(of: log, UsageQuery(from: .time(from), to: .time(to), by: .actor)).total
            from = to
        }
        // What happened at the very last moment of the log is in no stretch that ends there.
        let untilEnd = try UsageRun.report(of: log, UsageQuery(from: .time(LoopHarness.start), to: .time(log.head.at), by: .actor)).total
        #expect(byTime.slotMicroseconds == whole.slotMicroseconds && untilEnd.slotMicroseconds == whole.slotMicroseconds)
        #expect(byTime.waitMicroseconds == whole.waitMicroseconds)
        #expect(byTime.requests <= whole.requests && byTime.requests >= untilEnd.requests)
    }

    @Test("the same rows whatever they are grouped by, and one pool's are a part of them")
    func groupings() throws {
        let loop = try history(99)
        defer { withExtendedLifetime(loop) {} }
        let log = loop.log
        let reports = try UsageGrouping.allCases.map { try UsageRun.report(of: log, UsageQuery(by: $0)) }
        for report in reports {
            var total = report.total
            (total.offeredMicroseconds, total.takenMicroseconds) = (nil, nil)
            #expect(total == reports[0].total)
        }
        let p = try UsageRun.report(of: log, UsageQuery(by: .pool, pool: "ns/p"))
        let q = try UsageRun.report(of: log, UsageQuery(by: .pool, pool: "ns/q"))
        #expect(p.rows.map(\.name) == ["ns/p"] && q.rows.map(\.name) == ["ns/q"])
        let both = try UsageRun.report(of: log, UsageQuery(by: .pool))
        #expect(Set((p.rows + q.rows).map(\.figures)) == Set(both.rows.filter { !$0.name.isEmpty }.map(\.figures)))
    }

    @Test("a restore is counted by its tier, with the bytes of its placement, also across the beginning of a stretch")
    func tiers() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 2))
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t","tenant":"x"}"#)
        loop.request("a")
        loop.advance(4)
        let worker = try #require(loop.view(of: "a")?.worker)
        let placed = try #require(try loop.events(.actorPlaced).last)
        loop.advance(1.5)
        loop.send(.actorRunning, "a", #"{"worker":"\#(worker)","restoreMillis":1250}"#)
        loop.advance(2)
        let whole = try UsageRun.report(of: loop.log, UsageQuery(by: .template))
        let row = try #require(whole.rows.first)
        #expect(row.name == "t" && row.figures.turns == 1 && row.figures.waits == 1)
        let cold = row.figures.tiers[Int(RestoreTier.cold.rawValue)]
        #expect(cold.restores == 1 && cold.microseconds == 1_250_000)
        let later = try UsageRun.report(of: loop.log, UsageQuery(from: .position(placed.event.seq + 1), by: .template))
        #expect(later.rows.first?.figures.tiers == row.figures.tiers)
    }

    @Test("what can't be counted is refused with what to do")
    func refusals() throws {
        let loop = try history(5, steps: 20)
        defer { withExtendedLifetime(loop) {} }
        let log = loop.log
        for query in [
            UsageQuery(from: .position(9), to: .position(2)), UsageQuery(from: .time(log.head.at), to: .time(LoopHarness.start)),
            UsageQuery(pool: "ns/none"),
        ] {
            #expect(throws: UsageRunError.self) { try UsageRun.report(of: log, query) }
        }
        let empty = try LoopHarness().log
        #expect(try UsageRun.report(of: empty, UsageQuery()).rows.isEmpty)
    }

    @Test("JSON comes back the same, and CSV quotes what needs it")
    func forms() throws {
        let loop = try history(3)
        defer { withExtendedLifetime(loop) {} }
        let log = loop.log
        for grouping in UsageGrouping.allCases {
            let report = try UsageRun.report(of: log, UsageQuery(by: grouping))
            #expect(UsageReport(try JSONValue(parsing: report.json)) == report)
            let lines = String(decoding: report.csv, as: UTF8.self).split(separator: "\r\n")
            #expect(lines.count == report.rows.count + 1 && lines[0].hasPrefix("\(grouping.rawValue),from,to,slotSeconds"))
        }
        let tenants = String(decoding: try UsageRun.report(of: log, UsageQuery(by: .tenant)).csv, as: UTF8.self)
        #expect(tenants.contains("\r\n\"tenant,"), "\(tenants.split(separator: "\r\n").dropFirst())")
    }

    @Test(
        "seconds are written exactly",
        arguments: [
            (0, "0"), (1, "0.000001"), (12_500_000, "12.5"), (-1_000_001, "-1.000001"), (.max, "9223372036854.775807"), (3_000_000, "3"),
        ] as [(Int64, String)])
    func seconds(micros: Int64, text: String) {
        #expect(UsageReport.seconds(micros) == text)
        #expect(UsageReport.microseconds(text) == micros)
    }
}

extension String {
    /// An actor's name without its namespace, which is unknown while nobody has named its pool.
    fileprivate func bare(_ grouping: UsageGrouping) -> String {
        grouping == .actor && hasPrefix("ns/") ? String(dropFirst(3)) : self
    }
}
