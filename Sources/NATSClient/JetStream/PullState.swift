// What follows from what a consumer delivers?
//
// A pull consumer without acknowledgements, read in order. Its own sequence rises by one with each message; a heartbeat names the last
// one. So a message that was lost is noticed by the next one or by the next heartbeat, and a consumer that is gone by the heartbeats
// that don't come. Then another consumer is made, from behind the last message that was given: a consumer keeps nothing that is needed.

struct PullState: Sendable {
    struct Step: Hashable, Sendable {
        enum Action: Hashable, Sendable {
            case none
            /// The pull is over; ask for more.
            case pull
            /// This consumer is of no use any more.
            case remake(reason: String)
            /// It would be the same with another consumer.
            case fail(String)
        }

        var message: StoredMessage?
        var action: Action
    }

    /// The last stream sequence that was given to the reader; 0 where none was.
    private(set) var last: UInt64
    private var consumerSequence: UInt64 = 0
    private var batchLeft = 0
    private var cameSincePull = false

    /// - Parameter next: the first sequence that is wanted.
    init(next: UInt64) { last = next == 0 ? 0 : next - 1 }

    /// Where the next consumer begins.
    var next: UInt64 { last.addingReportingOverflow(1).overflow ? .max : last + 1 }

    mutating func remade() {
        consumerSequence = 0
        batchLeft = 0
        cameSincePull = false
    }

    mutating func pulled(_ batch: Int) {
        batchLeft = batch
        cameSincePull = false
    }

    mutating func received(_ message: NATSMessage) -> Step {
        if let status = message.status, message.payload.isEmpty { return Step(action: react(to: status, message.headers)) }
        guard let delivery = message.reply.flatMap(StoredMessage.Delivery.init(reply:)) else {
            return Step(action: .remake(reason: "a message came that says nothing of its sequence"))
        }
        guard delivery.consumerSequence == consumerSequence + 1, consumerSequence < .max - 1 else {
            return Step(action: .remake(reason: "after its message \(consumerSequence) came \(delivery.consumerSequence)"))
        }
        guard delivery.sequence > last else {
            return Step(action: .remake(reason: "after sequence \(last) came \(delivery.sequence)"))
        }
        consumerSequence += 1
        last = delivery.sequence
        cameSincePull = true
        batchLeft -= 1
        return Step(message: StoredMessage(message, delivery), action: batchLeft <= 0 ? .pull : .none)
    }

    private mutating func react(to status: NATSStatus, _ headers: NATSHeaders) -> Step.Action {
        switch status.code {
        case 100:
            guard let text = headers["Nats-Last-Consumer"], let named = UInt64(text) else { return .none }
            return named == consumerSequence
                ? .none : .remake(reason: "it says that it delivered \(named) messages, and \(consumerSequence) came")
        case 404, 408: return .pull
        case 400: return .fail("the pull was refused: \(status)")
        case 409 where status.text.hasPrefix("Message Size Exceeds MaxBytes"):
            // More came before this one: the next pull has room for it again.
            return cameSincePull ? .pull : .fail("the message behind \(last) is larger than what one pull takes")
        default: return .remake(reason: "it says \(status)")
        }
    }
}
