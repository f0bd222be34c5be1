import Basics
import Domain
import Foundation

// Who takes each turn of a trace, and how large is what is restored for it?
//
// Settled before anything is simulated, so that every policy and every placement is asked the same: a trace's own actors
// and sizes where it has them, else drawn from the seed. A drawn actor that would still be busy if nobody ever waited
// leaves the turn to the next rank that rests, as a user who is being answered doesn't ask again.
// Sizes are spread evenly on a logarithmic scale, from a quarter of the median to four times it.

struct TurnActors: Sendable {
    /// By turn.
    private(set) var actors: [Int32] = []
    /// By turn: its actor's snapshot as the turn begins.
    private(set) var bytes: [Int64] = []
    /// By actor: what it is an instance of.
    private(set) var templates: [NameID]
    private(set) var isNew: [Bool]
    /// By actor, from what was last said of it.
    private var sizes: [Int64]

    /// Templates of a trace that names none.
    static let onlyTemplate = NameID(1)

    var count: Int { isNew.count }

    init(_ trace: ArrivalTrace, _ settings: NodeSettings, resumeMicroseconds: Int64, seed: UInt64) {
        let drawn = max(1, settings.actors)
        // Actors that the trace names come behind those that are drawn.
        let count = drawn + trace.names.count
        templates = [NameID](repeating: Self.onlyTemplate, count: count)
        isNew = [Bool](repeating: false, count: count)
        sizes = [Int64](repeating: 0, count: count)
        for actor in 0..<count { settle(actor, settings, seed: seed) }
        var draw = ActorDraw(count: drawn, exponent: settings.zipfExponent, seed: seed)
        actors.reserveCapacity(trace.turns.count)
        bytes.reserveCapacity(trace.turns.count)
        for turn in trace.turns {
            let actor = turn.actor.isNone ? draw.next(turn, resumeMicroseconds: resumeMicroseconds) : drawn + turn.actor.index - 1
            if !turn.template.isNone { templates[actor] = NameID(turn.template.rawValue + Self.onlyTemplate.rawValue) }
            if let said = turn.snapshotBytes { sizes[actor] = said }
            actors.append(Int32(actor))
            bytes.append(sizes[actor])
        }
    }

    private mutating func settle(_ actor: Int, _ settings: NodeSettings, seed: UInt64) {
        var random = SplitMix64(seed: ByteHash.mix(seed) ^ ByteHash.mix(UInt64(actor) &+ 0x5EED))
        sizes[actor] = Int64((Double(settings.snapshotBytes) * pow(4, 2 * random.unit() - 1)).rounded())
        isNew[actor] = random.unit() < settings.newActorShare
    }
}

/// Draws an actor for each turn, in the order of arrival.
private struct ActorDraw {
    private struct End: Comparable, Sendable {
        var at: Int64
        var actor: Int

        static func < (a: End, b: End) -> Bool { a.at != b.at ? a.at < b.at : a.actor < b.actor }
    }

    private let ranks: ZipfRanks
    private var random: SplitMix64
    private var ends = MinHeap<End>()
    private var isBusy: [Bool]
    private var busy = 0

    init(count: Int, exponent: Double, seed: UInt64) {
        ranks = ZipfRanks(count: count, exponent: exponent)
        random = SplitMix64(seed: ByteHash.mix(seed ^ 0xAC70))
        isBusy = [Bool](repeating: false, count: count)
    }

    mutating func next(_ turn: Turn, resumeMicroseconds: Int64) -> Int {
        while let end = ends.min, end.at <= turn.arrivalMicroseconds {
            ends.removeMin()
            isBusy[end.actor] = false
            busy -= 1
        }
        var actor = ranks.rank(at: random.unit())
        // Where all are busy, the drawn one is asked again when it rests.
        guard busy < isBusy.count else { return actor }
        while isBusy[actor] { actor = actor + 1 < isBusy.count ? actor + 1 : 0 }
        isBusy[actor] = true
        busy += 1
        let resume = turn.resumeMicroseconds ?? resumeMicroseconds
        ends.insert(End(at: turn.arrivalMicroseconds + resume + turn.serviceMicroseconds, actor: actor))
        return actor
    }
}
