import Domain
import EventLog
import Foundation
import Output
import Replay
import Simulation

// What happened to the pools of a log, read with a progress bar, and what would have?

enum PoolHistories {
    static func read(_ file: EventLog, _ stretch: LogStretch, pools: Set<NameID>) throws -> [PoolHistory] {
        var reader = HistoryReader(log: file, stretch: stretch, pools: pools)
        let chain: VerifyReport
        do throws(LogError) {
            let meter = ProgressMeter("hash chain", total: stretch.last)
            defer { meter.finish() }
            chain = try reader.checkChain { meter.update($0) }
        } catch { throw Fault(error) }
        if let fault = chain.fault { throw Fault(.no, "\(file.path) is not what was written: \(fault)", do: "compare with a copy") }
        do throws(LogError) {
            let meter = ProgressMeter("reading", total: stretch.last)
            defer { meter.finish() }
            while try reader.step() { meter.update(reader.position) }
        } catch { throw Fault(error) }
        return reader.finish()
    }
}

extension WhatIf {
    /// Every pool that a policy is for.
    func answers(_ histories: [PoolHistory], path: String, draws: Bool = false) async throws -> [Answer] {
        for policy in policies {
            guard let pool = Self.pool(of: policy), !histories.contains(where: { $0.pool == pool }) else { continue }
            let known = histories.isEmpty ? "no pool has" : "these have: \(histories.map(\.pool).joined(separator: ", "))"
            throw Fault(.no, "a policy is for pool \(pool), which has no turns in this stretch of \(path)", do: known)
        }
        var answers: [Answer] = []
        for history in histories where !policies(for: history).isEmpty {
            answers.append(await answer(history, parallelism: ProcessInfo.processInfo.activeProcessorCount, draws: draws))
        }
        guard !answers.isEmpty else {
            throw Fault(.no, "no pool has turns in this stretch of \(path)", do: "give other --from, --to or --pool")
        }
        return answers
    }
}
