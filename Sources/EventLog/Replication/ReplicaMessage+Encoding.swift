// How does a message become bytes?
//
//   "GRM" version kind · log id (16) · link before (32) · content
//
// Numbers are unsigned LEB128 in their shortest form, signed ones zigzag first. The same message always gives the same bytes.

import Domain

enum ReplicaFormat {
    static let magic = Array("GRM".utf8)
    static let version: UInt8 = 1

    enum Kind: UInt8 { case commit = 1, election = 2, heartbeat = 3, resignation = 4 }

    /// Which parts a row has.
    struct RowParts: OptionSet {
        let rawValue: UInt8
        static let idForm = RowParts(rawValue: 0b11)
        static let pool = RowParts(rawValue: 1 << 2)
        static let worker = RowParts(rawValue: 1 << 3)
        static let lag = RowParts(rawValue: 1 << 4)
        static let previous = RowParts(rawValue: 1 << 5)
        static let body = RowParts(rawValue: 1 << 6)
        static let extensions = RowParts(rawValue: 1 << 7)
    }

    /// Kind, parts, subject, source, and one byte of an id.
    static let rowBytesLeast = 5
    /// Length and one byte.
    static let nameBytesLeast = 2
    /// A namespace and a name, behind the slash of what was ambiguous.
    static let nameBytesLimit = EventLimits.qualifiedNameBytes + 1
}

extension ReplicaMessage {
    /// - Parameter limit: bytes that the stream's server takes; a larger message is refused with both numbers.
    package func encoded(limit: Int = bytesLimit) throws(ReplicaMessageFault) -> [UInt8] {
        var out = MessageWriter()
        out.bytes.reserveCapacity(sizeHint)
        out.raw(ReplicaFormat.magic)
        out.byte(ReplicaFormat.version)
        switch content {
        case .commit(let commit):
            out.byte(ReplicaFormat.Kind.commit.rawValue)
            out.raw(logID)
            out.raw(previous)
            commit.append(to: &out)
        case .election(let instance, let session):
            out.byte(ReplicaFormat.Kind.election.rawValue)
            out.raw(logID)
            out.raw(previous)
            out.fixed(session)
            out.counted(instance.utf8)
        case .heartbeat(let fence):
            out.byte(ReplicaFormat.Kind.heartbeat.rawValue)
            out.raw(logID)
            out.raw(previous)
            out.number(fence)
        case .resignation(let fence):
            out.byte(ReplicaFormat.Kind.resignation.rawValue)
            out.raw(logID)
            out.raw(previous)
            out.number(fence)
        }
        let limit = min(limit, Self.bytesLimit)
        guard out.bytes.count <= limit else { throw .tooLarge(bytes: out.bytes.count, limit: limit) }
        return out.bytes
    }

    private var sizeHint: Int {
        guard case .commit(let commit) = content else { return 128 }
        return 256 + commit.staged.batch.bytes.count + commit.staged.batch.events.count * 16
    }
}

extension CommitContent {
    fileprivate func append(to out: inout MessageWriter) {
        out.number(fence)
        out.raw(link)
        out.signed(staged.at.microseconds)
        out.number(UInt64(bitPattern: staged.firstSeq))
        out.number(UInt64(namesBefore))
        out.number(UInt64(newNames.count))
        for name in newNames { out.counted(name) }
        out.number(UInt64(staged.ids.count))
        staged.batch.bytes.withUnsafeBufferPointer { bytes in
            for (event, id) in zip(staged.batch.events, staged.ids) { append(event, id, bytes, to: &out) }
        }
    }

    private func append(_ event: CommittedEvent, _ id: StoredID, _ bytes: UnsafeBufferPointer<UInt8>, to out: inout MessageWriter) {
        var parts = ReplicaFormat.RowParts(rawValue: id.form.rawValue)
        if !event.pool.isNone { parts.insert(.pool) }
        if !event.worker.isNone { parts.insert(.worker) }
        if event.time != nil { parts.insert(.lag) }
        if event.previous != 0 { parts.insert(.previous) }
        if !event.body.isEmpty { parts.insert(.body) }
        if !event.extensions.isEmpty { parts.insert(.extensions) }
        out.byte(event.kind.rawValue)
        out.byte(parts.rawValue)
        out.number(UInt64(event.subject.rawValue))
        out.number(UInt64(event.source.rawValue))
        if !event.pool.isNone { out.number(UInt64(event.pool.rawValue)) }
        if !event.worker.isNone { out.number(UInt64(event.worker.rawValue)) }
        switch id.form {
        case .integer: out.number(id.low)
        case .uuid:
            out.fixed(id.high)
            out.fixed(id.low)
        case .text: out.counted(bytes[id.text.lower..<id.text.upper])
        }
        if let time = event.time { out.signed(staged.at.microseconds(since: time)) }
        if event.previous != 0 { out.number(UInt64(bitPattern: event.seq &- event.previous)) }
        if !event.body.isEmpty { out.counted(bytes[event.body.lower..<event.body.upper]) }
        if !event.extensions.isEmpty { out.counted(bytes[event.extensions.lower..<event.extensions.upper]) }
    }
}

private struct MessageWriter {
    var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }
    mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }

    /// Seven bits a byte, the lowest first.
    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func signed(_ value: Int64) { number(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }
    mutating func fixed(_ value: UInt64) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }

    mutating func counted(_ value: some Collection<UInt8>) {
        number(UInt64(value.count))
        bytes.append(contentsOf: value)
    }
}
