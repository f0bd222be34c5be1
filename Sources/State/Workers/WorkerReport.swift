package import Domain

// What did a worker's pod say of its own work?
//
// The last `worker.observed` of the worker. It counts as long as the pool's policy asks pods (`workers.busy`), and is kept beyond that, so
// that a policy that comes back finds it. A pod that doesn't answer is `unknown`; whether it counts as busy is in the event, as the
// service's clock and the policy of that moment said it.

package struct WorkerReport: Hashable, Sendable {
    package enum State: UInt8, Hashable, Sendable, CaseIterable {
        case idle = 1
        case busy = 2
        /// It didn't answer.
        case unknown = 3

        package var name: String {
            switch self {
            case .idle: "idle"
            case .busy: "busy"
            case .unknown: "unknown"
            }
        }

        package init?(name: String) {
            guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = state
        }
    }

    package internal(set) var state: State
    /// What it is at work on; of an unknown one 1 where it counts as busy.
    package internal(set) var tasks: Int
    /// Where the answer comes from, as the event has it.
    package internal(set) var from: String
    /// Why it is unknown; empty where it isn't.
    package internal(set) var problem: String
    /// When it came into this state, however its tasks changed since.
    package internal(set) var since: LogTime
    /// Of the event.
    package internal(set) var seq: Position
}

extension WorkerReport {
    /// Characters of the event's texts that are kept.
    static let textLimit = 256

    func encode(into writer: inout ByteWriter) {
        writer.integer(state.rawValue)
        writer.integer(Int64(tasks))
        writer.string(from)
        writer.string(problem)
        writer.time(since)
        writer.integer(seq)
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        state = try reader.enumeration()
        tasks = Int(try reader.integer(in: 0...EventLimits.slots))
        from = try reader.string()
        problem = try reader.string()
        since = try reader.time()
        seq = try reader.integer()
    }
}

extension State {
    /// A pod was asked, and this is another answer than the last.
    mutating func observe(_ known: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var state: WorkerReport.State?
        var tasks = 0
        var (from, problem) = ("", "")
        let isWhole = body.readMembers { key, value in
            if key == "state" { state = body.text(value).flatMap { WorkerReport.State(name: $0) } }
            if key == "busy" { tasks = Int(min(max(0, body.integer(value) ?? 0), EventLimits.slots)) }
            if key == "from" { from = String((body.text(value) ?? "").prefix(WorkerReport.textLimit)) }
            if key == "error" { problem = String((body.text(value) ?? "").prefix(WorkerReport.textLimit)) }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        guard let state else { return fold.skip(event, "its state is none that this version knows") }
        let before = workers[known].report
        let since = before?.state == state ? before?.since ?? fold.at : fold.at
        let report = WorkerReport(state: state, tasks: tasks, from: from, problem: problem, since: since, seq: event.seq)
        changeWorker(known, &fold) { $0.report = report }
        return true
    }

    /// Whether what workers said counts follows the pool's own policy.
    mutating func countReports(of home: Int, _ fold: inout Fold) {
        let counts = pools[home].policy?.policy.busy != nil
        for member in pools[home].members where workers[member].isReportCounted != counts {
            changeWorker(member, &fold) { $0.isReportCounted = counts }
        }
    }
}
