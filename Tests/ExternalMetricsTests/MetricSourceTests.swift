import Domain
import Synchronization
import TestSupport
import Testing

@testable import Views
@testable import ExternalMetrics

@Suite struct PoolMetricsTests {
    private func values(_ metric: String, namespace: String = "default", _ selector: String = "") throws -> [String: String] {
        let selector = try LabelSelector(parsing: selector)
        let series = try #require(Sample.snapshot.series(metric, in: namespace)).filter { selector.matches($0.label) }
        return Dictionary(
            uniqueKeysWithValues: series.map { one in (one.labels.map { "\($0.key)=\($0.value)" }.joined(separator: ","), one.value.text) })
    }

    @Test("the queue's depth is the waiting actors by reason, zero included")
    func queueDepth() throws {
        #expect(
            try values("greenroom_queue_depth", "pool=kagent-default") == [
                "pool=kagent-default,reason=pool_exhausted,state=blocked": "20", "pool=kagent-default,reason=quota,state=blocked": "1",
                "pool=kagent-default,reason=node_locality,state=blocked": "0",
                "pool=kagent-default,reason=no_eligible_pool,state=blocked": "0",
            ])
    }

    @Test("demand is what waits and what holds a slot, each actor once")
    func demand() throws {
        #expect(
            try values("greenroom_demand", "pool=kagent-default,reason notin (quota,node_locality,no_eligible_pool)") == [
                "pool=kagent-default,state=resident": "3", "pool=kagent-default,reason=pool_exhausted,state=blocked": "20",
            ])
    }

    @Test(
        "one value a pool",
        arguments: [
            ("greenroom_desired_workers", ["pool=kagent-default": "3", "pool=reviewers": "1"]),
            ("greenroom_oldest_wait_seconds", ["pool=kagent-default": "12346m", "pool=reviewers": "0"]),
            ("greenroom_arrivals_per_second", ["pool=kagent-default": "1500m", "pool=reviewers": "0"]),
        ])
    func perPool(_ metric: String, _ expected: [String: String]) throws { #expect(try values(metric) == expected) }

    @Test("pools of other namespaces are elsewhere")
    func namespaces() throws {
        #expect(try values("greenroom_queue_depth", namespace: "team-b", "reason=pool_exhausted").values.sorted() == ["7"])
        #expect(Sample.snapshot.series("nats_consumer_pending_messages", in: "team-b") == nil)
    }

    @Test("an observed metric has its own labels and the pool's name")
    func observed() throws {
        #expect(
            try values("nats_consumer_pending_messages", "consumer=devops-agent,stream=agent-tasks") == [
                "consumer=devops-agent,pool=kagent-default,stream=agent-tasks": "9"
            ])
    }

    @Test("an observed metric keeps a pool label of its own, can't take our names, and has no value when it is stale or never was good")
    func observedEdges() {
        let observed = [
            Sample.observed("a", labels: ["pool": "own"], milli: 1_000), Sample.observed("b", milli: 1_000, secondsAgo: 301),
            Sample.observed("c", milli: nil),
            Sample.observed("d", milli: 1_000, secondsAgo: 300), Sample.observed("greenroom_demand", milli: 1),
        ]
        let snapshot = PoolMetrics.snapshot(MetricReadings(observed: observed), at: Sample.now, staleAfterSeconds: 300)
        #expect(snapshot.series("a", in: "default")?.map(\.labels) == [[.init(key: "pool", value: "own")]])
        #expect(snapshot.series("b", in: "default") == [])
        #expect(snapshot.series("c", in: "default") == [])
        #expect(snapshot.series("d", in: "default")?.map(\.value.text) == ["1"])
        #expect(snapshot.metricNames == ["a", "b", "c", "d"])
    }

    @Test(
        "a selector finds the same series by their pool as by looking at each",
        arguments: [
            "", "pool=p1", "pool in (p1,p3,none)", "pool=none", "pool!=p1", "pool,state=blocked",
            "pool in (p0,p2),state=blocked,reason notin (quota)", "state=resident", "!pool",
        ])
    func byPool(_ text: String) throws {
        let pools = (0..<4).map { Sample.pool("p\($0)", resident: $0, blocked: ["pool_exhausted": $0]) }
        let observed = [
            Sample.observed("greenroom_like", pool: "p1", labels: ["pool": "p3"], milli: 1),
            Sample.observed("greenroom_like", pool: "p3", milli: 2),
        ]
        let snapshot = PoolMetrics.snapshot(MetricReadings(pools: pools, observed: observed), at: Sample.now, staleAfterSeconds: 300)
        let selector = try LabelSelector(parsing: text)
        for metric in ["greenroom_demand", "greenroom_like"] {
            let all = try #require(snapshot.series(metric, in: "default"))
            #expect(snapshot.series(metric, in: "default", selectedBy: selector) == all.filter { selector.matches($0.label) })
        }
        #expect(snapshot.series("unknown", in: "default", selectedBy: selector) == nil)
    }

    @Test("what can't be negative is left out")
    func negative() {
        let snapshot = PoolMetrics.snapshot(
            MetricReadings(pools: [Sample.pool("p", desired: -1, resident: -2, arrivals: -.infinity)]), at: Sample.now,
            staleAfterSeconds: 300)
        #expect(snapshot.series("greenroom_desired_workers", in: "default") == [])
        #expect(snapshot.series("greenroom_arrivals_per_second", in: "default") == [])
        #expect(snapshot.series("greenroom_demand", in: "default")?.count == 4)
    }
}

@Suite struct ViewMetricSourceTests {
    /// Counts how often the loop is asked; holds its answers back while it is told to.
    private final class Loop: Sendable {
        private let state = Mutex((asked: 0, isHeld: false))
        var asked: Int { state.withLock { $0.asked } }
        func hold(_ held: Bool) { state.withLock { $0.isHeld = held } }

        func readings() async -> MetricReadings {
            let number = state.withLock { state in
                state.asked += 1; return state.asked
            }
            while state.withLock({ $0.isHeld }) { try? await Task.sleep(for: .milliseconds(2)) }
            return MetricReadings(pools: [Sample.pool("p", desired: number)])
        }
    }

    private func desired(_ snapshot: MetricSnapshot?) -> String? {
        snapshot?.series("greenroom_desired_workers", in: "default")?.first?.value.text
    }

    @Test("a fresh snapshot is answered at once, an older one too while a newer is asked for, a stale one never")
    func timeline() async throws {
        let (loop, clock) = (Loop(), ManualClock())
        let source = ViewMetricSource({ await loop.readings() }, now: { Sample.now }, uptimeMicroseconds: clock.read)
        #expect(source.ready() == nil)
        #expect(source.latest() == nil)
        #expect(desired(await source.fresh()) == "1")

        clock.advance(milliseconds: 250)
        #expect(desired(source.ready()) == "1")
        #expect(loop.asked == 1)

        clock.advance(milliseconds: 1)
        #expect(desired(source.ready()) == "1")
        try await eventually("the newer snapshot") { desired(source.ready()) == "2" }

        clock.advance(milliseconds: 1_001)
        #expect(source.ready() == nil)
        #expect(desired(source.latest()) == "2")
        #expect(desired(await source.fresh()) == "3")
        #expect(loop.asked == 3)
    }

    @Test("however many wait, the loop is asked once")
    func coalesced() async throws {
        let (loop, clock) = (Loop(), ManualClock())
        let source = ViewMetricSource({ await loop.readings() }, now: { Sample.now }, uptimeMicroseconds: clock.read)
        loop.hold(true)
        let answers = Task {
            await withTaskGroup(of: String?.self) { group in
                for _ in 0..<50 { group.addTask { desired(await source.fresh()) } }
                return await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
        }
        try await eventually("a question") { loop.asked == 1 }
        loop.hold(false)
        #expect(await answers.value == ["1"])
        #expect(loop.asked == 1)
    }
}
