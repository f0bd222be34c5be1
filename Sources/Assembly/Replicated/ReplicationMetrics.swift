import EventLog
import JetStreamLog
import Machine
import Metrics

// How does this instance stand in the stream, in figures?

struct ReplicationMetrics: Sendable {
    private let fence = Gauge(label: "greenroom_log_fence")
    private let sequence = Gauge(label: "greenroom_log_stream_sequence")
    private let behind = Gauge(label: "greenroom_log_stream_behind_messages")
    private let heard = Gauge(label: "greenroom_log_heard_age_seconds")
    private let waiting = Gauge(label: "greenroom_log_handed_over_waiting")

    /// What became of a publish of this instance's.
    func count(_ answer: StreamAnswer) {
        Counter(label: "greenroom_log_publishes_total", dimensions: [("answer", answer.name)]).increment()
    }

    func show(_ status: ReplicaStatus, behind messages: UInt64, handedOver: Int) {
        LeaderGauge.show(status.mayAct(at: MeasuringClock.microseconds()))
        fence.record(Double(status.fence))
        sequence.record(Double(status.sequence))
        behind.record(Double(messages))
        heard.record(status.heardSeconds)
        waiting.record(handedOver)
    }
}

extension ReplicaStatus {
    /// Since this instance last published or applied a message.
    var heardSeconds: Double { max(0, Double(MeasuringClock.microseconds() - heardAt) / 1e6) }
}

extension StreamAnswer {
    fileprivate var name: String {
        switch self {
        case .stored: "stored"
        case .wrongSequence: "wrong_sequence"
        case .busy: "busy"
        case .noLeader: "no_leader"
        case .refused: "refused"
        case .notSent: "not_sent"
        case .silence: "silence"
        }
    }
}
