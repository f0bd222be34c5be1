// What is about to be appended?
//
// An `EventBatch` is checked events that have no position yet: one run of bytes, and a small record an event that points
// into it. A hundred events cost two allocations. Whoever builds one by hand vouches for the kind's required fields.

/// Sizes that what comes from outside may not exceed.
package enum EventLimits {
    /// One event in its JSON form.
    package static let eventBytes = 65_536
    package static let idBytes = 1_024
    /// Names: subjects, sources, pools, workers, nodes, templates, tenants, metrics.
    package static let nameBytes = 512
    /// `NAMESPACE/NAME`, as the log may write it.
    package static let qualifiedNameBytes = 2 * nameBytes + 1
    /// Attributes of one event beyond those CloudEvents defines.
    package static let extensionAttributes = 64
    /// Events of one request.
    package static let eventsPerBatch = 10_000

    // Numbers that are more than compared. What an event of an older log says beyond them is taken as it stands there.

    /// Replicas of a target: Kubernetes holds them in 32 bits.
    package static let replicas = Int64(Int32.max)
    /// Actors that one worker can host.
    package static let slots: Int64 = 65_536
    /// Of a snapshot: what every JSON reader holds exactly, 9 petabytes.
    package static let snapshotBytes: Int64 = 1 << 53
    /// Milliseconds of a turn or a restore: a year.
    package static let millis: Int64 = 31_536_000_000
    /// How long a worker may be silent, at most: a day.
    package static let leaseSeconds: Int64 = 86_400
}

package struct DraftEvent: Hashable, Sendable {
    /// What subject and worker say.
    package enum Names: UInt8, Hashable, Sendable {
        /// Names as they were sent: the log's writer finds out who is meant.
        case sent
        /// Names as this log holds them, of whatever namespace: the loop read them there.
        case exact
        /// The same of a log that is made again, and nothing is to be added.
        case stored
    }

    package var kind: EventKind
    package var source: ByteRange
    package var id: ByteRange
    package var subject: ByteRange
    /// Empty where the kind has none.
    package var pool = ByteRange.empty
    package var worker = ByteRange.empty
    /// The remaining members of `data`, as a JSON object; empty where there are none.
    package var body = ByteRange.empty
    /// The remaining context attributes, as a JSON object; empty where there are none.
    package var extensions = ByteRange.empty
    /// The producer's clock.
    package var time: LogTime?
    package var names = Names.sent

    /// The same event once `shift` bytes stand before its batch's own.
    package func shifted(by shift: UInt32) -> DraftEvent {
        var event = self
        event.source.start += shift
        event.id.start += shift
        event.subject.start += shift
        event.pool.start += shift
        event.worker.start += shift
        event.body.start += shift
        event.extensions.start += shift
        return event
    }
}

package struct EventBatch: Sendable {
    package internal(set) var bytes: [UInt8] = []
    package internal(set) var events: [DraftEvent] = []

    package init() {}

    package var isEmpty: Bool { events.isEmpty }
    package var count: Int { events.count }

    /// Adds an event made here. `body` is a JSON object without `pool` and `worker`, or empty.
    /// - Parameter isExact: subject and worker are names as the log holds them.
    package mutating func append(
        _ kind: EventKind, source: String, id: String, subject: String, pool: String? = nil, worker: String? = nil,
        time: LogTime? = nil, body: [UInt8] = [], extensions: [UInt8] = [], isExact: Bool = false
    ) {
        var event = DraftEvent(kind: kind, source: store(source.utf8), id: store(id.utf8), subject: store(subject.utf8))
        if let pool { event.pool = store(pool.utf8) }
        if let worker { event.worker = store(worker.utf8) }
        if body.count > 2 { event.body = store(body) }
        if extensions.count > 2 { event.extensions = store(extensions) }
        event.time = time
        if isExact { event.names = .exact }
        events.append(event)
    }

    /// The same for the loop, which makes many: every part is written where it will stay, and names are as the log holds them.
    package mutating func append(
        _ kind: EventKind, source: String, id: (inout [UInt8]) -> Void, subject: (inout [UInt8]) -> Void, worker: (inout [UInt8]) -> Void,
        body: (inout JSONWriter) -> Void
    ) {
        var event = DraftEvent(kind: kind, source: store(source.utf8), id: write(id), subject: write(subject))
        event.names = .exact
        event.worker = write(worker)
        event.body = write { bytes in
            var json = JSONWriter(appendingTo: bytes)
            // Written in place only while nobody else holds the bytes.
            bytes = []
            body(&json)
            bytes = json.bytes
        }
        events.append(event)
    }

    @inline(__always)
    private mutating func write(_ write: (inout [UInt8]) -> Void) -> ByteRange {
        let start = bytes.count
        write(&bytes)
        return ByteRange(start: start, count: bytes.count - start)
    }

    /// Adds all of `other`, in its order.
    package mutating func append(_ other: EventBatch) {
        let shift = UInt32(bytes.count)
        bytes.append(contentsOf: other.bytes)
        for event in other.events { events.append(event.shifted(by: shift)) }
    }

    /// Says in each event that ends something for others who did it. What its sender wrote there isn't believed.
    package mutating func setAuthor(_ name: String) {
        for k in events.indices where events[k].kind.carriesAuthor {
            let body = events[k].body
            var json = JSONWriter()
            json.openObject()
            bytes.withUnsafeBufferPointer { all in
                let body = EventBody(all, body)
                body.forEachMember { key, value in
                    if key.equals(EventKind.author) { return }
                    json.key(key.text)
                    json.raw(body.raw(value))
                }
            }
            json.member(EventKind.author, name)
            json.closeObject()
            events[k].body = store(json.bytes)
        }
    }

    /// Whether the data of an event of this batch has such a member.
    package func has(_ name: String, _ event: DraftEvent) -> Bool {
        guard !event.body.isEmpty else { return false }
        return bytes.withUnsafeBufferPointer { all in
            var isThere = false
            EventBody(all, event.body).forEachMember { key, _ in isThere = isThere || key.equals(name) }
            return isThere
        }
    }

    package func text(_ range: ByteRange) -> String { String(decoding: bytes[range.lower..<range.upper], as: UTF8.self) }

    @inline(__always)
    mutating func store(_ content: some Collection<UInt8>) -> ByteRange {
        let start = bytes.count
        bytes.append(contentsOf: content)
        return ByteRange(start: start, count: bytes.count - start)
    }
}
