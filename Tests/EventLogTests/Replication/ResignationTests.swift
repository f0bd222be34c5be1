import Domain
import Testing

@testable import EventLog

/// A leader that ends in good order hands the lead over, and can't write afterwards.
@Suite("Handing the lead over")
struct ResignationTests {
    @Test("after a resignation another leads at once; without one it waits for the lease")
    func atOnce() throws {
        let replicas = try Replicas()
        let first = try replicas.open("a")
        try first.appendNow(.one("turn-1"))
        let second = try replicas.open("b", session: 2)
        let third = try replicas.open("c", session: 3)
        for log in [second, third] { while log.followStream(tends: false) {} }
        // Silence alone makes nobody stand before the lease is over.
        replicas.twin.advance(microseconds: 1_000_000)
        second.followStream()
        #expect(second.replicaStatus?.isLeader == false)

        #expect(try first.resign())
        #expect(first.replicaStatus?.isLeader == false)
        #expect(throws: AppendError.self) { try first.appendNow(.one("late")) }
        second.followStream(tends: false)
        #expect(second.replicaStatus?.leader == "")
        second.followStream()
        #expect(second.replicaStatus?.isLeader == true)
        try second.appendNow(.one("turn-2"))
        // The one that resigned stands for no election any more, however long it is silent.
        replicas.twin.advance(microseconds: 100_000_000)
        for _ in 0..<3 { first.followStream() }
        #expect(first.replicaStatus?.leader == "b")
        #expect(try !first.campaign())
        third.followStream(tends: false)
        #expect(try facts(replicas.path("a")) == facts(replicas.path("b")))
        #expect(try facts(replicas.path("c")) == facts(replicas.path("b")))
    }

    @Test("whoever starts after all have resigned leads without waiting for a lease")
    func allResigned() throws {
        let replicas = try Replicas()
        let first = try replicas.open("a")
        try first.appendNow(.one("turn-1"))
        #expect(try first.resign())
        first.close()
        let again = try replicas.open("a", session: 2)
        again.followStream()
        again.followStream()
        #expect(again.replicaStatus?.isLeader == true)
        try again.appendNow(.one("turn-2"))
        #expect(again.head.seq == 2)
    }

    @Test("what the leader of a fence wrote after it resigned is refused")
    func writtenAfter() throws {
        let replicas = try Replicas()
        let first = try replicas.open("a")
        try first.appendNow(.one("turn-1"))
        let commit = try #require(replicas.twin.bytes(at: replicas.twin.last))
        let fence = try #require(first.replicaStatus?.fence)
        var resignation = try ReplicaMessage(commit)
        guard case .commit(let content) = resignation.content else { return }
        resignation.previous = content.link
        resignation.content = .resignation(fence: fence)
        let link = StreamLink(replicas.twin)
        #expect(link.publish(try resignation.encoded(), expecting: replicas.twin.last).answer() == .stored(replicas.twin.last))
        var heartbeat = resignation
        heartbeat.content = .heartbeat(fence: fence)
        _ = link.publish(try heartbeat.encoded(), expecting: replicas.twin.last).answer()
        let follower = try replicas.open("b", session: 2)
        while follower.followStream(tends: false) {}
        #expect(follower.replicaStatus?.problem?.contains("wrote it after it had resigned") == true)
        #expect(follower.head.seq == 1)
    }
}
