import Synchronization

// How many streams are open, and how do they end when the service does?
//
// A stream enters with what ends it, and leaves. No more than the limit are open; once `stop` was called those that are open
// are ended and no other enters.

final class OpenStreams: Sendable {
    private struct State {
        var enders: [UInt64: @Sendable () -> Void] = [:]
        var lastID: UInt64 = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.enders.count } }
    var isStopping: Bool { state.withLock { $0.isStopping } }

    func enter(_ end: @escaping @Sendable () -> Void) throws(ScalerRefusal) -> UInt64 {
        let entered = state.withLock { state -> Result<UInt64, ScalerRefusal> in
            if state.isStopping { return .failure(.stopping) }
            guard state.enders.count < limit else {
                return .failure(.tooMany("\(limit) streams are open, which is the most: close some, or raise keda.limits.streams"))
            }
            state.lastID += 1
            state.enders[state.lastID] = end
            return .success(state.lastID)
        }
        return try entered.get()
    }

    func leave(_ id: UInt64) { state.withLock { _ = $0.enders.removeValue(forKey: id) } }

    func stop() {
        let enders = state.withLock { state in
            state.isStopping = true
            return state.enders.values.map { $0 }
        }
        for end in enders { end() }
    }
}
