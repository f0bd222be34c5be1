import ControlLoop
import Domain

// Do memory and queues stay within bounds that follow from who is there?

package struct SizeOracle: Oracle {
    package static let name = "sizes"
    package static let work = 64
    package static let bytesEach = 4_096
    package static let bytesBesides = 65_536

    package init() {}

    package mutating func settled(_ run: Simulation) {
        guard run.loop != nil else { return }
        // An alarm, a retry, and a rest or two for each pool.
        if run.time.serviceWork > Self.work { fail(run, "\(run.time.serviceWork) pieces of work wait for their time") }
    }

    package mutating func ended(_ run: Simulation) {
        guard let loop = run.loop else { return }
        let parts = run.ledger.actors.count + run.ledger.workers.count + run.schedule.pools.count
        let bytes = loop.state.encoded().count
        if bytes > Self.bytesBesides + Self.bytesEach * parts {
            fail(run, "the state has \(bytes) bytes for \(parts) actors, workers and pools")
        }
    }
}
