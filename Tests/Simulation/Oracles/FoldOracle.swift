import State
import ControlLoop
import Domain
package import EventLog

// Is the state what folding the log gives, from nothing and from every checkpoint?

package struct FoldOracle: Oracle {
    package static let name = "fold"

    package init() {}

    package mutating func ended(_ run: Simulation) {
        guard let log = run.log, let loop = run.loop else { return }
        do throws(LogError) {
            for problem in try Self.problems(log, live: loop.state.encoded()) { fail(run, problem) }
        } catch { fail(run, "\(error)") }
    }

    package static func problems(_ log: EventLog, live: [UInt8]) throws(LogError) -> [String] {
        let batches = try log.read(after: 0, limitEvents: 1_000_000)
        var problems: [String] = []
        var state = State()
        for batch in batches { _ = state.fold(batch, names: log.names) }
        let fromNothing = state.encoded()
        if fromNothing != live {
            problems.append("folded from nothing the state is another than the loop's: \(difference(fromNothing, live))")
        }
        var limit = Position.max
        while true {
            let start = State.nearest(to: limit, in: log)
            guard start.position > 0 else { break }
            var state = start
            for batch in batches where batch.firstSeq > start.position { _ = state.fold(batch, names: log.names) }
            if state.encoded() != fromNothing {
                problems.append(
                    "folded from the checkpoint of \(start.position) the state is another: \(difference(state.encoded(), fromNothing))")
            }
            limit = start.position - 1
        }
        if let again = try? State(decoding: fromNothing), again.encoded() != fromNothing {
            problems.append("read back from its bytes the state is another")
        }
        return problems
    }

    private static func difference(_ a: [UInt8], _ b: [UInt8]) -> String {
        let first = zip(a, b).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        return "\(a.count) and \(b.count) bytes, first at \(first.map(String.init) ?? "the end")"
    }
}
