import EventLog
import HTTPService
import JetStreamLog
import Machine
import NATSClient

// Is this instance of use to those who ask it?
//
// It is while it follows the stream and somebody leads. Reads are answered in any case, and say which position they are of
// (`Greenroom-Position`); the sentence here says how old that is.

enum StreamReadiness {
    static func judge(_ log: EventLog, _ commits: JetStreamCommits, _ settings: JetStreamLogConfiguration) -> ReadinessCheck.Result {
        guard let status = log.replicaStatus else { return .failing("the log is closed") }
        let age = "reads are of position \(log.head.seq), as of \(rounded(status.heardSeconds)) s ago"
        if let problem = status.problem { return .failing("\(problem); \(age)") }
        switch commits.js.client.state {
        case .closed: return .failing("the connection to NATS is closed; \(age)")
        case .connecting(let problem):
            return .failing("not connected to NATS: \(problem.map { "\($0)" } ?? "no server has greeted yet"); \(age)")
        case .connected: break
        }
        if status.leader.isEmpty { return .failing("no instance leads at the moment; \(age)") }
        if status.isLeader, !status.mayAct(at: MeasuringClock.microseconds()) {
            return .failing(
                "this instance leads and acts no more: the stream has taken none of its messages for \(rounded(status.heardSeconds)) s, as it has no quorum or can't be reached; \(age)"
            )
        }
        // The leader speaks after a third of its lease at the latest.
        if !status.isLeader, status.heardSeconds > settings.leaseSeconds {
            return .failing(
                "nothing has come from the stream for \(rounded(status.heardSeconds)) s, where the leader \(status.leader) should have spoken: the stream has no quorum, or that instance is gone; \(age)"
            )
        }
        if commits.behind > behindMost { return .failing("\(commits.behind) messages of the stream aren't applied yet; \(age)") }
        return .note(status.isLeader ? "this instance leads, fence \(status.fence)" : "\(status.leader) leads, fence \(status.fence)")
    }

    /// Messages that an instance may have before it and still be of use.
    private static let behindMost: UInt64 = 1_000

    private static func rounded(_ seconds: Double) -> Double { (seconds * 10).rounded() / 10 }
}
