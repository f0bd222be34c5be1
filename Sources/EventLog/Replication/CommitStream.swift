// What does the log need of a replicated stream?
//
// A sequence of messages that only grows at its end, and a publish that the stream takes only if the last sequence is the expected one.
// Nothing else is believed: an answer that doesn't come says nothing, a read may be behind, and only an accepted publish proves who
// may write. Called by the log's writer alone, which may wait: an implementation over a network bounds each wait.

package protocol CommitStream: AnyObject, Sendable {
    /// Bytes of a message that the server takes, without the headers that the implementation adds.
    var messageBytesLimit: Int { get }

    /// What the stream says of itself now.
    func status() throws(StreamTrouble) -> StreamStatus

    /// Sends `bytes`, to be stored as `last` + 1 or not at all, and returns before the answer. Messages leave in the order of the calls.
    func publish(_ bytes: [UInt8], expecting last: UInt64) -> any StreamPublication

    /// The message at `sequence`, as the stream's leader has it; nil where it has none, which may be out of date.
    func entry(at sequence: UInt64) throws(StreamTrouble) -> StreamEntry?

    /// Messages after `sequence` that have arrived, in order and without a gap among them, at most `limit`. Returns at once.
    func entries(after sequence: UInt64, limit: Int) throws(StreamTrouble) -> [StreamEntry]

    /// Others may write from here on: what this process published last need not be the end any more.
    func expectOthers()

    /// Waits before attempt number `attempt` to ask again, from 1: 50 to 200 ms, with jitter.
    func pause(_ attempt: Int)
}

extension CommitStream {
    package func expectOthers() {}
}

package protocol StreamPublication {
    /// Waits for the answer, at most as long as the implementation waits for one.
    func answer() -> StreamAnswer
}

/// What became of a publish.
package enum StreamAnswer: Hashable, Sendable {
    /// A quorum has it.
    case stored(UInt64)
    /// Another message has that sequence, or will have: perhaps an earlier copy of this one (10071).
    case wrongSequence
    /// An earlier copy is on its way (10158).
    case busy
    /// Nobody answers for the stream: an election, or there is none (503). This copy wasn't stored.
    case noLeader
    /// Refused for another reason: this copy wasn't stored.
    case refused(String)
    /// It never left this process.
    case notSent(String)
    /// Sent, and no answer came: it may be stored, or may be yet.
    case silence(String)

    /// Whether this copy may still turn up in the stream.
    var mayBeStored: Bool {
        if case .silence = self { return true }
        return false
    }
}

package struct StreamEntry: Hashable, Sendable {
    package var sequence: UInt64
    package var bytes: [UInt8]

    package init(sequence: UInt64, bytes: [UInt8]) { (self.sequence, self.bytes) = (sequence, bytes) }
}

package struct StreamStatus: Hashable, Sendable {
    package var name: String
    /// When it was made, in the server's words. A stream that was deleted and made anew has another.
    package var created: String
    /// Of the first message that is still there; `last` + 1 where there is none.
    package var first: UInt64
    /// 0 before the first message ever.
    package var last: UInt64

    package init(name: String, created: String, first: UInt64, last: UInt64) {
        (self.name, self.created, self.first, self.last) = (name, created, first, last)
    }
}

package enum StreamTrouble: Error, Hashable, Sendable, CustomStringConvertible {
    /// It passes by itself: no connection, no quorum, an election.
    case unavailable(String)
    /// There is no such stream.
    case missing
    /// It was deleted and made anew.
    case replaced(was: String, is: String)
    /// What comes next was purged; the stream begins at `first`.
    case purged(first: UInt64)
    /// The stream, its server or its settings can't be used as they are. No time mends it.
    case unfit(String)

    package var description: String {
        switch self {
        case .unavailable(let problem), .unfit(let problem): problem
        case .missing: "the stream isn't there"
        case .replaced(let was, let new): "the stream was made anew at \(new); this log follows the one of \(was)"
        case .purged(let first): "the stream begins at sequence \(first)"
        }
    }
}
