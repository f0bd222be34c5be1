import Basics
import Domain
import EventLog
import HTTPService
import Replay
import Simulation
import Views

// How does a running service try a policy on its own log, and verify that log?
//
// Each on a desk of its own (`WorkDesk`), so that neither waits for the other.

struct LabDesk: Sendable {
    private let log: EventLog
    private let lab: WorkDesk
    private let verifying: WorkDesk

    /// - Parameters:
    ///   - whatIfLimit: how long one policy may be tried.
    ///   - verifyLimit: how long the log may be verified; beyond, the command does it.
    init(log: EventLog, whatIfLimit: Duration = .seconds(60), verifyLimit: Duration = .seconds(600)) {
        self.log = log
        lab = WorkDesk(
            "lab", limit: whatIfLimit, tooLong: "this took longer than \(whatIfLimit.components.seconds) s: choose a shorter stretch")
        verifying = WorkDesk(
            "verify", limit: verifyLimit,
            tooLong: "this took longer than \(verifyLimit.components.seconds) s: use `greenroom log verify` on the log's file")
    }

    func whatIf(_ query: WhatIfQuery, _ progress: WorkProgress) async throws(ControlFault) -> [UInt8] {
        let log = log
        return try await lab.run { () throws(ControlFault) in
            do throws(WhatIfRun.Fault) {
                var run = try WhatIfRun(
                    log: log, pool: query.pool, policies: [query.policy], from: query.from, to: query.to, seed: query.seed)
                let (first, last) = (run.stretch.first, run.stretch.last)
                while !Task.isCancelled, try run.step() {
                    progress.note("reading", max(0, run.position - first + 1), of: last - first + 1)
                    await Task.yield()
                }
                // Whoever left reads no answer: what comes of a part is as good.
                return try await run.answer { done, total in progress.note("simulating", Int64(done), of: Int64(total)) }.json
            } catch {
                throw switch error {
                case .log(let fault): .unavailable(fault.description)
                case .unknownPool(let pool): .notFound(what: "pool", name: pool)
                case .tooManyEvents, .emptyStretch: .invalid(field: "from", problem: error.description)
                case .tooManyTurns, .noTurns: .conflict(error.description)
                }
            }
        }
    }

    func verify(_ recomputesDecisions: Bool, _ progress: WorkProgress) async throws(ControlFault) -> [UInt8] {
        let log = log
        return try await verifying.run { () throws(ControlFault) in
            do throws(LogError) {
                let head = log.head.seq
                let chain = try log.verify { progress.note("chain", $0, of: head) }
                var decisions: DecisionReport?
                if recomputesDecisions, chain.isSound {
                    var report = DecisionReport(checked: 0, first: nil)
                    var verifier = DecisionVerifier(log: log)
                    while !Task.isCancelled, report.first == nil, let checked = try verifier.step() {
                        for decision in checked where report.first == nil {
                            report.checked += 1
                            report.first = decision.difference
                        }
                        progress.note("decisions", verifier.position, of: head)
                        await Task.yield()
                    }
                    decisions = report
                }
                return Self.json(chain, decisions)
            } catch { throw .unavailable(error.description) }
        }
    }

    /// `{"sound":true,"events":…,"commits":…,"names":…,"lastSeq":…,"lastHash":…,"decisions":…}`
    static func json(_ chain: VerifyReport, _ decisions: DecisionReport?) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 512)
        json.openObject()
        json.member("sound", chain.isSound && decisions?.first == nil)
        json.member("events", chain.events)
        json.member("commits", chain.commits)
        json.member("names", chain.names)
        json.member("lastSeq", chain.head.seq)
        json.member("lastHash", Hex.text(chain.lastHash))
        if let decisions { json.member("decisions", decisions.checked) }
        if let fault = chain.fault {
            json.member("position", fault.position)
            json.member("problem", fault.description)
        } else if let difference = decisions?.first {
            json.member("position", difference.seq)
            json.member(
                "problem", "the decision at position \(difference.seq) about pool \(difference.pool) doesn't follow from the log")
            json.member("recorded", difference.recorded)
            if let recomputed = difference.recomputed { json.member("recomputed", recomputed) }
        }
        json.closeObject()
        return json.bytes
    }
}
