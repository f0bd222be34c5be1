import Placement

// Whose pause ends next?
//
// Pauses all last equally long, so they end in the order in which they began. One that ended early is passed over.

struct Pauses: Sendable {
    struct Pause: Sendable {
        var snapshot: SnapshotID
        var actor: Int
        var bytes: Int64
        /// When it ends.
        var at: Int64
    }

    private let microseconds: Int64
    private var order: [Pause] = []
    private var head = 0
    private var bytesBySnapshot: [SnapshotID: Int64] = [:]

    init(microseconds: Int64) { self.microseconds = microseconds }

    func bytes(of snapshot: SnapshotID) -> Int64 { bytesBySnapshot[snapshot] ?? 0 }

    mutating func begin(_ snapshot: SnapshotID, of actor: Int, bytes: Int64, at now: Int64) {
        bytesBySnapshot[snapshot] = bytes
        order.append(Pause(snapshot: snapshot, actor: actor, bytes: bytes, at: now + microseconds))
    }

    mutating func forget(_ snapshot: SnapshotID) { bytesBySnapshot[snapshot] = nil }

    /// The next that has ended by `now`; nil where there is none.
    mutating func next(until now: Int64) -> Pause? {
        while head < order.count, order[head].at <= now {
            let pause = order[head]
            head += 1
            if head > 1_024, head * 2 > order.count {
                order.removeFirst(head)
                head = 0
            }
            if bytesBySnapshot.removeValue(forKey: pause.snapshot) != nil { return pause }
        }
        return nil
    }
}
