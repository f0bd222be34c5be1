// How does an event of the log look to those who read it?
//
// A CloudEvent in structured mode with attributes of ours in front: `seq`, its position, `at`, the log's time, and of an
// actor or a worker `namespace`. Subject and worker are names within that namespace; a worker of another one is written
// `NAMESPACE/NAME`. Members come in a fixed order; what a producer sent beyond the known fields comes back as it was sent.
//
// An export writes names as the log holds them instead, so that it can be made the same log again.

package enum CloudEventWriter {
    /// How names of actors and workers are written.
    package enum Names: Sendable {
        case withinNamespace
        case asStored
    }

    /// What the log's writer notes of an event in its attributes.
    package enum Note {
        /// Its name fits several actors or workers: it changes nothing.
        package static let ambiguous = "ambiguous"
        /// The namespace of its worker, where that isn't the subject's and the worker's name doesn't say it.
        package static let workerNamespace = "workernamespace"
    }

    /// Appends one event as a JSON object, without a line end.
    package static func append(
        _ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, _ style: Names = .withinNamespace, to out: inout [UInt8]
    ) {
        let place = Place(event, batch, names, style)
        out.append(contentsOf: #"{"seq":"#.utf8)
        out.append(contentsOf: String(event.seq).utf8)
        out.append(contentsOf: #","at":""#.utf8)
        batch.at.appendRFC3339(to: &out)
        out.append(UInt8(ascii: "\""))
        if !place.namespace.isEmpty, !place.hasOwnNamespace { appendName("namespace", place.namespace, &out) }
        out.append(contentsOf: #","specversion":"1.0","type":""#.utf8)
        out.append(contentsOf: EventKind.typePrefix.utf8)
        out.append(contentsOf: event.kind.name.utf8)
        out.append(UInt8(ascii: "\""))
        appendName("source", event.source, names, &out)
        if !event.subject.isNone { appendName("subject", place.subject(event.subject, names), &out) }
        out.append(contentsOf: #","id":""#.utf8)
        JSONText.appendEscaped(batch.bytes[event.id.lower..<event.id.upper], to: &out)
        out.append(UInt8(ascii: "\""))
        if let time = event.time {
            out.append(contentsOf: #","time":""#.utf8)
            time.appendRFC3339(to: &out)
            out.append(UInt8(ascii: "\""))
        }
        if place.workerNamespace == nil {
            appendMembers(event.extensions, batch, &out)
        } else {
            appendMembers(event.extensions, batch, without: Note.workerNamespace, &out)
        }
        if event.superseded { out.append(contentsOf: #","superseded":true"#.utf8) }
        out.append(contentsOf: #","data":"#.utf8)
        appendData(event, of: batch, names, place, to: &out)
        out.append(UInt8(ascii: "}"))
    }

    /// Appends what stands under `data`: the fields that are columns first, then the others as they came.
    package static func appendData(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, to out: inout [UInt8]) {
        appendData(event, of: batch, names, Place(event, batch, names, .withinNamespace), to: &out)
    }

    /// A worker's name as an event tells it.
    package static func worker(of event: CommittedEvent, in batch: CommittedBatch, names: some NameReading) -> String {
        String(decoding: Place(event, batch, names, .withinNamespace).worker(event.worker, names), as: UTF8.self)
    }

    private static func appendData(
        _ event: CommittedEvent, of batch: CommittedBatch, _ names: some NameReading, _ place: Place, to out: inout [UInt8]
    ) {
        let start = out.count
        out.append(UInt8(ascii: "{"))
        let shape = event.kind.shape
        if shape.carriesPool, !event.pool.isNone { appendName("pool", event.pool, names, &out) }
        if shape.carriesWorker, !event.worker.isNone { appendName("worker", place.worker(event.worker, names), &out) }
        appendMembers(event.body, batch, &out)
        // Each part begins with its comma; the first one has none to begin with.
        if out.count > start + 1 { out.remove(at: start + 1) }
        out.append(UInt8(ascii: "}"))
    }

    /// In which namespace an event is, and how names are written there.
    private struct Place {
        /// Empty where none is told.
        var namespace: [UInt8] = []
        var workerNamespace: [UInt8]?
        var isAmbiguous = false
        /// A producer of an older time sent an attribute of that name.
        var hasOwnNamespace = false

        init(_ event: CommittedEvent, _ batch: CommittedBatch, _ names: some NameReading, _ style: Names) {
            guard style == .withinNamespace, event.kind.isNamespaced else { return }
            if !event.pool.isNone { namespace = names.namespace(ofPool: event.pool) }
            guard event.extensions.count > 2 else { return }
            batch.bytes.withUnsafeBufferPointer { bytes in
                let attributes = EventBody(bytes, event.extensions)
                attributes.forEachMember { key, value in
                    if key == "workernamespace" { workerNamespace = attributes.text(value).map { Array($0.utf8) } }
                    if key == "ambiguous" { isAmbiguous = value.kind == .bool }
                    if key == "namespace" { hasOwnNamespace = true }
                }
            }
        }

        func subject(_ id: NameID, _ names: some NameReading) -> [UInt8] { bare(id, names) }

        func worker(_ id: NameID, _ names: some NameReading) -> [UInt8] {
            let name = bare(id, names)
            return workerNamespace.map { $0 + [QualifiedName.slash] + name } ?? name
        }

        private func bare(_ id: NameID, _ names: some NameReading) -> [UInt8] {
            var name: [UInt8] = []
            names.appendText(of: id, to: &name)
            if isAmbiguous, name.first == QualifiedName.slash { name.removeFirst() }
            if !namespace.isEmpty, name.count > namespace.count + 1, name[namespace.count] == QualifiedName.slash,
                name.starts(with: namespace)
            {
                name.removeFirst(namespace.count + 1)
            }
            return name
        }
    }

    private static func appendName(_ key: String, _ id: NameID, _ names: some NameReading, _ out: inout [UInt8]) {
        var name: [UInt8] = []
        names.appendText(of: id, to: &name)
        appendName(key, name, &out)
    }

    private static func appendName(_ key: String, _ name: [UInt8], _ out: inout [UInt8]) {
        out.append(contentsOf: ",\"".utf8)
        out.append(contentsOf: key.utf8)
        out.append(contentsOf: "\":\"".utf8)
        JSONText.appendEscaped(name, to: &out)
        out.append(UInt8(ascii: "\""))
    }

    private static func appendMembers(_ object: ByteRange, _ batch: CommittedBatch, _ out: inout [UInt8]) {
        guard object.count > 2 else { return }
        out.append(UInt8(ascii: ","))
        out.append(contentsOf: batch.bytes[(object.lower + 1)..<(object.upper - 1)])
    }

    private static func appendMembers(_ object: ByteRange, _ batch: CommittedBatch, without name: String, _ out: inout [UInt8]) {
        batch.bytes.withUnsafeBufferPointer { bytes in
            let body = EventBody(bytes, object)
            body.forEachMember { key, value in
                guard !key.equals(name) else { return }
                out.append(UInt8(ascii: ","))
                out.append(UInt8(ascii: "\""))
                JSONText.appendEscaped(Array(key.text.utf8), to: &out)
                out.append(contentsOf: "\":".utf8)
                out.append(contentsOf: body.raw(value))
            }
        }
    }
}

extension NameReading {
    func namespace(ofPool pool: NameID) -> [UInt8] {
        var name: [UInt8] = []
        appendText(of: pool, to: &name)
        guard let slash = name.firstIndex(of: QualifiedName.slash) else { return Array(QualifiedName.defaultNamespace.utf8) }
        name.removeSubrange(slash...)
        return name
    }
}
