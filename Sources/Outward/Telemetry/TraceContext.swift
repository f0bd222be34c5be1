import Basics
import Crypto
package import Domain

// In which trace is a turn, and under which ids?
//
// W3C Trace Context: whoever asks for an actor may send `traceparent` as an attribute of `actor.requested`, and the turn is then
// part of that trace. Others are in the trace of their actor, so one trace shows an actor on all its workers. Ids are hashes
// of what is in the log: a restart, or another instance, sends the same spans under the same ids.

package struct TraceContext: Hashable, Sendable {
    /// 16 bytes, not all zero.
    package var traceID: [UInt8]
    /// Of the turn itself: 8 bytes, not all zero.
    package var spanID: [UInt8]
    /// The span of whoever asked; empty where nobody said.
    package var parent: [UInt8] = []
    package var isSampled = true

    /// - Parameter seq: where the turn began.
    package init(logID: String, actor: String, seq: Position, traceparent: String?) {
        spanID = Self.span("turn", logID, seq)
        if let traceparent, let (trace, parent, flags) = Self.parse(traceparent) {
            (traceID, self.parent, isSampled) = (trace, parent, flags & 1 == 1)
        } else {
            traceID = Self.hash("actor/\(logID)/\(actor)", 16)
        }
    }

    /// Of the turn that an event begins.
    package init(logID: String, of event: CommittedEvent, in batch: CommittedBatch, names: some NameReading) {
        self.init(logID: logID, actor: Self.actor(event, names), seq: event.seq, traceparent: batch.traceparent(of: event))
    }

    /// `NAMESPACE/NAME`: the log may hold it without its namespace.
    static func actor(_ event: CommittedEvent, _ names: some NameReading) -> String {
        let name = names.text(of: event.subject)
        return event.pool.isNone ? name : QualifiedName.full(name, in: QualifiedName.namespace(ofPool: names.text(of: event.pool)))
    }

    /// What a worker continues the trace with.
    package var traceparent: String { "00-\(Hex.text(traceID))-\(Hex.text(spanID))-\(isSampled ? "01" : "00")" }

    static func span(_ name: String, _ logID: String, _ seq: Position) -> [UInt8] { hash("\(name)/\(logID)/\(seq)", 8) }

    private static func hash(_ text: String, _ count: Int) -> [UInt8] {
        var bytes = Array(SHA256.hash(data: Array(text.utf8)).prefix(count))
        // All zero means none.
        if bytes.allSatisfy({ $0 == 0 }) { bytes[count - 1] = 1 }
        return bytes
    }

    /// `00-<32 hex>-<16 hex>-<2 hex>`; later versions may say more behind it. nil for anything else.
    static func parse(_ text: String) -> (trace: [UInt8], span: [UInt8], flags: UInt8)? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].utf8.count == 2, parts[1].utf8.count == 32, parts[2].utf8.count == 16, parts[3].utf8.count == 2,
            parts[0] != "ff", parts[0] != "00" || parts.count == 4, bytes(parts[0]) != nil, let trace = bytes(parts[1]),
            let span = bytes(parts[2]), let flags = bytes(parts[3])?.first, trace.contains(where: { $0 != 0 }),
            span.contains(where: { $0 != 0 })
        else { return nil }
        return (trace, span, flags)
    }

    /// Lower case alone, as the recommendation has it.
    private static func bytes(_ text: Substring) -> [UInt8]? {
        var out: [UInt8] = []
        var high: UInt8?
        for byte in text.utf8 {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: return nil
            }
            if let first = high {
                out.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil ? out : nil
    }
}

extension CommittedBatch {
    /// The attribute `traceparent` of an event of this batch, as its producer sent it.
    package func traceparent(of event: CommittedEvent) -> String? {
        guard event.extensions.count > 2 else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            let attributes = EventBody(bytes, event.extensions)
            return attributes["traceparent"].flatMap { attributes.text($0) }
        }
    }

    /// Gives the event at `index` a `traceparent`, beside the attributes that it has. One that it has already stays.
    package mutating func setTraceparent(_ header: String, ofEventAt index: Int) {
        let event = events[index]
        guard traceparent(of: event) == nil else { return }
        let start = bytes.count
        bytes.append(contentsOf: #"{"traceparent":""#.utf8)
        bytes.append(contentsOf: header.utf8)
        bytes.append(UInt8(ascii: "\""))
        if event.extensions.count > 2 {
            bytes.append(UInt8(ascii: ","))
            bytes.append(contentsOf: Array(bytes[(event.extensions.lower + 1)..<event.extensions.upper]))
        } else {
            bytes.append(UInt8(ascii: "}"))
        }
        events[index].extensions = ByteRange(start: start, count: bytes.count - start)
    }
}
