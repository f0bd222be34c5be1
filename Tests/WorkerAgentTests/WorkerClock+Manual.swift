import Domain
import TestSupport
import WorkerAgent

extension ManualClock {
    /// This clock as a worker's: it begins at a moment of 2023.
    var clock: WorkerClock { WorkerClock(now: { self.logTime }, sleep: { try await self.sleep($0) }) }
    var logTime: LogTime { LogTime(microseconds: 1_700_000_000_000_000).adding(microseconds: Int64(now / .microseconds(1))) }
}
