import Domain

// Reading as the service reads, and a commit as the log makes one.

enum Read {
    static func event(_ json: String, own: Bool = false) throws(EventFault) -> EventBatch { try event(Array(json.utf8), own: own) }

    static func event(_ json: [UInt8], own: Bool = false) throws(EventFault) -> EventBatch {
        var reader = CloudEventReader(acceptsOwnKinds: own)
        try json.withBytes { (bytes) throws(EventFault) in try reader.readEvent(bytes) }
        return reader.takeBatch()
    }

    static func batch(_ json: String) throws(EventFault) -> EventBatch { try batch(Array(json.utf8)) }

    static func batch(_ json: [UInt8]) throws(EventFault) -> EventBatch {
        var reader = CloudEventReader()
        try json.withBytes { (bytes) throws(EventFault) in try reader.readBatch(bytes) }
        return reader.takeBatch()
    }

    static func binary(_ attributes: [(name: String, value: String)], _ data: String = "") throws(EventFault) -> EventBatch {
        var reader = CloudEventReader()
        try data.withBytes { (bytes) throws(EventFault) in try reader.readBinary(attributes: attributes, data: bytes) }
        return reader.takeBatch()
    }

    /// What is wrong with `read`; nil where nothing is.
    static func fault(_ read: () throws(EventFault) -> EventBatch) -> EventFault? {
        do throws(EventFault) { _ = try read(); return nil } catch { return error }
    }
}

/// The log's part in small: positions, names for numbers, one time.
struct Commit {
    var batch: CommittedBatch
    var names = NameTable()

    init(
        _ drafts: EventBatch, firstSeq: Position = 41, at: LogTime = LogTime(microseconds: 1_795_246_320_000_125),
        superseded: Set<Position> = []
    ) {
        batch = CommittedBatch(at: at, events: [], bytes: drafts.bytes)
        for (k, draft) in drafts.events.enumerated() {
            let seq = firstSeq + Position(k)
            let event = CommittedEvent(
                seq: seq, kind: draft.kind, pool: number(drafts, draft.pool), subject: number(drafts, draft.subject),
                worker: number(drafts, draft.worker),
                source: number(drafts, draft.source), id: draft.id, time: draft.time, body: draft.body, extensions: draft.extensions,
                previous: 0,
                superseded: superseded.contains(seq))
            batch.events.append(event)
        }
    }

    private mutating func number(_ drafts: EventBatch, _ range: ByteRange) -> NameID {
        range.isEmpty ? .none : names.intern(drafts.text(range)) ?? .none
    }

    /// Each event as the log shows it.
    var lines: [String] {
        batch.events.map { event in
            var out: [UInt8] = []
            CloudEventWriter.append(event, of: batch, names: names, to: &out)
            return out.text
        }
    }

    /// Each as an export has it: names as they are stored.
    var stored: [String] {
        batch.events.map { event in
            var out: [UInt8] = []
            CloudEventWriter.append(event, of: batch, names: names, .asStored, to: &out)
            return out.text
        }
    }

    func data(_ index: Int = 0) -> String {
        var out: [UInt8] = []
        CloudEventWriter.appendData(batch.events[index], of: batch, names: names, to: &out)
        return out.text
    }
}

extension EventBatch {
    /// An event's parts as texts, whatever its bytes lie next to.
    func parts(_ index: Int = 0) -> [String] {
        let event = events[index]
        return [event.source, event.id, event.subject, event.pool, event.worker, event.body, event.extensions].map(text)
            + [event.kind.name, event.time?.rfc3339 ?? ""]
    }
}
