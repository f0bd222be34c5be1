import State

// Which workers are there, and what does each do?
//
// The table of one simulated pool. Counts follow every change; free slots are found in O(log n), partly used workers first
// (so that others stay empty and can go), then in the order in which they came: as the live loop places.

struct SimulatedWorkers: Sendable {
    enum State: UInt8, Sendable { case starting, ready, draining, gone }

    private struct Worker: Sendable {
        var state: State
        var askedAtMicroseconds: Int64
        var turns: [Int32] = []
    }

    private struct Free: Comparable, Sendable {
        var isPartial: Bool
        var worker: Int

        static func < (a: Free, b: Free) -> Bool { a.isPartial != b.isPartial ? a.isPartial : a.worker < b.worker }
    }

    let slots: Int
    /// Whether `nextFree` is asked; who places by node chooses by other means.
    private let offersFree: Bool
    private var workers: [Worker] = []
    /// Those that are there, in the order in which they came.
    private var members: [Int] = []
    /// Entries that no longer fit their worker are dropped when they surface.
    private var free = MinHeap<Free>()

    private(set) var starting = 0
    private(set) var idle = 0
    private(set) var partial = 0
    private(set) var full = 0
    private(set) var drainingBusy = 0
    private(set) var resident = 0

    init(slots: Int, offersFree: Bool = true) {
        self.slots = max(1, slots)
        self.offersFree = offersFree
    }

    /// Starting and ready: what a scale-down may choose from.
    var serving: Int { starting + idle + partial + full }
    /// All that cost.
    var present: Int { serving + drainingBusy }

    /// Whether any worker has a free slot.
    var hasFree: Bool { idle + partial > 0 }
    /// Workers with a free slot, in the order in which they came.
    var withFreeSlot: [Int] { members.filter { workers[$0].state == .ready && workers[$0].turns.count < slots } }

    func used(_ worker: Int) -> Int { workers[worker].turns.count }
    func isGone(_ worker: Int) -> Bool { workers[worker].state == .gone }
    func isStarting(_ worker: Int) -> Bool { workers[worker].state == .starting }
    func askedAtMicroseconds(_ worker: Int) -> Int64 { workers[worker].askedAtMicroseconds }

    // MARK: - Life

    mutating func add(at now: Int64) -> Int {
        workers.append(Worker(state: .starting, askedAtMicroseconds: now))
        members.append(workers.count - 1)
        starting += 1
        return workers.count - 1
    }

    mutating func becameReady(_ worker: Int) {
        starting -= 1
        workers[worker].state = .ready
        idle += 1
        offer(worker)
    }

    /// Takes the worker out, whatever it does; answers the turns it held.
    mutating func remove(_ worker: Int) -> [Int32] {
        count(worker, by: -1)
        let turns = workers[worker].turns
        resident -= turns.count
        workers[worker].state = .gone
        workers[worker].turns = []
        members.removeAll { $0 == worker }
        return turns
    }

    /// It takes no more turns. An idle one goes at once.
    mutating func drain(_ worker: Int) {
        guard !workers[worker].turns.isEmpty else {
            _ = remove(worker)
            return
        }
        count(worker, by: -1)
        workers[worker].state = .draining
        count(worker, by: 1)
    }

    // MARK: - Turns

    /// The worker for the next turn; nil where every slot is taken.
    mutating func nextFree() -> Int? {
        while let top = free.min {
            let worker = workers[top.worker]
            if worker.state == .ready, worker.turns.count < slots, top.isPartial == !worker.turns.isEmpty { return top.worker }
            free.removeMin()
        }
        return nil
    }

    mutating func begin(_ turn: Int32, on worker: Int) {
        count(worker, by: -1)
        let wasPartial = !workers[worker].turns.isEmpty
        workers[worker].turns.append(turn)
        resident += 1
        count(worker, by: 1)
        // A worker that stays partly used keeps its place.
        if offersFree, !wasPartial || workers[worker].turns.count == slots {
            free.removeMin()
            offer(worker)
        }
    }

    mutating func end(_ turn: Int32, on worker: Int) {
        count(worker, by: -1)
        let wasFull = workers[worker].turns.count == slots
        workers[worker].turns.removeAll { $0 == turn }
        resident -= 1
        count(worker, by: 1)
        if workers[worker].state == .draining, workers[worker].turns.isEmpty {
            _ = remove(worker)
        } else if wasFull || workers[worker].turns.isEmpty {
            offer(worker)
        }
    }

    // MARK: - Victims

    /// Those still starting, the youngest first.
    func youngestStarting(_ limit: Int) -> [Int] { youngest(limit) { $0.state == .starting } }

    /// Idle ones, the youngest first.
    func youngestIdle(_ limit: Int) -> [Int] { youngest(limit) { $0.state == .ready && $0.turns.isEmpty } }

    var ready: [Int] { members.filter { workers[$0].state == .ready } }

    private func youngest(_ limit: Int, _ fits: (Worker) -> Bool) -> [Int] {
        var found: [Int] = []
        for worker in members.reversed() {
            guard found.count < limit else { break }
            if fits(workers[worker]) { found.append(worker) }
        }
        return found
    }

    // MARK: - Counts

    private mutating func offer(_ worker: Int) {
        guard offersFree, workers[worker].state == .ready, workers[worker].turns.count < slots else { return }
        free.insert(Free(isPartial: !workers[worker].turns.isEmpty, worker: worker))
    }

    private mutating func count(_ worker: Int, by step: Int) {
        let used = workers[worker].turns.count
        switch workers[worker].state {
        case .starting: starting += step
        case .draining: drainingBusy += used > 0 ? step : 0
        case .ready: if used == 0 { idle += step } else if used < slots { partial += step } else { full += step }
        case .gone: break
        }
    }
}
