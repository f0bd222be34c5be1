import Domain

// How do turns take slots where it matters which node has their actor's snapshot?
//
// The oldest first, as everywhere, but for those whom a free slot saves a restore. One that waits for a slot on its node is
// passed over, keeps its place, and is asked about again with every change, and at the latest when it would rather look
// elsewhere.

extension PoolSimulation {
    mutating func placeOnNodes() {
        // Taken out for the while, so that it is changed in place.
        guard var nodes = nodes.take() else { return }
        var aside: [Int32] = []
        while queueHead < queue.count, workers.hasFree {
            let next = queueHead + nodes.nextInTurn(queue[queueHead...]) { standings[Int($0)].waitsSince }
            if next > queueHead { queue.insert(queue.remove(at: next), at: queueHead) }
            let turn = queue[queueHead]
            queueHead += 1
            let node = nodes.pausedNode(of: turn)
            let ahead = node.isNone ? 0 : aside.count { nodes.pausedNode(of: $0) == node }
            let requestedAt = standings[Int(turn)].waitsSince
            switch nodes.choose(turn, requestedAt: requestedAt, at: now, aheadOnNode: ahead, free: { workers.withFreeSlot }) {
            case .worker(let worker):
                let resume = nodes.begin(turn, on: worker, used: workers.used(worker) + 1, at: now)
                begin(turn, on: worker, resumeMicroseconds: resume)
            case .waits(let until):
                aside.append(turn)
                if let until, nodes.willLookElsewhere(turn, at: until) {
                    events.insert(Event(at: max(until, now + 1), happening: .lookElsewhere, subject: turn, attempt: 0))
                }
            }
        }
        queueHead -= aside.count
        queue.replaceSubrange(queueHead..<queueHead + aside.count, with: aside)
        self.nodes = nodes
    }

    /// A turn ended; the one that waited for its actor asks now. A draining worker may be gone with its last turn.
    mutating func leaveNode(_ turn: Int32, _ worker: Int) {
        if let next = nodes?.end(turn, on: worker, used: workers.used(worker), at: now) {
            standings[Int(next)].waitsSince = now
            queue.append(next)
        }
        if workers.isGone(worker) { nodes?.removed(worker) }
    }
}
