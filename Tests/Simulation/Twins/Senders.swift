import ControlLoop
package import Domain
import EventLog

// How do events come in from outside?
//
// Each sender hands in its events one after another and sends one again, under the same id, until it is acknowledged: over
// refusals, lost answers and restarts of the service. Always: what is noted as acknowledged was answered with a position.

package struct Acknowledged: Hashable, Sendable {
    package var source: String
    package var id: String
    package var position: Position
}

package final class Senders: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    private struct Message {
        enum Content {
            case json(String)
            /// What the service appends for a caller.
            case command(EventBatch)
        }
        var id: String
        var source: String
        var content: Content
    }

    private let time: TimeTwin
    private let way: WayIn
    private var waiting: [String: [Message]] = [:]
    private var underWay: Set<String> = []
    private var life = 0
    private var sent: [Message] = []
    private var number = 0
    package private(set) var acknowledged: [Acknowledged] = []
    /// Events that the reader or the log refused for good, and why.
    package private(set) var refused: [String] = []
    /// A canary: answered, and never handed in.
    package var losesEvery: Int?

    package init(time: TimeTwin, way: WayIn) {
        self.time = time
        self.way = way
    }

    /// Events handed in from outside so far, repeats not counted.
    package var count: Int { number }
    package var isQuiet: Bool { waiting.values.allSatisfy { $0.isEmpty } }

    package func isQuiet(_ source: String) -> Bool { waiting[source]?.isEmpty ?? true }

    package func send(_ kind: EventKind, _ subject: String, from source: String, _ data: String = "{}") {
        number += 1
        let id = "e\(number)"
        let json =
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind.name)","source":"\#(source)","id":"\#(id)","subject":"\#(subject)","data":\#(data)}"#
        hand(Message(id: id, source: source, content: .json(json)), sender: source)
    }

    /// A command of an operator, who asks again until it is answered.
    package func command(_ batch: EventBatch, id: String) {
        number += 1
        hand(Message(id: id, source: "/greenroom", content: .command(batch)), sender: "/operator")
    }

    /// What a part of the service's own appends, one after the other.
    package func own(_ batch: EventBatch, id: String, from source: String) {
        number += 1
        hand(Message(id: id, source: source, content: .command(batch)), sender: source)
    }

    /// The service is gone, and with it those who watch targets for it.
    package func dropWatches() {
        for sender in waiting.keys where sender.hasPrefix("/watch/") || sender.hasPrefix("/greenroom/") { waiting[sender] = nil }
    }

    /// An event that was sent before comes once more.
    package func repeatOne(back: Int) {
        guard !sent.isEmpty else { return }
        let message = sent[max(0, sent.count - 1 - back % sent.count)]
        hand(message, sender: message.source)
    }

    private func hand(_ message: Message, sender: String) {
        if case .json = message.content { sent.append(message) }
        waiting[sender, default: []].append(message)
        pump(sender)
    }

    /// The service is there again: whatever was under way is sent once more.
    package func serviceStarted() {
        life += 1
        underWay = []
        for source in waiting.keys.sorted() { pump(source) }
    }

    private func pump(_ source: String) {
        guard let message = waiting[source]?.first, underWay.insert(source).inserted else { return }
        if let losesEvery, number % losesEvery == 0 {
            acknowledged.append(Acknowledged(source: message.source, id: message.id, position: 1_000_000))
            return done(source)
        }
        guard let batch = read(message) else { return done(source) }
        let life = life
        way.append(batch) { [weak self] result in
            guard let self, self.life == life else { return }
            switch result {
            case .success(let receipt):
                acknowledged.append(Acknowledged(source: message.source, id: message.id, position: receipt.firstSeq))
                done(source)
            case .failure(.invalid(_, let problem)):
                refused.append("\(message.id): \(problem)")
                done(source)
            case .failure:
                time.after(microseconds: 1_000_000) { [weak self] in
                    guard let self, self.life == life else { return }
                    underWay.remove(source)
                    pump(source)
                }
            }
        }
    }

    private func done(_ source: String) {
        if waiting[source]?.isEmpty == false { waiting[source]?.removeFirst() }
        underWay.remove(source)
        // Not from within a completion: the log is in the middle of a commit there.
        time.after(microseconds: 0) { [weak self] in self?.pump(source) }
    }

    private func read(_ message: Message) -> EventBatch? {
        guard case .json(let json) = message.content else {
            guard case .command(let batch) = message.content else { return nil }
            return batch
        }
        var reader = CloudEventReader()
        let fault: EventFault? = Array(json.utf8).withUnsafeBufferPointer { bytes -> EventFault? in
            do throws(EventFault) { try reader.readEvent(bytes) } catch { return error }
            return nil
        }
        if let fault {
            refused.append("\(json): \(fault)")
            return nil
        }
        return reader.takeBatch()
    }
}
