import Kubernetes
import Machine
import TestSupport

extension ManualClock {
    var clock: MonotonicClock { MonotonicClock(now: { self.now }, sleep: { try await self.sleep($0) }) }
}
