import Domain
import Synchronization
import Views

// How do many watch all pools without the loop being asked by each?
//
// One look at a position, shared by everybody who watches then: pools as they are, each with the number of the look at which it last
// changed. A client's watch remembers the number of its last look, and sends what changed since. What changes by time alone (ages,
// rates that fade) is no change, so a look says when it was: a client adds the time since.

actor BoardFeed {
    struct Item: Sendable {
        var name: String
        /// As it was at this look.
        var view: PoolView
        /// As it was when it changed.
        var json: [UInt8]
        /// The look at which it changed last.
        var changed: UInt64
    }

    struct Look: Sendable {
        var number: UInt64
        var position: Position
        var at: LogTime
        var items: [Item]
        /// Pools that went, with the look that missed them; only those of later looks than `removedSince`.
        var removed: [(name: String, at: UInt64)]
        var removedSince: UInt64
    }

    private struct Known {
        var view: PoolView
        var item: Item
    }

    private static let removedMost = 1_024

    private let plane: any ControlPlane
    private let now: @Sendable () -> LogTime
    private var known: [String: Known] = [:]
    private var look: Look?
    private var running: Task<Look, any Error>?

    init(plane: any ControlPlane, now: @escaping @Sendable () -> LogTime) { (self.plane, self.now) = (plane, now) }

    /// How all pools are at `position` or later.
    func look(atLeast position: Position) async throws -> Look {
        if let look, look.position >= position { return look }
        if let running {
            let look = try await running.value
            if look.position >= position { return look }
        }
        // Somebody else may look already.
        if let running { return try await running.value }
        let task = Task { try await self.lookAgain(position) }
        running = task
        defer { running = nil }
        return try await task.value
    }

    private func lookAgain(_ position: Position) async throws -> Look {
        let position = await plane.position() ?? position
        let pools = await plane.pools()
        let at = now()
        let number = (look?.number ?? 0) + 1
        var items: [Item] = []
        var next: [String: Known] = [:]
        for view in pools {
            let name = "\(view.namespace)/\(view.name)"
            let lasting = view.lasting
            if var same = known[name], same.view == lasting {
                // Its ages moved on.
                same.item.view = view
                items.append(same.item)
                next[name] = same
                continue
            }
            let item = Item(name: name, view: view, json: try ViewJSON.bytes(view), changed: number)
            items.append(item)
            next[name] = Known(view: lasting, item: item)
        }
        var removed = (look?.removed ?? []) + known.keys.filter { next[$0] == nil }.map { ($0, number) }
        var since = look?.removedSince ?? 0
        if removed.count > Self.removedMost {
            since = removed[removed.count - Self.removedMost - 1].at
            removed.removeFirst(removed.count - Self.removedMost)
        }
        known = next
        let made = Look(number: number, position: position, at: at, items: items, removed: removed, removedSince: since)
        look = made
        return made
    }
}

extension PoolView {
    /// The same without what time alone changes.
    var lasting: PoolView {
        var view = self
        view.ageSeconds = 0
        view.oldestWaitSeconds = oldestWaitSeconds.map { _ in 0 }
        (view.arrivalsPerSecond.seconds10, view.arrivalsPerSecond.minute1, view.arrivalsPerSecond.minutes5) = (0, 0, 0)
        view.logTimeAheadSeconds = nil
        view.claims?.idleSandboxSeconds = 0
        view.busyReports?.longest = []
        return view
    }
}

extension WorkerView {
    var lasting: WorkerView {
        var view = self
        view.ageSeconds = 0
        view.report?.seconds = 0
        view.lastSeenSeconds = lastSeenSeconds.map { _ in 0 }
        return view
    }
}
