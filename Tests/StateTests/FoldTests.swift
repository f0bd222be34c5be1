import Autoscaling
import Basics
import Domain
import EventLog
import Foundation
import State
import Testing

// Can a log be folded, and asked, where there is no loop? This target imports none: that it is built is half of the test.

@Suite struct FoldTests {
    @Test("a log is folded without a loop: the state answers, and survives as bytes")
    func fold() throws {
        let written = try WrittenLog()
        try written.append { batch in
            batch.append(.policyApplied, source: "/test", id: "1", subject: "ns/p", pool: "ns/p", body: WrittenLog.policy)
            batch.append(.workerReady, source: "/test", id: "2", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
            batch.append(.actorRequested, source: "/test", id: "3", subject: "a", pool: "ns/p")
        }
        try written.append { batch in
            batch.append(
                .actorPlaced, source: CommittedEvent.ownSource, id: "4", subject: "a", worker: "w",
                body: Array(#"{"tier":"cold","request":3,"workerVersion":2}"#.utf8))
            batch.append(.actorRequested, source: "/test", id: "5", subject: "b", pool: "ns/p")
        }
        let commits = try written.log.read(after: 0, limitEvents: .max)
        #expect(commits.flatMap(\.events).map(\.isOurs) == [false, false, false, true, false])

        var state = State()
        for commit in commits {
            let change = state.fold(commit, names: written.log.names)
            #expect(change.superseded.isEmpty)
        }
        let pool = try #require(written.log.names.find("ns/p"))
        let levels = try #require(state.levels(of: pool))
        #expect(state.position == 5)
        #expect(levels.ready == 1 && levels.busy == 1 && levels.resident == 1 && levels.waiting == 1)
        let decision = try #require(state.decision(for: pool))
        #expect(decision.asOf == 5)
        #expect(String(decoding: decision.body, as: UTF8.self).hasPrefix(#"{"from":0,"to":2,"#))
        #expect(try State(decoding: state.encoded()).encoded() == state.encoded())
    }

    @Test("a correction counts whatever the actor was, and only while nothing else has happened to it")
    func corrected() throws {
        let written = try WrittenLog()
        let steps: [(kind: EventKind, worker: String?, body: String, counts: Bool, residents: Int, busy: Int)] = [
            (.actorRunning, "w", #"{"version":3}"#, true, 1, 1),
            (.workerGone, nil, "{}", true, 0, 0),
            // It was paused all the same: the version is known, and a crashed actor takes no pause.
            (.actorPaused, "w", #"{"version":3,"node":"n1"}"#, false, 0, 0),
            (.actorPaused, "w", #"{"version":3,"node":"n1","corrects":3}"#, false, 0, 0),
            (.actorPaused, "w", #"{"version":3,"node":"n1","corrects":4}"#, true, 0, 0),
            // On a worker that nobody knows yet, and then on it.
            (.actorRunning, "v", #"{"version":3,"corrects":7}"#, true, 1, 0),
            (.workerReady, nil, #"{"node":"n1","slots":1}"#, true, 1, 0),
            (.actorRunning, "v", #"{"version":3}"#, false, 1, 0),
            (.actorRunning, "v", #"{"version":3,"corrects":8}"#, true, 1, 1),
            // From one that is known to one that isn't: the slot is free.
            (.actorRunning, "u", #"{"version":5,"corrects":11}"#, true, 1, 0),
            (.actorSuspended, "u", #"{"version":4,"corrects":12}"#, false, 1, 0),
            (.actorCrashed, "u", #"{"version":6,"corrects":12}"#, true, 0, 0),
            (.actorRequested, nil, "{}", true, 0, 0),
            (.actorWithdrawn, nil, #"{"corrects":14}"#, false, 0, 0),
            (.actorWithdrawn, nil, #"{"corrects":15}"#, true, 0, 0),
            (.actorDeleted, nil, #"{"corrects":15}"#, false, 0, 0),
            (.actorDeleted, nil, #"{"corrects":17}"#, true, 0, 0),
        ]
        try written.append { batch in
            batch.append(.workerReady, source: "/test", id: "w", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
            batch.append(.actorCreated, source: "/test", id: "a", subject: "a", pool: "ns/p")
        }
        for (number, step) in steps.enumerated() {
            let isWorker = step.kind.subject == .worker
            try written.append { batch in
                batch.append(
                    step.kind, source: "/test", id: "\(number)", subject: isWorker ? step.kind == .workerGone ? "w" : "v" : "a",
                    pool: step.kind.carriesPool ? "ns/p" : nil, worker: step.worker, body: Array(step.body.utf8))
            }
        }
        var state = State()
        for commit in try written.log.read(after: 0, limitEvents: .max) {
            let change = state.fold(commit, names: written.log.names)
            guard commit.firstSeq > 2 else { continue }
            let step = steps[Int(commit.firstSeq) - 3]
            #expect(change.superseded.isEmpty == step.counts, "\(commit.firstSeq) \(step.kind.name) \(step.body)")
            let pool = try #require(written.log.names.find("ns/p"))
            let levels = try #require(state.levels(of: pool))
            #expect((levels.resident, levels.busy) == (step.residents, step.busy), "\(commit.firstSeq) \(step.kind.name)")
        }
        #expect(try State(decoding: state.encoded()).encoded() == state.encoded())
    }

    @Test("what a commit changed of what is placed is told to whoever places, and to nobody else")
    func news() throws {
        let written = try WrittenLog()
        try written.append { batch in
            batch.append(.workerReady, source: "/test", id: "1", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
            batch.append(.actorRequested, source: "/test", id: "2", subject: "a", pool: "ns/p")
        }
        let commit = try #require(try written.log.read(after: 0, limitEvents: .max).first)
        var (placing, reading) = (State(), State())
        _ = placing.fold(commit, names: written.log.names, placing: true)
        _ = reading.fold(commit, names: written.log.names)
        #expect(placing.news.tickets.map(\.turn.seq) == [2] && placing.news.workers.count == 1)
        #expect(reading.news.tickets.isEmpty && reading.news.workers.isEmpty && reading.news.pools.isEmpty)
        #expect(placing.encoded() == reading.encoded())
    }

    @Test("a state that is read back at any position folds on to the same bytes", arguments: [1, 2, 3] as [UInt64])
    func foldedOn(seed: UInt64) throws {
        let written = try WrittenLog()
        var draws = SplitMix64(seed: seed)
        for number in 1...90 {
            try written.append { batch in
                let worker = "w\(Int.random(in: 0..<7, using: &draws))"
                let actor = "a\(Int.random(in: 0..<7, using: &draws))"
                let kinds: [EventKind] = [.workerReady, .workerGone, .actorCreated, .actorRequested, .actorDeleted]
                let kind = kinds[Int.random(in: 0..<kinds.count, using: &draws)]
                let isWorker = kind.subject == .worker
                let body = kind == .workerReady ? #"{"node":"n1","slots":2}"# : kind == .workerGone ? #"{"reason":"test"}"# : "{}"
                batch.append(
                    kind, source: "/test", id: "\(number)", subject: isWorker ? worker : actor,
                    pool: kind.carriesPool ? "ns/p" : nil, body: Array(body.utf8))
            }
        }
        let commits = try written.log.read(after: 0, limitEvents: .max)
        var states = [State()]
        for commit in commits {
            var next = states[states.count - 1]
            _ = next.fold(commit, names: written.log.names)
            states.append(next)
        }
        let last = try #require(states.last).encoded()
        for state in states.dropFirst() {
            var folded = try State(decoding: state.encoded())
            for commit in commits where commit.firstSeq > folded.position { _ = folded.fold(commit, names: written.log.names) }
            #expect(folded.encoded() == last, "from position \(state.position)")
        }
    }

    @Test("more conditions than are told apart: a decision is the same from the live state and from its bytes")
    func manyConditions() throws {
        let written = try WrittenLog()
        func query(_ actor: String, _ kind: String) throws {
            try written.append {
                $0.append(
                    .actorRequested, source: "/test", id: actor, subject: actor, pool: "ns/p",
                    body: Array(#"{"selector":{"kind":"\#(kind)"}}"#.utf8))
            }
        }
        try written.append { batch in
            batch.append(.policyApplied, source: "/test", id: "1", subject: "ns/p", pool: "ns/p", body: WrittenLog.policy)
            batch.append(.workerReady, source: "/test", id: "2", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
            batch.append(.actorRequested, source: "/test", id: "3", subject: "first", pool: "ns/p")
        }
        try written.append {
            $0.append(
                .actorPlaced, source: CommittedEvent.ownSource, id: "4", subject: "first", worker: "w",
                body: Array(#"{"tier":"cold","request":3,"workerVersion":2}"#.utf8))
        }
        for number in 0...PoolPlacing.conditionLimit { try query("a\(number)", "k\(number)") }
        try written.append { $0.append(.actorWithdrawn, source: "/test", id: "w", subject: "a0") }
        var live = State()
        for commit in try written.log.read(after: 0, limitEvents: .max) { _ = live.fold(commit, names: written.log.names) }
        var restored = try State(decoding: live.encoded())
        try query("b", "k\(PoolPlacing.conditionLimit)")
        for commit in try written.log.read(after: live.position, limitEvents: .max) {
            _ = live.fold(commit, names: written.log.names)
            _ = restored.fold(commit, names: written.log.names)
        }
        let pool = try #require(written.log.names.find("ns/p"))
        let (decision, again) = (try #require(live.decision(for: pool)), try #require(restored.decision(for: pool)))
        #expect(String(decoding: decision.body, as: UTF8.self) == String(decoding: again.body, as: UTF8.self))
        #expect(live.encoded() == restored.encoded())
    }
}

private final class WrittenLog {
    let log: EventLog
    private let folder: URL

    static let policy: [UInt8] = {
        var policy = Policy(pool: "ns/p", target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "p"))
        policy.maxReplicaCount = 10
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        var canonical = JSONWriter()
        policy.appendCanonicalJSON(to: &canonical)
        return Array(#"{"policy":\#(canonical.text),"digest":"d"}"#.utf8)
    }()

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-state-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { LogTime(microseconds: 1_000_000) }
        log = try EventLog.open(configuration)
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// One commit.
    func append(_ fill: (inout EventBatch) -> Void) throws {
        var batch = EventBatch()
        fill(&batch)
        log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
    }
}
