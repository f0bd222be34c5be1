// Batches as many senders bring them: repeats, repeats that say something else, corrections, names in several namespaces, ids of every form.

import Basics
import Domain

@testable import EventLog

struct RandomEvents {
    var random: SplitMix64
    private var sent = 0

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func batch(_ sizes: ClosedRange<Int> = 1...12) -> EventBatch {
        var batch = EventBatch()
        for _ in 0..<pick(sizes) { add(to: &batch) }
        return batch
    }

    private mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func add(to batch: inout EventBatch) {
        // One in four repeats an earlier id, and some of these say something else.
        let isRepeat = sent > 0 && pick(0...3) == 0
        let number = isRepeat ? pick(0...(sent - 1)) : sent
        if !isRepeat { sent += 1 }
        var own = SplitMix64(seed: UInt64(number) &* 31 &+ 7)
        if isRepeat, pick(0...2) == 0 { own = random }
        func some(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &own) }
        let namespace = ["a", "b", "default"][some(0...2)]
        let pool = "\(namespace)/pool-\(some(0...2))"
        let actor = ["", "a/", "b/"][some(0...2)] + "session-\(some(0...5))"
        let worker = "box-\(some(0...3))"
        let source = "/agents/\(number % 3)"
        let time = some(0...1) == 0 ? noon.adding(microseconds: Int64(some(-5_000_000...5_000_000))) : nil
        let bare = String(actor.split(separator: "/").last ?? "")
        switch some(0...6) {
        case 0: batch.append(.workerReady, source: source, id: id(number), subject: worker, pool: pool, time: time, body: json(some(0...9)))
        case 1, 2: batch.append(.actorRequested, source: source, id: id(number), subject: bare, pool: pool, time: time)
        case 3: batch.append(.actorRunning, source: source, id: id(number), subject: actor, worker: worker, time: time)
        case 4:
            batch.append(
                .actorPaused, source: source, id: id(number), subject: actor, worker: worker, time: time,
                body: Array(#"{"corrects":\#(some(1...40)),"bound":true}"#.utf8))
        case 5: batch.append(.actorIdle, source: CommittedEvent.ownSource, id: id(number), subject: bare, isExact: true)
        default: batch.append(.actorIdle, source: source, id: id(number), subject: actor, time: time, body: json(some(0...9)))
        }
    }

    private func json(_ value: Int) -> [UInt8] { value < 3 ? [] : Array(#"{"node":"n\#(value)","text":"ü\#(value)"}"#.utf8) }

    private func id(_ number: Int) -> String {
        switch number % 3 {
        case 0: return String(number)
        case 1: return "turn-\(number)"
        default:
            let digits = String(ByteHash.mix(UInt64(number)), radix: 16)
            let hex = Array((String(repeating: "0", count: 16 - digits.count) + digits) + "0123456789abcdef")
            return [hex[0..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20..<32]].map { String($0) }.joined(separator: "-")
        }
    }
}
