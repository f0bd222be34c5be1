// How does an instance take part in a replicated log?

import Domain
import Machine

package struct ReplicaSettings: Sendable {
    package var stream: any CommitStream
    /// This instance's name: what its election says.
    package var instance: String
    /// Random for each process: a second one of the same name isn't taken for this one.
    package var session: UInt64
    /// How long the leader may act after its last accepted publish was sent.
    package var leaseMicroseconds: Int64 = 15_000_000
    /// Commits that wait for the stream's answer together.
    package var inFlight = 16
    /// Messages read and applied in one transaction.
    package var applyEntries = 256
    /// After so long without a certain answer, callers are told to come again.
    package var settleMicroseconds: Int64 = 30_000_000
    /// A clock that nobody sets.
    package var clock: @Sendable () -> Int64 = { MeasuringClock.microseconds() }
    /// A part of the lease, from 0 to 1, by which an instance waits longer before it stands for election.
    package var jitter: @Sendable () -> Double = { Double.random(in: 0..<1) }

    package init(stream: any CommitStream, instance: String, session: UInt64) {
        precondition(
            !instance.isEmpty && instance.utf8.count <= ReplicaMessage.instanceBytesLimit,
            "an instance's name has 1 to \(ReplicaMessage.instanceBytesLimit) bytes; this one has \(instance.utf8.count)")
        (self.stream, self.instance, self.session) = (stream, instance, session)
    }
}

/// Where an instance stands in a replicated log.
package struct ReplicaStatus: Hashable, Sendable {
    /// The stream's last sequence that is applied here.
    package var sequence: UInt64
    /// The last election that is applied here; 0 before the first.
    package var fence: UInt64
    /// Who won it.
    package var leader: String
    /// On the settings' clock: when this instance last applied or published something, and when it opened the log where it did neither.
    package var heardAt: Int64
    /// This process won it. It may write; whether it may act is a question of time: `mayActUntil`.
    package var isLeader: Bool
    /// On the settings' clock; nil for an instance that doesn't lead.
    package var mayActUntil: Int64?
    /// Why nothing more is applied or written, until a person looks at it; nil where all is well.
    package var problem: String?

    /// Whether this process may act at `now`, on the settings' clock.
    package func mayAct(at now: Int64) -> Bool { isLeader && mayActUntil.map { now < $0 } ?? false }

    /// Whether another leads, or whether this one may go on at all.
    func isOtherLead(than other: ReplicaStatus) -> Bool {
        (fence, leader, isLeader, problem) != (other.fence, other.leader, other.isLeader, other.problem)
    }
}
