package import Domain
package import EventLog
import Views
import Foundation
import Output
import Replay

// What does a log's own file say, without a service?
//
// The file is opened for reading alone, whether or not a service writes to it at the moment.

package enum LogFile {
    package static func open(_ path: String) throws -> EventLog {
        try checkExists(path)
        do { return try EventLog.openReadOnly(path: path) } catch { throw Fault(error) }
    }

    package static func checkExists(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw Fault(.unreachable, "there is no file \(path)", do: "name the log's file with --db")
        }
    }

    package static func events(path: String) async throws -> any EventSource { LogEvents(log: try open(path)) }

    /// The state at a moment of the log, or at its end, folded by the service's own code.
    package static func state(path: String, at moment: Moment? = nil) async throws -> any StateSource {
        let log = try open(path)
        do throws(LogError) {
            return PlaneState(plane: HistoricalState(state: try History.state(of: log, at: moment ?? .position(.max)), log: log))
        } catch { throw Fault(error) }
    }
}

/// The questions of `StateSource`, put to a control plane in this process.
struct PlaneState: StateSource {
    let plane: any ControlPlane

    func pools() async throws -> [PoolView] { await plane.pools() }
    func pool(_ name: String) async throws -> PoolView? { await plane.pool(name) }
    func workers(pool: String?, after: String?, limit: Int) async throws -> [WorkerView] {
        await plane.workers(pool: pool, after: after, limit: limit)
    }
    func worker(_ name: String) async throws -> WorkerView? {
        try only(await plane.workers(named: name), "worker", name) { $0.fullName }
    }
    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async throws -> [ActorView] {
        await plane.actors(pool: pool, status: status, after: after, limit: limit)
    }
    func actor(_ id: String) async throws -> ActorView? {
        try only(await plane.actors(named: id), "actor", id) { $0.fullName }
    }
    func placement(_ actor: String) async throws -> PlacementView? { await plane.explainPlacement(of: actor) }
    func policies() async throws -> [PolicyView] { await plane.policies() }
    func policy(_ pool: String) async throws -> PolicyView? { await plane.policy(pool) }

    private func only<View>(_ found: [View], _ what: String, _ name: String, full: (View) -> String) throws -> View? {
        guard found.count > 1, case .conflict(let several) = ControlFault.several(what, name, found.map(full)) else { return found.first }
        throw Fault(.no, several)
    }
}
