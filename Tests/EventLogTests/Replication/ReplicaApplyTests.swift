import Basics
import Domain
import Synchronization
import Testing

@testable import EventLog

/// A follower's log is the leader's: every row, every name, every link.
@Suite("Applying a replicated log")
struct ReplicaApplyTests {
    @Test("after random batches all instances hold the same, and know the same", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func sameRows(seed: UInt64) throws {
        let replicas = try Replicas()
        let clock = ManualClock(noon)
        let leader = try replicas.open("a", StreamLink(replicas.twin), clock: clock.read)
        var follower = try replicas.open("b")
        var events = RandomEvents(seed: seed)
        var conflicts = 0
        for round in 0..<120 {
            clock.advance(microseconds: 1_000)
            let receipt = try leader.appendNow(events.batch())
            conflicts += receipt.conflicts.count
            if round % 7 == 0 { while follower.followStream(tends: false) {} }
            if round % 40 == 20 {
                follower.close()
                follower = try replicas.open("b", session: UInt64(round))
            }
        }
        while follower.followStream(tends: false) {}
        #expect(conflicts > 0)
        #expect(follower.head == leader.head)
        #expect(try facts(replicas.path("b")) == facts(replicas.path("a")))
        let (own, other) = (try leader.verify(), try follower.verify())
        #expect(own.isSound && other.isSound, "\(own.fault?.description ?? "") \(other.fault?.description ?? "")")
        #expect(own.lastHash == other.lastHash)
        #expect(leader.writing?.subjects.encoded() == follower.writing?.subjects.encoded())
        #expect(try leader.lines() == follower.lines())
        #expect(leader.replicaStatus?.isLeader == true && follower.replicaStatus?.isLeader == false)
        #expect(follower.replicaStatus?.leader == "a")
    }

    @Test("the rows are those of a log that is one file")
    func sameAsEmbedded() throws {
        let replicas = try Replicas()
        let replicated = try replicas.open("a")
        let embedded = try EventLog.open(.test(replicas.path("embedded")))
        var (one, other) = (RandomEvents(seed: 9), RandomEvents(seed: 9))
        for _ in 0..<100 {
            let (mine, theirs) = (try replicated.appendNow(one.batch()), try embedded.appendNow(other.batch()))
            #expect(mine == theirs)
        }
        #expect(try replicated.lines() == embedded.lines())
    }

    @Test("an instance that takes over knows every id, and writes what the first one would have written")
    func takesOver() throws {
        let replicas = try Replicas()
        let first = try replicas.open("a")
        let second = try replicas.open("b", session: 2)
        for k in 0..<100 { try first.appendNow(.one("id-\(k)")) }
        while second.followStream(tends: false) {}
        #expect(try second.campaign())
        #expect(second.replicaStatus?.isLeader == true)
        let repeated = try second.appendNow(.ids((0..<100).map { "id-\($0)" }))
        #expect(repeated.accepted == 0 && repeated.duplicates == 100)
        #expect(try second.appendNow(.one("new")).positions == [101])
        // The deposed one can't write, and says who leads.
        let refused = #expect(throws: AppendError.self) { try first.appendNow(.one("late")) }
        #expect(refused?.description.contains("this instance doesn't lead: b does") == true, "\(refused?.description ?? "")")
        while first.followStream(tends: false) {}
        #expect(try facts(replicas.path("a")) == facts(replicas.path("b")))
        #expect(first.head.seq == 101)
    }

    @Test("readers see a commit only after the stream has taken it")
    func notBeforeTheStream() throws {
        let replicas = try Replicas()
        let log = try replicas.open("a")
        try log.appendNow(.one("id-1"))
        replicas.twin.loseQuorum()
        let refused = #expect(throws: AppendError.self) { try log.appendNow(.one("id-2")) }
        #expect(refused?.description.contains("no certain answer") == true, "\(refused?.description ?? "")")
        #expect(log.head.seq == 1)
        #expect(try log.read(after: 0, limitEvents: 10).count == 1)
        // It was stored after all: all of its copies, of which the stream takes one.
        replicas.twin.regainQuorum()
        let again = try log.appendNow(.ids(["id-2", "id-3"]))
        #expect(again.positions.first == 2 && log.head.seq == 3, "\(again.positions)")
        #expect(try log.verify().isSound)
    }

    @Test("what an instance lost of its file it reads again")
    func lostFile() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<50 { try leader.appendNow(.one("id-\(k)")) }
        let fresh = try replicas.open("c")
        while fresh.followStream(tends: false) {}
        #expect(try facts(replicas.path("c")) == facts(replicas.path("a")))
    }
}
