package import Autoscaling
package import Domain

// What can happen in a simulated run?
//
// A step is data: which thing happens, and when. A run is a list of them; leaving some out leaves the others as they are,
// which is what shrinking a failure rests on. Numbers that name a worker, an actor or an earlier event count modulo what is
// there.

package struct Step: Hashable, Sendable, CustomStringConvertible {
    /// In the whole schedule of its seed: by this it is named when a shrunk run is run again.
    package var index: Int
    /// Microseconds after the start.
    package var at: Int64
    package var action: Action

    package init(index: Int, at: Int64, action: Action) {
        self.index = index
        self.at = at
        self.action = action
    }

    package var description: String { "\(index) at \(Double(at / 1_000) / 1_000) s: \(text)" }

    /// A policy as its JSON.
    private var text: String {
        switch action {
        case .policy(let policy), .shadow(let policy):
            var json = JSONWriter()
            policy.appendCanonicalJSON(to: &json)
            return "\(policy.shadow == nil ? "policy" : "shadow") \(String(decoding: json.bytes, as: UTF8.self))"
        default: return "\(action)"
        }
    }
}

package enum Action: Hashable, Sendable {
    // What is wanted.
    case turn(actor: Int, pool: Int, milliseconds: Int64, ending: Ending)
    case policy(Policy)
    case removePolicy(pool: Int)
    case shadow(Policy)
    case removeShadow(pool: Int, name: String)
    case pause(pool: Int, Pause)
    case observe(pool: Int, value: Int?)
    /// A turn whose request names the time by which it needs a worker, in so many seconds.
    case turnBy(actor: Int, pool: Int, milliseconds: Int64, ending: Ending, deadlineSeconds: Int)
    /// A turn of an actor that has the name of another one, in another namespace.
    case namesake(actor: Int, pool: Int, milliseconds: Int64, ending: Ending)
    /// A caller asks the service for a placement, and waits for the answer.
    case place(Call)
    case withdraw(actor: Int)
    /// Somebody takes a worker out of the pool.
    case claim(pool: Int, milliseconds: Int64, isForced: Bool)
    /// A worker comes that says itself that it is there.
    case leased(pool: Int, ttlSeconds: Int, keepsStream: Bool)

    package struct Call: Hashable, Sendable {
        package var actor: Int
        package var pool: Int
        package var milliseconds: Int64
        package var waitMilliseconds: Int64
        package var id: Int?
        package var givesUpMilliseconds: Int64?
        package var deadlineSeconds: Int?

        package init(
            actor: Int, pool: Int, milliseconds: Int64, waitMilliseconds: Int64, id: Int? = nil, givesUpMilliseconds: Int64? = nil,
            deadlineSeconds: Int? = nil
        ) {
            (self.actor, self.pool, self.milliseconds, self.waitMilliseconds) = (actor, pool, milliseconds, waitMilliseconds)
            (self.id, self.givesUpMilliseconds, self.deadlineSeconds) = (id, givesUpMilliseconds, deadlineSeconds)
        }
    }

    // What agents and workers do wrong.
    /// Any event of any kind about anybody, from a source of its own.
    case lie(kind: EventKind, actor: Int, worker: Int, pool: Int)
    case again(back: Int)
    case killWorker(pool: Int, worker: Int, isTold: Bool)
    case sameName(pool: Int, worker: Int)
    case lateStarts(pool: Int, milliseconds: Int64)
    case lostStarts(pool: Int, count: Int)
    /// A worker with a lease gives no sign of life for so long.
    case silence(worker: Int, seconds: Int64)
    /// It opens a stream of its placements, or closes it.
    case turnStream(worker: Int)
    /// An actor that nobody placed runs on a worker that is told to go.
    case runOnDraining(actor: Int, pool: Int, milliseconds: Int64)
    /// A worker's pod says whether it is busy: `idle`, `busy` or `unknown`.
    case report(pool: Int, worker: Int, state: String, tasks: Int)

    // What targets do wrong.
    case target(pool: Int, TargetMode, seconds: Int64)
    case setByOthers(pool: Int, count: Int)
    case recreate(pool: Int)
    /// Another instance acts for a while.
    case fenced(pool: Int)
    case loseWatch(pool: Int, WatchFault, milliseconds: Int64)

    // What object storage does wrong.
    case spoilSnapshot(actor: Int, isLost: Bool)
    case golden(bytes: Int64?)
    /// It fails, or answers late, for so long.
    case store(fails: Bool, answerMilliseconds: Int64, seconds: Int64)

    // What the machine does wrong.
    case append(AppendFault, times: Int)
    case disk(DiskFault, seconds: Int64)
    case clock(seconds: Int64)
    /// The log's file is moved away, and back after so long.
    case moveFile(seconds: Int64)
    /// A count that no reader takes, as logs of earlier versions hold it.
    case poison(pool: Int, count: Int64)
    case checkpoint
    case restart(Restart)
    /// It is killed, and started where the log can't be read for so long.
    case unreadableStart(seconds: Int64)
    /// The process stands still, as one that is stopped or starved.
    case halt(seconds: Int64)
    /// The lease goes to another instance while this one works: it has so long to end, and the other waits for the log's file.
    case deposed(seconds: Int64)
}

package struct Restart: Hashable, Sendable {
    /// How the process ends.
    package enum End: String, Hashable, Sendable, CaseIterable {
        case stopped, killed, powerCut
    }

    /// What its checkpoints have become.
    package enum Checkpoints: String, Hashable, Sendable, CaseIterable {
        case kept, gone, damaged
    }

    package var end: End
    package var checkpoints: Checkpoints
    /// Until it runs again.
    package var downMilliseconds: Int64

    package init(end: End, checkpoints: Checkpoints, downMilliseconds: Int64) {
        self.end = end
        self.checkpoints = checkpoints
        self.downMilliseconds = downMilliseconds
    }
}
