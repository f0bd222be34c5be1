// What travels between the instances of a replicated log?
//
// A message of the stream is a commit, an election, a heartbeat or a resignation. Each names the log it belongs to and the chain link that stands
// before it, so whoever reads it can tell whether it continues what was applied. A commit carries results, never requests:
// positions, numbers of names, log time, the link that follows. `docs/replication.md` has the bytes.

package import Domain

/// One message of the stream.
package struct ReplicaMessage: Sendable {
    package enum Content: Sendable {
        /// Events that were written together.
        case commit(CommitContent)
        /// `instance` leads from here on, if the stream takes the message. Its sequence is the fence. `session` tells two processes of one
        /// name apart.
        case election(instance: String, session: UInt64)
        /// The leader of `fence` is still there.
        case heartbeat(fence: UInt64)
        /// The leader of `fence` has stopped acting, and leads no more: the next one needn't wait for its lease to end.
        case resignation(fence: UInt64)
    }

    package var logID: [UInt8]
    /// The link of the last commit before this message.
    package var previous: [UInt8]
    package var content: Content

    package init(logID: [UInt8], previous: [UInt8], content: Content) {
        (self.logID, self.previous, self.content) = (logID, previous, content)
    }

    static let logIDBytes = 16
    /// Of the name of an instance.
    package static let instanceBytesLimit = 256
    /// No server takes a larger message.
    package static let bytesLimit = 64 << 20
}

/// A commit, as it stands in the file.
package struct CommitContent: Sendable {
    /// The leader's that wrote it.
    package var fence: UInt64
    /// The link after it.
    package var link: [UInt8]
    /// Names that the log had before; the new ones have the numbers after this.
    package var namesBefore: UInt32
    /// Names that this commit brings, in order.
    package var newNames: [[UInt8]]
    var staged: StagedCommit

    package var batch: CommittedBatch { staged.batch }
    package var firstSeq: Position { staged.firstSeq }
    package var lastSeq: Position { staged.lastSeq }

    init(fence: UInt64, link: [UInt8], namesBefore: UInt32, newNames: [[UInt8]], staged: StagedCommit) {
        (self.fence, self.link, self.namesBefore, self.newNames, self.staged) = (fence, link, namesBefore, newNames, staged)
    }
}

/// Bytes that are no message of this version.
package enum ReplicaMessageFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another program's, or damaged.
    case malformed(offset: Int, problem: String)
    /// Written by a newer version: `what` names what isn't known here.
    case newer(what: String)
    /// The commit doesn't fit into one message of the stream.
    case tooLarge(bytes: Int, limit: Int)

    package var description: String {
        switch self {
        case .malformed(let offset, let problem): "at byte \(offset): \(problem)"
        case .newer(let what): "\(what): a newer version wrote it; upgrade this instance, then it continues from here"
        case .tooLarge(let bytes, let limit):
            "as one message it has \(bytes) bytes, and the stream's server takes at most \(limit): send fewer or smaller events in one request, or raise the server's max_payload"
        }
    }
}
