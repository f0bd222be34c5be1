import Basics
package import Domain

// What does object storage hold, and what does the service's survey of it say?
//
// Agents write snapshots to it; it loses some, and at times it doesn't answer, or late. The survey looks at the snapshot that an event
// told of once it is likely to be wanted, and says what is news: another size, or that it is gone. Always: that a snapshot is gone
// is said only where the storage itself answered and has none.

package final class StoreTwin: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    private let time: TimeTwin
    private let senders: Senders
    private var objects: [String: Int64] = [:]
    private var number = 0
    private var life = 0
    private var golden: Int64?
    package private(set) var looks = 0

    package var fails = false
    package var answerMilliseconds: Int64 = 50
    private static let template = "t"
    private static let source = "/greenroom/objectstorage"

    package init(time: TimeTwin, senders: Senders) {
        self.time = time
        self.senders = senders
    }

    package func wrote(_ uri: String, _ bytes: Int64) { objects[uri] = bytes }

    /// The newest snapshots of an actor are lost, or are larger than was said.
    package func spoil(actor: String, isLost: Bool) {
        for uri in objects.keys.sorted() where uri.hasPrefix("s3://snapshots/\(actor)/") { objects[uri] = isLost ? nil : 7_000_000 }
    }

    /// A template's snapshot is there, or not any more. Seen at the next look.
    package func setGolden(_ bytes: Int64?) {
        let before = golden
        golden = bytes
        guard !fails, before != nil || bytes != nil else { return }
        later { [weak self] in
            self?.say(subject: Self.template, uri: "s3://golden/t/1", bytes: bytes) { $0.member("template", Self.template) }
        }
    }

    /// An event told of a snapshot that may be wanted.
    package func look(_ actor: String, uri: String, toldAt: Position, known: Int64?) {
        looks += 1
        later { [weak self] in
            guard let self, !fails else { return }
            let bytes = objects[uri]
            guard bytes != known || bytes == nil else { return }
            say(subject: actor, uri: uri, bytes: bytes) { $0.member("toldAt", toldAt) }
        }
    }

    /// The service is gone, and its survey with it.
    package func forgetLooks() { life += 1 }

    private func later(_ work: @escaping @Sendable () -> Void) {
        let life = life
        time.after(microseconds: answerMilliseconds * 1_000) { [weak self] in
            guard let self, self.life == life else { return }
            work()
        }
    }

    private func say(subject: String, uri: String, bytes: Int64?, _ more: (inout JSONWriter) -> Void) {
        number += 1
        var json = JSONWriter()
        json.openObject()
        json.member("snapshot", uri)
        json.member("state", bytes == nil ? "gone" : "present")
        if let bytes { json.member("bytes", bytes) }
        more(&json)
        json.closeObject()
        var batch = EventBatch()
        batch.append(.snapshotObserved, source: Self.source, id: "look-\(number)", subject: subject, body: json.bytes)
        senders.own(batch, id: "look-\(number)", from: Self.source)
    }
}
