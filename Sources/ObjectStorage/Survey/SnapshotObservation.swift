import Domain

// How does what was seen in a store become an event?
//
// As `snapshot.observed`. It is about the actor whose snapshot it is, with the position of the event that reported it, so that a
// later one isn't mistaken for it. Or it is about the template whose golden snapshot it is.

enum SnapshotObservation {
    static let source = "/greenroom/objectstorage"

    /// - Parameter id: told once, by whoever looked.
    static func batch(_ want: SnapshotWant, _ presence: SnapshotPresence, id: String) -> EventBatch {
        batch(subject: want.actor, uri: want.uri, presence, id: id) { json in json.member("toldAt", want.recordedAt) }
    }

    static func batch(golden template: String, uri: String, _ presence: SnapshotPresence, id: String) -> EventBatch {
        batch(subject: template, uri: uri, presence, id: id) { json in json.member("template", template) }
    }

    private static func batch(subject: String, uri: String, _ presence: SnapshotPresence, id: String, _ more: (inout JSONWriter) -> Void)
        -> EventBatch
    {
        var json = JSONWriter(reservingBytes: 160 + uri.utf8.count)
        json.openObject()
        json.member("snapshot", uri)
        switch presence {
        case .present(let bytes):
            json.member("state", "present")
            json.member("bytes", bytes)
        case .gone: json.member("state", "gone")
        }
        more(&json)
        json.closeObject()
        var batch = EventBatch()
        batch.append(.snapshotObserved, source: source, id: id, subject: subject, body: json.bytes)
        return batch
    }
}
