package import Autoscaling
package import Domain
package import EventLog
package import Replay

// What would policies have done to one pool in a stretch of a log that is being written?
//
// `greenroom replay --policy` for a running service: the same reader and the same simulation, bounded. A stretch and its turns have a
// limit; reading goes on in steps, and ends, as the simulation does, once the task is cancelled. The hash chain isn't checked here:
// `log verify` and the page's log do that.

package struct WhatIfRun {
    /// Why there is no answer.
    package enum Fault: Error, Hashable, Sendable {
        case log(LogError)
        case unknownPool(String)
        /// Nothing was logged between the two.
        case emptyStretch(head: Position, at: LogTime)
        case tooManyEvents(Int64)
        case tooManyTurns(Int)
        case noTurns(pool: String, first: Position, last: Position)
    }

    /// Events of a stretch, at most: some seconds of reading.
    package static let eventsMost: Int64 = 5_000_000
    /// Turns that are simulated, at most.
    package static let turnsMost = 500_000

    private let pool: String
    private let policies: [Policy]
    private let seed: UInt64
    private var reader: HistoryReader

    package var stretch: LogStretch { reader.stretch }
    /// The position that was read last.
    package var position: Position { reader.position }

    package init(log: EventLog, pool: String, policies: [Policy], from: Moment?, to: Moment?, seed: UInt64) throws(Fault) {
        let stretch: LogStretch?
        do throws(LogError) { stretch = try LogStretch(of: log, from: from, to: to) } catch { throw .log(error) }
        guard let stretch else { throw .emptyStretch(head: log.head.seq, at: log.head.at) }
        guard let name = log.names.find(pool) else { throw .unknownPool(pool) }
        let events = stretch.last - stretch.first + 1
        guard events <= Self.eventsMost else { throw .tooManyEvents(events) }
        self.pool = pool
        self.policies = policies
        self.seed = seed
        reader = HistoryReader(log: log, stretch: stretch, pools: [name])
    }

    /// Reads on; false at the end of the stretch.
    package mutating func step() throws(Fault) -> Bool {
        do throws(LogError) { return try reader.step() } catch { throw .log(error) }
    }

    /// - Parameter simulated: called with how many of the policies are done, and how many there are.
    package mutating func answer(simulated: @Sendable (Int, Int) -> Void = { _, _ in }) async throws(Fault) -> WhatIf.Answer {
        guard let history = reader.finish().first(where: { $0.pool == pool }) else {
            throw .noTurns(pool: pool, first: stretch.first, last: stretch.last)
        }
        guard history.turns.count <= Self.turnsMost else { throw .tooManyTurns(history.turns.count) }
        let whatIf = WhatIf(policies: policies.map { .policy($0, name: $0.name) }, seed: seed)
        return await whatIf.answer(history, parallelism: 1, draws: true, simulated: simulated)
    }
}

extension WhatIfRun.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .log(let error): error.description
        case .unknownPool(let pool): "there is no pool \(pool.prefix(EventLimits.qualifiedNameBytes))"
        case .emptyStretch(let head, let at):
            head == 0
                ? "the log holds no events yet" : "nothing was logged in this stretch: the log ends at position \(head), \(at.rfc3339)"
        case .tooManyEvents(let count):
            "the stretch holds \(count) events, and at most \(WhatIfRun.eventsMost) are replayed: choose a shorter one"
        case .tooManyTurns(let count):
            "the pool had \(count) turns in this stretch, and at most \(WhatIfRun.turnsMost) are simulated: choose a shorter one"
        case .noTurns(let pool, let first, let last):
            "pool \(pool) had no turns from position \(first) to \(last): choose another stretch"
        }
    }
}
