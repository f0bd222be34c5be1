import NIOCore

// Which bytes say this to the server?
//
// What is written here was checked before: subjects without blanks, headers without line breaks.

enum NATSWriter {
    static func publish(_ subject: String, reply: String?, head: [UInt8], payload: [UInt8], into out: inout ByteBuffer) {
        out.writeString(head.isEmpty ? "PUB " : "HPUB ")
        out.writeString(subject)
        if let reply {
            out.writeString(" ")
            out.writeString(reply)
        }
        out.writeString(head.isEmpty ? " \(payload.count)\r\n" : " \(head.count) \(head.count + payload.count)\r\n")
        out.writeBytes(head)
        out.writeBytes(payload)
        out.writeString("\r\n")
    }

    /// An upper bound of what `publish` writes.
    static func bytes(_ subject: String, reply: String?, head: [UInt8], payload: [UInt8]) -> Int {
        64 + subject.utf8.count + (reply?.utf8.count ?? 0) + head.count + payload.count
    }

    static func subscribe(_ subject: String, queue: String?, sid: UInt64, into out: inout ByteBuffer) {
        out.writeString(queue.map { "SUB \(subject) \($0) \(sid)\r\n" } ?? "SUB \(subject) \(sid)\r\n")
    }

    static func unsubscribe(_ sid: UInt64, into out: inout ByteBuffer) { out.writeString("UNSUB \(sid)\r\n") }
}
