package import ControlLoop
import Domain

// How do the loop's requests reach the twins of its targets?
//
// One call of a pool at a time, what may stay before the count, the count before the rest; what can't be reached is tried
// again. Belongs to one life of the service: a call under way when that ends is answered to nobody, and may still arrive.

package final class Actuations: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    private struct Wishes {
        var count: (to: Int, seq: Position, mayTakeOver: Bool, slots: Int)?
        var calls: [TargetTwin.Call] = []
        var isCalling = false
        var attempts = 0
        var lastSeq: Position = 0
    }

    private let time: TimeTwin
    private let fence: Fence
    private let target: (String) -> TargetTwin?
    private let answer: (_ worker: String, _ pool: String, _ isKept: Bool) -> Void
    private var pools: [String: Wishes] = [:]
    private var isEnded = false

    package init(time: TimeTwin, fence: Fence, target: @escaping (String) -> TargetTwin?, answer: @escaping (String, String, Bool) -> Void) {
        self.time = time
        self.fence = fence
        self.target = target
        self.answer = answer
    }

    package func end() { isEnded = true }
    package var isQuiet: Bool { pools.values.allSatisfy { !$0.isCalling && $0.count == nil && $0.calls.isEmpty } }

    package func take(_ request: DrivenLoop.Request) {
        switch request {
        case .resize(let pool, let to, let seq, let back):
            for recall in back { takeBack(recall, pool.name) }
            guard seq >= pools[pool.name, default: Wishes()].lastSeq else { return }
            pools[pool.name, default: Wishes()].lastSeq = seq
            pools[pool.name, default: Wishes()].count = (to, seq, pool.foreignChange == .takeOver, pool.slotsPerWorker)
            goOn(pool.name)
        case .drain(let pool, let worker): add(.drain(worker), pool.name)
        case .remove(let pool, let worker): add(.remove(worker), pool.name)
        case .takeBack(let pool, let recall): takeBack(recall, pool.name)
        case .release(let pool):
            pools[pool]?.count = nil
            pools[pool]?.calls.removeAll { if case .takeBack = $0 { false } else { true } }
        }
    }

    private func add(_ call: TargetTwin.Call, _ pool: String) {
        guard !pools[pool, default: Wishes()].calls.contains(call) else { return }
        pools[pool, default: Wishes()].calls.append(call)
        goOn(pool)
    }

    private func takeBack(_ recall: DrivenLoop.Recall, _ pool: String) {
        let isWaiting = pools[pool]?.calls.contains(.remove(recall.worker)) ?? false
        guard !recall.isRemovalSent || isWaiting else {
            time.perform { [weak self] in self?.answer(recall.worker, pool, false) }
            return
        }
        pools[pool, default: Wishes()].calls.insert(.takeBack(recall.worker), at: 0)
        goOn(pool)
    }

    private func goOn(_ pool: String) {
        guard !isEnded, let wishes = pools[pool], !wishes.isCalling, let target = target(pool) else { return }
        let call: TargetTwin.Call
        if let first = wishes.calls.first, case .takeBack = first {
            call = first
        } else if let count = wishes.count {
            call = .resize(to: count.to, mayTakeOver: count.mayTakeOver, slots: count.slots)
        } else if let first = wishes.calls.first {
            call = first
        } else {
            return
        }
        pools[pool]?.isCalling = true
        target.call(call, fence: fence) { [weak self] result in self?.answered(call, wishes.count?.seq, pool, result) }
    }

    private func answered(_ call: TargetTwin.Call, _ seq: Position?, _ pool: String, _ result: Result<Bool, ActuationFault>) {
        guard !isEnded else { return }
        pools[pool]?.isCalling = false
        if case .failure(.unreachable) = result {
            if case .takeBack(let worker) = call { settle(call, seq, pool, isKept: false, worker) }
            let attempts = (pools[pool]?.attempts ?? 0) + 1
            pools[pool]?.attempts = attempts
            pools[pool]?.isCalling = true
            time.after(microseconds: min(100_000 << Int64(min(attempts, 9)), 30_000_000)) { [weak self] in
                self?.pools[pool]?.isCalling = false
                self?.goOn(pool)
            }
            return
        }
        pools[pool]?.attempts = 0
        var isKept = false
        if case .success(let kept) = result { isKept = kept }
        if case .failure(.refused) = result, case .resize = call {
            // Somebody may mend it.
            pools[pool]?.isCalling = true
            time.after(microseconds: 60_000_000) { [weak self] in
                self?.pools[pool]?.isCalling = false
                self?.goOn(pool)
            }
            return
        }
        if case .takeBack(let worker) = call { settle(call, seq, pool, isKept: isKept, worker) } else { settle(call, seq, pool, isKept: false, nil) }
        goOn(pool)
    }

    private func settle(_ call: TargetTwin.Call, _ seq: Position?, _ pool: String, isKept: Bool, _ worker: String?) {
        if case .resize = call {
            if pools[pool]?.count?.seq == seq { pools[pool]?.count = nil }
            return
        }
        if let index = pools[pool]?.calls.firstIndex(of: call) { pools[pool]?.calls.remove(at: index) }
        guard let worker else { return }
        if isKept { pools[pool]?.calls.removeAll { $0 == .drain(worker) || $0 == .remove(worker) } }
        answer(worker, pool, isKept)
    }
}
