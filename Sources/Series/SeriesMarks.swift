import Autoscaling
import Domain
import State

// Which moments of a pool are marked?
//
// A policy, a pause, replicas that somebody else set, a target that failed, turns that crashed, workers that were lost. Those of one
// kind within a second are one mark with a count: a crash loop doesn't fill the file.

enum MarkKind: Int, Hashable, Sendable, CaseIterable {
    case policy = 1
    case pause, foreign, scaleFailed, crash, workerLost

    var name: String {
        switch self {
        case .policy: "policy"
        case .pause: "pause"
        case .foreign: "foreign"
        case .scaleFailed: "scaleFailed"
        case .crash: "crash"
        case .workerLost: "workerLost"
        }
    }
}

struct MarkKey: Hashable, Sendable {
    var pool: NameID
    var kind: MarkKind
    /// Since 1970.
    var second: Int64
}

struct PoolMark: Hashable, Sendable {
    var seq: Position
    var at: LogTime
    var count: Int
    var text: String

    static let textCharacters = 300

    mutating func add(_ later: PoolMark) {
        self = PoolMark(seq: later.seq, at: later.at, count: count + later.count, text: later.text)
    }
}

/// The marks of one commit, once it was folded.
struct MarkReader {
    private(set) var marks: [(key: MarkKey, mark: PoolMark)] = []

    init(_ batch: CommittedBatch, _ change: State.Change, _ state: State) {
        let superseded = Set(change.superseded)
        for event in batch.events where !superseded.contains(event.seq) {
            switch event.kind {
            case .policyApplied: policy(event, batch)
            case .poolPaused: note(.pause, event.pool, event.seq, batch.at, Self.pauseText(event, batch))
            case .scaleFailed: note(.scaleFailed, event.pool, event.seq, batch.at, Self.text("error", event, batch) ?? "the target failed")
            default: break
            }
        }
        for pool in change.pools {
            guard let foreign = state.pools[pool].target.foreign, foreign.at == batch.at else { continue }
            note(.foreign, state.pools[pool].name, batch.lastSeq, batch.at, foreign.sentence)
        }
        for measured in change.measured {
            switch measured {
            case .actorCrashed(let pool):
                let run = state.pools[pool].crashes?.error
                note(.crash, state.pools[pool].name, batch.lastSeq, batch.at, run ?? "a turn crashed")
            case .workerGone(let pool, .lost):
                note(.workerLost, state.pools[pool].name, batch.lastSeq, batch.at, "a worker was lost")
            case .workerGone, .wait, .workerStart, .claim: break
            }
        }
    }

    private mutating func note(_ kind: MarkKind, _ pool: NameID, _ seq: Position, _ at: LogTime, _ text: String) {
        let key = MarkKey(pool: pool, kind: kind, second: SeriesLevel.second.bucket(at: at))
        let mark = PoolMark(seq: seq, at: at, count: 1, text: String(text.prefix(PoolMark.textCharacters)))
        if let index = marks.firstIndex(where: { $0.key == key }) { marks[index].mark.add(mark) } else { marks.append((key, mark)) }
    }

    /// A shadow's policy is none of the pool's.
    private mutating func policy(_ event: CommittedEvent, _ batch: CommittedBatch) {
        guard Self.text("shadow", event, batch) == nil else { return }
        let digest = Self.text("digest", event, batch) ?? ""
        let isRemoved = batch.withBody(of: event) { body in body["policy"].map { body.raw($0).count <= 4 } ?? true }
        note(.policy, event.pool, event.seq, batch.at, isRemoved ? "policy removed" : "policy \(digest.prefix(12))")
    }

    private static func pauseText(_ event: CommittedEvent, _ batch: CommittedBatch) -> String {
        batch.withBody(of: event) { body in
            let by = body["by"].flatMap { body.text($0) }.map { " by \($0)" } ?? ""
            if let hold = body["hold"].flatMap({ body.integer($0) }) { return "held at \(hold)\(by)" }
            let what = [
                body["in"].map { body.bool($0) } ?? false ? "scale-in" : nil,
                body["out"].map { body.bool($0) } ?? false ? "scale-out" : nil,
            ].compactMap { $0 }
            return what.isEmpty ? "resumed\(by)" : "\(what.joined(separator: " and ")) paused\(by)"
        }
    }

    private static func text(_ name: StaticString, _ event: CommittedEvent, _ batch: CommittedBatch) -> String? {
        batch.withBody(of: event) { body in body[name].flatMap { body.text($0) } }
    }
}
