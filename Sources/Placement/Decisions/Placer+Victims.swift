import Basics
package import Domain

// Which workers go when a pool shrinks?
//
// Those not ready first, the youngest before the older: nobody is there. Then idle ones: from a zone that can spare one
// without the zones growing further apart than the policy allows, then where the least snapshot value is lost, then the
// youngest. What is lost with a worker is its share of what its node's cache saves: the node's value, by the workers of the
// pool that could use it. A worker with an actor is never chosen. O(nodes + chosen · log n).

package struct ScaleDownVictim: Hashable, Sendable {
    package var worker: Int
    package var isReady: Bool
    package var node: NameID
    /// Restore time that its share of the node's snapshots would have saved, halved for each quarter of an hour unused.
    package var lostMicroseconds: Int64
    /// How far zones may be apart is exceeded by this removal, as no other was possible.
    package var breaksSpread: Bool
}

extension Placer {
    package func victims(of pool: Int, count: Int, zoneMaxSkew: Int?, at now: LogTime) -> [ScaleDownVictim] {
        victims(of: pool, count: count, zoneMaxSkew: zoneMaxSkew, at: now, among: workers)
    }

    package func victims(of pool: Int, count: Int, zoneMaxSkew: Int?, at now: LogTime, among workers: WorkerIndex) -> [ScaleDownVictim] {
        guard workers.pools.indices.contains(pool), count > 0 else { return [] }
        let members = workers.pools[pool]
        var victims: [ScaleDownVictim] = members.seats.reversed().lazy
            .filter { $0.worker >= 0 && $0.phase == .starting && $0.used == 0 }
            .prefix(count)
            .map {
                ScaleDownVictim(
                    worker: Int($0.worker), isReady: false, node: members.groups[Int($0.group)].node, lostMicroseconds: 0,
                    breaksSpread: false)
            }
        guard victims.count < count else { return victims }
        var order = VictimOrder(members, zoneMaxSkew: zoneMaxSkew) { node in
            let bytes = snapshots.valueBytes(on: node, at: now)
            return bandwidth.savedMicroseconds(.warm, bytes: bytes)
        }
        while victims.count < count, let next = order.next() { victims.append(next) }
        return victims
    }
}

/// Idle workers of one pool in the order in which they are given up.
private struct VictimOrder {
    private struct Node {
        let name: NameID
        let savedMicroseconds: Int64
        /// Workers of the pool there that stay.
        var ready: Int
        /// Ranks of idle ones, rising.
        var idle: [Int]

        var lostMicroseconds: Int64 { savedMicroseconds / Int64(max(1, ready)) }
    }

    private struct Entry: Comparable {
        var lost: Int64
        var rank: Int
        var node: Int
        static func < (a: Entry, b: Entry) -> Bool { a.lost != b.lost ? a.lost < b.lost : a.rank > b.rank }
    }

    private let members: PoolWorkers
    private let zoneMaxSkew: Int?
    private var nodes: [Node] = []
    /// For each zone its nodes, the one that loses least last.
    private var byZone: [[Entry]]
    private var ready: [Int]

    init(_ members: PoolWorkers, zoneMaxSkew: Int?, saved: (NameID) -> Int64) {
        self.members = members
        self.zoneMaxSkew = zoneMaxSkew
        ready = members.readyByZone
        byZone = [[Entry]](repeating: [], count: members.zones.count)
        for group in members.groups where group.tally.free > 0 {
            let idle = group.members.map { Int($0) }.filter { members.seats[$0].level == PackLevel.idle }.sorted()
            guard let youngest = idle.last else { continue }
            nodes.append(Node(name: group.node, savedMicroseconds: saved(group.node), ready: group.tally.ready, idle: idle))
            let zone = Int(members.seats[youngest].zone)
            byZone[zone].append(Entry(lost: nodes[nodes.count - 1].lostMicroseconds, rank: youngest, node: nodes.count - 1))
        }
        for zone in byZone.indices { byZone[zone].sort(by: >) }
    }

    mutating func next() -> ScaleDownVictim? {
        var best: (breaks: Bool, entry: Entry, zone: Int)?
        for zone in byZone.indices {
            guard let entry = byZone[zone].last else { continue }
            let breaks = breaksSpread(zone)
            if let found = best, (found.breaks ? 1 : 0, found.entry) <= (breaks ? 1 : 0, entry) { continue }
            best = (breaks, entry, zone)
        }
        guard let best else { return nil }
        take(best.entry, from: best.zone)
        return ScaleDownVictim(
            worker: Int(members.seats[best.entry.rank].worker), isReady: true, node: nodes[best.entry.node].name,
            lostMicroseconds: best.entry.lost, breaksSpread: best.breaks)
    }

    /// Whether one fewer here leaves another zone with more than the allowed difference.
    private func breaksSpread(_ zone: Int) -> Bool {
        guard let zoneMaxSkew else { return false }
        return (ready.max() ?? 0) - (ready[zone] - 1) > zoneMaxSkew && ready[zone] < (ready.max() ?? 0)
    }

    private mutating func take(_ entry: Entry, from zone: Int) {
        ready[zone] -= 1
        byZone[zone].removeLast()
        nodes[entry.node].ready -= 1
        nodes[entry.node].idle.removeLast()
        guard let youngest = nodes[entry.node].idle.last else { return }
        let again = Entry(lost: nodes[entry.node].lostMicroseconds, rank: youngest, node: entry.node)
        // Giving up one more of a node loses more: near the end of the others, found by halving.
        byZone[zone].insert(again, at: byZone[zone].firstPlace { $0 > again })
    }
}
