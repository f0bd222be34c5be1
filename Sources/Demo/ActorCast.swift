import Basics
import Domain
import Simulation

// Which actor takes the next turn?
//
// Few actors come often and many seldom (Zipf), as with users. An actor that is still busy can't ask again: the next one
// in rank that rests takes the turn, and where all are busy a new one comes. A trace that names its actors is obeyed: the
// turn waits until that actor rests.
//
// Bounded by the plan: no more actors than turns, no more waiting turns than arrivals.

struct ActorCast: Sendable {
    /// One turn that may be asked for now.
    struct Turn: Hashable, Sendable {
        var actor: String
        var arrival: Arrival
    }

    private struct Company: Sendable {
        var poolName: String
        var names: [String] = []
        /// A rank for each name.
        var ranks = ZipfRanks(count: 0, exponent: ActorCast.exponent)
        var busy: Set<String> = []
        /// Turns of named actors that are busy, in order.
        var held: [String: [Arrival]] = [:]
    }

    /// Actors that a pool begins with.
    static let initialActors = 48
    private static let exponent = 1.05

    private var companies: [Company]
    private var random: SplitMix64
    private(set) var heldCount = 0

    init(pools: [DemoPool], seed: UInt64, initialActors: Int = Self.initialActors) {
        random = SplitMix64(seed: seed ^ 0xC0FF_EE00)
        companies = pools.map { Company(poolName: $0.name) }
        for pool in companies.indices {
            for _ in 0..<max(1, initialActors) { _ = addActor(pool) }
        }
    }

    /// Who takes it; nil where its actor is busy, which gives it back through `rested`.
    mutating func assign(_ arrival: Arrival) -> Turn? {
        let pool = arrival.pool
        guard let named = arrival.actor else {
            let actor = choose(pool)
            companies[pool].busy.insert(actor)
            return Turn(actor: actor, arrival: arrival)
        }
        guard companies[pool].busy.insert(named).inserted else {
            companies[pool].held[named, default: []].append(arrival)
            heldCount += 1
            return nil
        }
        return Turn(actor: named, arrival: arrival)
    }

    /// An actor of that pool rests. Answers the turn that was waiting for it, if there is one: it is busy again.
    mutating func rested(_ actor: String, pool: Int) -> Turn? {
        guard var held = companies[pool].held[actor] else {
            companies[pool].busy.remove(actor)
            return nil
        }
        let next = held.removeFirst()
        companies[pool].held[actor] = held.isEmpty ? nil : held
        heldCount -= 1
        return Turn(actor: actor, arrival: next)
    }

    /// Which pool a busy actor belongs to; nil for one that isn't ours.
    func pool(of actor: String) -> Int? { companies.firstIndex { $0.busy.contains(actor) } }

    private mutating func choose(_ pool: Int) -> String {
        let company = companies[pool]
        let rank = company.ranks.rank(at: random.unit())
        if company.busy.count < company.names.count {
            for step in company.names.indices {
                let name = company.names[(rank + step) % company.names.count]
                if !company.busy.contains(name) { return name }
            }
        }
        return addActor(pool)
    }

    private mutating func addActor(_ pool: Int) -> String {
        let rank = companies[pool].names.count + 1
        let digits = String(rank)
        let name = companies[pool].poolName + "-" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        companies[pool].names.append(name)
        companies[pool].ranks.add()
        return name
    }
}
