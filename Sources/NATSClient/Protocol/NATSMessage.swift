// What came, or what goes out?

package struct NATSMessage: Hashable, Sendable {
    package var subject: String
    /// Which subscription it came for. A message of a stream keeps its own subject, so this alone says whose it is.
    package var subscription: UInt64
    package var reply: String?
    package var headers: NATSHeaders
    /// Set where the server speaks itself.
    package var status: NATSStatus?
    package var payload: [UInt8]

    package init(
        subject: String, subscription: UInt64 = 0, reply: String? = nil, headers: NATSHeaders = [], status: NATSStatus? = nil,
        payload: [UInt8] = []
    ) {
        self.subject = subject
        self.subscription = subscription
        self.reply = reply
        self.headers = headers
        self.status = status
        self.payload = payload
    }

    /// Nobody listens on the subject that was asked. A message of a user never has a status.
    package var saysNoResponders: Bool { status?.code == NATSStatus.noResponders && payload.isEmpty }

    /// What it counts for in a buffer.
    var bytes: Int { payload.count + subject.utf8.count + headers.fields.reduce(128) { $0 + $1.name.utf8.count + $1.value.utf8.count } }
}
