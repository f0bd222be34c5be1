package import Domain
package import EventLog

// What does an event of the log say, in words?
//
// Oracles and twins read the log by this alone, so that none of them shares a table with the state they judge.

package struct LoggedEvent: Sendable, CustomStringConvertible {
    package var seq: Position
    package var at: LogTime
    package var kind: EventKind
    package var pool: String
    package var subject: String
    package var worker: String
    package var source: String
    package var id: String
    private let body: [UInt8]

    package init(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading) {
        seq = event.seq
        at = batch.at
        kind = event.kind
        pool = event.pool.isNone ? "" : names.text(of: event.pool)
        subject = names.text(of: event.subject)
        worker = event.worker.isNone ? "" : names.text(of: event.worker)
        source = names.text(of: event.source)
        id = batch.text(event.id)
        body = Array(batch.bytes[event.body.lower..<event.body.upper])
    }

    package var text: String { String(decoding: body, as: UTF8.self) }

    private func read<Response>(_ read: (EventBody) -> Response) -> Response {
        body.withUnsafeBufferPointer { read(EventBody($0, ByteRange(start: 0, count: body.count))) }
    }

    package func integer(_ name: StaticString) -> Int? {
        read { body in body[name].flatMap { body.integer($0) } }.map { Int(clamping: $0) }
    }
    package func string(_ name: StaticString) -> String? { read { body in body[name].flatMap { body.text($0) } } }
    package func has(_ name: StaticString) -> Bool { read { body in body[name] != nil } }
    package func flag(_ name: StaticString) -> Bool { read { body in body[name].map { body.bool($0) } ?? false } }
    /// A member of an object that is a member.
    package func integer(_ outer: StaticString, _ inner: StaticString) -> Int? {
        read { body in
            body[outer].flatMap { body.object($0) }.flatMap { nested in nested[inner].flatMap { nested.integer($0) } }
        }.map { Int(clamping: $0) }
    }
    package func map(_ name: StaticString) -> [String: String] {
        read { body in body[name].map { body.stringMap($0) } ?? [] }.reduce(into: [:]) { $0[$1.key] = $1.value }
    }
    /// The codes of a decision's reasons.
    package var codes: [String] {
        read { body in
            var codes: [String] = []
            if let why = body["why"] {
                body.forEachElement(of: why) { element in if let code = element["code"].flatMap({ element.text($0) }) { codes.append(code) }
                }
            }
            return codes
        }
    }

    package var description: String {
        "\(seq) \(at.rfc3339) \(kind.name) \(subject)\(worker.isEmpty ? "" : " on \(worker)")\(pool.isEmpty ? "" : " of \(pool)") from \(source) \(text)"
    }
}

extension EventLog {
    /// Commits after `position`, each as its events.
    package func commits(after position: Position) throws(LogError) -> [[LoggedEvent]] {
        try read(after: position, limitEvents: 1_000_000).map { batch in batch.events.map { LoggedEvent($0, of: batch, names: names) } }
    }
}
