import Basics
import Domain
import Foundation
import Testing

@testable import EventLog

/// Three instances, one stream, and whatever a seed brings about. Held at each step: no two may act at once. Held at the end: what was
/// acknowledged is there once, at its position, on every instance; the chains are equal; no message of a deposed leader is in the stream.
@Suite("A replicated log under faults")
struct ReplicaFaultTests {
    private struct Instance {
        var name: String
        var link: StreamLink
        var log: EventLog?
    }

    private final class Run {
        let replicas: Replicas
        var instances: [Instance] = []
        var random: SplitMix64
        var events: RandomEvents
        var acknowledged: [(batch: EventBatch, positions: [Position])] = []
        var refused: [EventBatch] = []
        var sessions: UInt64 = 0

        init(seed: UInt64) throws {
            replicas = try Replicas()
            random = SplitMix64(seed: seed)
            events = RandomEvents(seed: seed)
            for name in ["a", "b", "c"] {
                instances.append(Instance(name: name, link: StreamLink(replicas.twin, seed: random.next()), log: nil))
            }
            for index in instances.indices { try open(index) }
            for instance in instances { instance.link.set(.many) }
        }

        func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        func open(_ index: Int) throws {
            sessions += 1
            let jitter = Double(pick(0...100)) / 100
            instances[index].log = try replicas.open(
                instances[index].name, instances[index].link, session: sessions, change: { $0.replica?.jitter = { jitter } })
        }

        func step() throws {
            let index = pick(0...2)
            let instance = instances[index]
            switch pick(0...99) {
            case 0..<45: append(to: instance)
            case 45..<70: instance.log?.followStream()
            case 70..<85: replicas.twin.advance(microseconds: Int64(pick(1...25)) * 1_000_000)
            case 85..<87: replicas.twin.loseQuorum()
            case 87..<91: replicas.twin.regainQuorum()
            case 91..<93: instance.link.cut(true)
            case 93..<96: instance.link.cut(false)
            default: try end(index)
            }
            let acting = instances.filter { ($0.log?.replicaStatus?.mayActUntil ?? .min) > replicas.twin.now }
            #expect(acting.count <= 1, "\(acting.map(\.name)) may act at once")
        }

        private func append(to instance: Instance) {
            guard let log = instance.log else { return }
            // A client that was refused sends the same again, to whomever.
            let isRepeat = !refused.isEmpty && pick(0...1) == 0
            let batch = isRepeat ? refused.remove(at: pick(0...(refused.count - 1))) : events.batch(1...6)
            if let receipt = try? log.appendNow(batch) {
                acknowledged.append((batch, receipt.positions))
            } else {
                refused.append(batch)
            }
        }

        /// A process ends, or its disk is lost with it, and another takes its place.
        private func end(_ index: Int) throws {
            if let log = instances[index].log {
                log.close()
                instances[index].log = nil
                if pick(0...3) == 0 {
                    for suffix in ["", "-wal", "-shm", "-head"] {
                        try? FileManager.default.removeItem(atPath: replicas.path(instances[index].name) + suffix)
                    }
                }
            } else {
                do { try open(index) } catch let error as LogError where error.reason == .unreachable {}
            }
        }

        func heal() throws {
            replicas.twin.regainQuorum()
            for index in instances.indices {
                instances[index].link.set(.none)
                instances[index].link.cut(false)
                if instances[index].log == nil { try open(index) }
            }
            for _ in 0..<3 { for instance in instances { while instance.log?.followStream(tends: false) == true {} } }
        }
    }

    @Test("what was acknowledged is there once, everywhere", arguments: (1...24).map { UInt64($0) })
    func acknowledgedIsThere(seed: UInt64) throws {
        let run = try Run(seed: seed)
        for _ in 0..<300 { try run.step() }
        try run.heal()
        let expected = try facts(run.replicas.path("a"))
        for instance in run.instances {
            let log = try #require(instance.log)
            #expect(log.replicaStatus?.problem == nil, "seed \(seed), \(instance.name): \(log.replicaStatus?.problem ?? "")")
            #expect(try facts(run.replicas.path(instance.name)) == expected, "seed \(seed), \(instance.name)")
            let report = try log.verify()
            #expect(report.isSound, "seed \(seed), \(instance.name): \(report.fault?.description ?? "")")
            try expectAll(run.acknowledged, in: log, seed)
        }
        try expectNothingOfTheDeposed(run.replicas.twin, seed)
        // Then all goes on by itself.
        run.replicas.twin.advance(microseconds: 60_000_000)
        let log = try #require(run.instances[1].log)
        log.followStream()
        #expect(try log.appendNow(.one("the last")).accepted == 1, "seed \(seed)")
    }

    private func expectAll(_ acknowledged: [(batch: EventBatch, positions: [Position])], in log: EventLog, _ seed: UInt64) throws {
        #expect(!acknowledged.isEmpty, "seed \(seed)")
        for (batch, positions) in acknowledged {
            for (draft, position) in zip(batch.events, positions) {
                let found = try #require(try log.event(at: position), "seed \(seed), position \(position)")
                let event = try #require(found.events.first)
                #expect(found.text(event.id) == batch.text(draft.id), "seed \(seed), position \(position)")
                #expect(log.names.text(of: event.source) == batch.text(draft.source), "seed \(seed), position \(position)")
            }
        }
    }

    private func expectNothingOfTheDeposed(_ twin: StreamTwin, _ seed: UInt64) throws {
        var fence: UInt64 = 0
        for sequence in 1...twin.last {
            let bytes = try #require(twin.bytes(at: sequence))
            switch try ReplicaMessage(bytes).content {
            case .election: fence = sequence
            case .commit(let content): #expect(content.fence == fence, "seed \(seed), message \(sequence)")
            case .heartbeat(let own), .resignation(let own): #expect(own == fence, "seed \(seed), message \(sequence)")
            }
        }
    }

    @Test("several commits are in flight, and what a failure takes back is written again, once", .timeLimit(.minutes(1)))
    func inFlight() async throws {
        let replicas = try Replicas()
        let link = StreamLink(replicas.twin, seed: 3)
        let log = try replicas.open(
            "a", link,
            change: { configuration in
                configuration.writer = .thread
                configuration.limits.commitEvents = 8
                configuration.limits.dedupeTableEvents = 1_024
                configuration.replica?.leaseMicroseconds = 0
            })
        link.set(.many)
        let failures = Collector<String>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for round in 0..<25 {
                        let batch = EventBatch.ids((0..<8).map { "id-\(task * 1_000 + round * 8 + $0)" })
                        for attempt in 0... {
                            do {
                                _ = try await log.append(batch)
                                break
                            } catch {
                                failures.add("\(error)")
                                if attempt > 50 { throw error }
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(log.head.seq == 16 * 25 * 8, "\(Set(failures.all))")
        #expect(link.mostOutstanding > 1)
        #expect(try log.verify().isSound)
        log.close()
        let other = try replicas.open("b", session: 2)
        while other.followStream(tends: false) {}
        #expect(try facts(replicas.path("b")) == facts(replicas.path("a")))
    }

    @Test("a leader that hears nothing stops acting before another may begin, and the log goes on without it")
    func takeover() throws {
        let replicas = try Replicas()
        let link = StreamLink(replicas.twin)
        let first = try replicas.open("a", link)
        let second = try replicas.open("b", session: 2)
        try first.appendNow(.one("id-1"))
        while second.followStream() {}
        let until = try #require(first.replicaStatus?.mayActUntil)
        link.cut(true)
        var waited: Int64 = 0
        while second.replicaStatus?.isLeader != true, waited < 60_000_000 {
            replicas.twin.advance(microseconds: 500_000)
            waited += 500_000
            second.followStream()
        }
        #expect(second.replicaStatus?.isLeader == true)
        #expect(replicas.twin.now > until)
        #expect(try second.appendNow(.one("id-2")).positions == [2])
        link.cut(false)
        first.followStream()
        #expect(first.replicaStatus?.isLeader == false && first.head.seq == 2)
    }
}
