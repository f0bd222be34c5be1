// How does an event of the log look to those who read it?
//
// A CloudEvent in structured mode with two attributes of ours in front: `seq`, its position, and `at`, the log's time.
// Members come in a fixed order; what a producer sent beyond the known fields comes back as it was sent.

public enum CloudEventWriter {
    /// Appends one event as a JSON object, without a line end.
    public static func append(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, to out: inout [UInt8]) {
        out.append(contentsOf: #"{"seq":"#.utf8)
        out.append(contentsOf: String(event.seq).utf8)
        out.append(contentsOf: #","at":""#.utf8)
        batch.at.appendRFC3339(to: &out)
        out.append(contentsOf: #"","specversion":"1.0","type":""#.utf8)
        out.append(contentsOf: EventKind.typePrefix.utf8)
        out.append(contentsOf: event.kind.name.utf8)
        out.append(UInt8(ascii: "\""))
        appendName("source", event.source, names, &out)
        if !event.subject.isNone { appendName("subject", event.subject, names, &out) }
        out.append(contentsOf: #","id":""#.utf8)
        JSONText.appendEscaped(batch.bytes[event.id.lower..<event.id.upper], to: &out)
        out.append(UInt8(ascii: "\""))
        if let time = event.time {
            out.append(contentsOf: #","time":""#.utf8)
            time.appendRFC3339(to: &out)
            out.append(UInt8(ascii: "\""))
        }
        appendMembers(event.extensions, batch, &out)
        if event.superseded { out.append(contentsOf: #","superseded":true"#.utf8) }
        out.append(contentsOf: #","data":"#.utf8)
        appendData(event, of: batch, names: names, to: &out)
        out.append(UInt8(ascii: "}"))
    }

    /// Appends what stands under `data`: the fields that are columns first, then the others as they came.
    public static func appendData(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, to out: inout [UInt8]) {
        let start = out.count
        out.append(UInt8(ascii: "{"))
        let shape = event.kind.shape
        if shape.carriesPool, !event.pool.isNone { appendName("pool", event.pool, names, &out) }
        if shape.carriesWorker, !event.worker.isNone { appendName("worker", event.worker, names, &out) }
        appendMembers(event.body, batch, &out)
        // Each part begins with its comma; the first one has none to begin with.
        if out.count > start + 1 { out.remove(at: start + 1) }
        out.append(UInt8(ascii: "}"))
    }

    private static func appendName(_ key: String, _ id: NameID, _ names: some NameReading, _ out: inout [UInt8]) {
        out.append(contentsOf: ",\"".utf8)
        out.append(contentsOf: key.utf8)
        out.append(contentsOf: "\":\"".utf8)
        var name: [UInt8] = []
        names.appendText(of: id, to: &name)
        JSONText.appendEscaped(name, to: &out)
        out.append(UInt8(ascii: "\""))
    }

    private static func appendMembers(_ object: ByteRange, _ batch: CommittedBatch, _ out: inout [UInt8]) {
        guard object.count > 2 else { return }
        out.append(UInt8(ascii: ","))
        out.append(contentsOf: batch.bytes[(object.lower + 1)..<(object.upper - 1)])
    }
}
