// How does a batch go from one instance to another?
//
//   version · count · events: kind · names · parts · source, id, subject, [pool], [worker], [body], [extensions], [time]
//
// Numbers are LEB128, texts a number of bytes and the bytes. It is checked events that travel, between instances of one log alone: what
// a field means was checked at the door that the events came in by. The reader checks that lengths fit, so that damage is refused.

extension EventBatch {
    private static let wireVersion: UInt8 = 1

    private struct Parts: OptionSet {
        let rawValue: UInt8
        static let pool = Parts(rawValue: 1)
        static let worker = Parts(rawValue: 2)
        static let body = Parts(rawValue: 4)
        static let extensions = Parts(rawValue: 8)
        static let time = Parts(rawValue: 16)
    }

    /// Behind what `out` holds.
    package func encode(into out: inout WireWriter) {
        out.byte(Self.wireVersion)
        out.number(UInt64(events.count))
        for event in events {
            var parts: Parts = []
            if !event.pool.isEmpty { parts.insert(.pool) }
            if !event.worker.isEmpty { parts.insert(.worker) }
            if !event.body.isEmpty { parts.insert(.body) }
            if !event.extensions.isEmpty { parts.insert(.extensions) }
            if event.time != nil { parts.insert(.time) }
            out.byte(event.kind.rawValue)
            out.byte(event.names.rawValue)
            out.byte(parts.rawValue)
            for range in [event.source, event.id, event.subject] { out.counted(bytes[range.lower..<range.upper]) }
            for range in [event.pool, event.worker, event.body, event.extensions] where !range.isEmpty {
                out.counted(bytes[range.lower..<range.upper])
            }
            if let time = event.time { out.signed(time.microseconds) }
        }
    }

    package init(from reader: inout WireReader) throws(WireReader.Fault) {
        self.init()
        guard try reader.byte() == Self.wireVersion else { throw WireReader.Fault(problem: "a batch of another version: run one version") }
        let count = try reader.number()
        guard count <= UInt64(reader.left) else { throw WireReader.Fault(problem: "it has fewer bytes than events") }
        events.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let kind = EventKind(rawValue: try reader.byte()), let names = DraftEvent.Names(rawValue: try reader.byte()) else {
                throw WireReader.Fault(problem: "an event of a kind that isn't known here: run one version")
            }
            let parts = Parts(rawValue: try reader.byte())
            var event = DraftEvent(
                kind: kind, source: store(try reader.counted()), id: store(try reader.counted()), subject: store(try reader.counted()))
            event.names = names
            if parts.contains(.pool) { event.pool = store(try reader.counted()) }
            if parts.contains(.worker) { event.worker = store(try reader.counted()) }
            if parts.contains(.body) { event.body = store(try reader.counted()) }
            if parts.contains(.extensions) { event.extensions = store(try reader.counted()) }
            if parts.contains(.time) { event.time = LogTime(microseconds: try reader.signed()) }
            events.append(event)
        }
    }
}

/// Writes numbers and texts, one after another.
package struct WireWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    package mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func signed(_ value: Int64) { number(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    package mutating func counted(_ value: some Collection<UInt8>) {
        number(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func text(_ value: String) { counted(Array(value.utf8)) }
}

/// Reads what a `WireWriter` wrote.
package struct WireReader: Sendable {
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var problem: String
        package var description: String { problem }
        package init(problem: String) { self.problem = problem }
    }

    private let bytes: [UInt8]
    private var offset = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var left: Int { bytes.count - offset }

    package mutating func byte() throws(Fault) -> UInt8 {
        guard offset < bytes.count else { throw Fault(problem: "it ends too early") }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func number() throws(Fault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let byte = try byte()
            guard shift < 63 || byte <= 1 else { throw Fault(problem: "a number is too large") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Fault(problem: "a number is too long")
    }

    package mutating func signed() throws(Fault) -> Int64 {
        let value = try number()
        return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
    }

    package mutating func counted() throws(Fault) -> ArraySlice<UInt8> {
        let count = try number()
        guard count <= UInt64(left) else { throw Fault(problem: "a text is longer than what is left") }
        defer { offset += Int(count) }
        return bytes[offset..<offset + Int(count)]
    }

    package mutating func text() throws(Fault) -> String { String(decoding: try counted(), as: UTF8.self) }
}
