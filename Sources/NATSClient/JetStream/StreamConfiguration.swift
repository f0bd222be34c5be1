// How is a stream set up?
//
// Only what is set is asked for and compared afterwards. A server before 2.14 ignores fields that it doesn't know and answers as if all
// were well, so an answer counts only when it says back what was asked.

package struct StreamConfiguration: Hashable, Sendable, Codable {
    package enum Discard: String, Hashable, Sendable, Codable { case old, new }
    package enum Storage: String, Hashable, Sendable, Codable { case file, memory }

    package enum Compression: String, Hashable, Sendable, Codable { case none, s2 }

    package var name: String
    package var subjects: [String]?
    package var description: String?
    package var storage: Storage?
    package var replicas: Int?
    /// Of what is stored in files.
    package var compression: Compression?
    package var discard: Discard?
    package var maxMessages: Int64?
    package var maxBytes: Int64?
    /// Nanoseconds; 0 keeps messages for ever.
    package var maxAge: Int64?
    package var maxMessagesPerSubject: Int64?
    package var maxMessageBytes: Int64?
    /// Nanoseconds within which a message id counts.
    package var duplicateWindow: Int64?
    package var allowsDirectGet: Bool?
    package var allowsRollup: Bool?
    package var deniesDelete: Bool?
    package var deniesPurge: Bool?
    package var allowsAtomicBatches: Bool?
    package var allowsMessageTTL: Bool?
    package var firstSequence: UInt64?

    package init(name: String, subjects: [String]) {
        self.name = name
        self.subjects = subjects
    }

    enum CodingKeys: String, CodingKey {
        case name, subjects, description, storage, discard, compression
        case replicas = "num_replicas"
        case maxMessages = "max_msgs"
        case maxBytes = "max_bytes"
        case maxAge = "max_age"
        case maxMessagesPerSubject = "max_msgs_per_subject"
        case maxMessageBytes = "max_msg_size"
        case duplicateWindow = "duplicate_window"
        case allowsDirectGet = "allow_direct"
        case allowsRollup = "allow_rollup_hdrs"
        case deniesDelete = "deny_delete"
        case deniesPurge = "deny_purge"
        case allowsAtomicBatches = "allow_atomic"
        case allowsMessageTTL = "allow_msg_ttl"
        case firstSequence = "first_seq"
    }

    /// Where `answer` isn't what this asks for, in words. What this leaves open counts for nothing.
    package func differences(from answer: StreamConfiguration) -> [String] {
        var found: [String] = []
        func compare<Value: Equatable>(_ key: CodingKeys, _ wanted: Value?, _ has: Value?, absent: Value? = nil) {
            guard let wanted, wanted != has ?? absent else { return }
            found.append("\(key.rawValue) should be \(wanted) and is \(has.map { "\($0)" } ?? "not there")")
        }
        compare(.name, name, answer.name)
        compare(.subjects, subjects?.sorted(), answer.subjects?.sorted())
        compare(.description, description, answer.description, absent: "")
        compare(.storage, storage, answer.storage)
        compare(.replicas, replicas, answer.replicas)
        compare(.compression, compression, answer.compression, absent: Compression.none)
        compare(.discard, discard, answer.discard)
        compare(.maxMessages, maxMessages, answer.maxMessages)
        compare(.maxBytes, maxBytes, answer.maxBytes)
        compare(.maxAge, maxAge, answer.maxAge)
        compare(.maxMessagesPerSubject, maxMessagesPerSubject, answer.maxMessagesPerSubject)
        compare(.maxMessageBytes, maxMessageBytes, answer.maxMessageBytes)
        compare(.duplicateWindow, duplicateWindow, answer.duplicateWindow)
        compare(.allowsDirectGet, allowsDirectGet, answer.allowsDirectGet, absent: false)
        compare(.allowsRollup, allowsRollup, answer.allowsRollup, absent: false)
        compare(.deniesDelete, deniesDelete, answer.deniesDelete, absent: false)
        compare(.deniesPurge, deniesPurge, answer.deniesPurge, absent: false)
        compare(.allowsAtomicBatches, allowsAtomicBatches, answer.allowsAtomicBatches, absent: false)
        compare(.allowsMessageTTL, allowsMessageTTL, answer.allowsMessageTTL, absent: false)
        compare(.firstSequence, firstSequence, answer.firstSequence, absent: 0)
        return found
    }
}
