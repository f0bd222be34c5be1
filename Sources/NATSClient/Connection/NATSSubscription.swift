// What comes for a subject?
//
// One reader takes the messages in order. After a reconnect the subscription is made again; what was sent in between is gone, as core
// NATS keeps nothing. Whoever can't lose messages reads a stream.

package final class NATSSubscription: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Messages that wait for the reader.
        package var messages = 4_096
        package var bytes = 64 << 20

        package init(messages: Int = 4_096, bytes: Int = 64 << 20) {
            self.messages = messages
            self.bytes = bytes
        }
    }

    package let subject: String
    let sid: UInt64
    let mailbox: Mailbox
    private let client: NATSClient

    init(_ subject: String, sid: UInt64, mailbox: Mailbox, client: NATSClient) {
        self.subject = subject
        self.sid = sid
        self.mailbox = mailbox
        self.client = client
    }

    deinit { client.unsubscribe(sid) }

    /// The next message. Throws `.closed` after `cancel()` or the client's shutdown, `.slowReader` when messages were dropped.
    package func next() async throws(NATSError) -> NATSMessage {
        while true {
            switch await mailbox.take(within: nil) {
            case .item(.message(let message)): return message
            case .item(.interrupted), .nothingInTime: continue
            case .ended(let error): throw error
            }
        }
    }

    package func cancel() {
        client.unsubscribe(sid)
        mailbox.end(.closed)
    }
}
