import Output
import Autoscaling
import ControlLoop
package import Domain
import EventLog
import Foundation
import State
import Synchronization

// How fast does a commit become a decision?
//
// A fleet's history goes through the live loop on one thread, commit by commit: fold, evaluation of every pool touched,
// streams, placements, drains, decisions and their words. Nothing is read or written meanwhile. Events a second are per
// second of this thread's processor time, so that other work on the machine counts as little as may be.

package struct DecideReport: Sendable {
    package var plan: FleetPlan
    package var events: Int64 = 0
    package var commits = 0
    package var pools = 0
    var conclusions = Conclusions()
    /// Of the fold alone, evaluation included.
    var foldSeconds = 0.0
    package var seconds = 0.0
    /// Processor time of one commit, all of its conclusions included; sorted.
    var commitNanoseconds: [UInt32] = []
    package var machine = MachineFacts()

    func quantileSeconds(_ q: Double) -> Double {
        guard !commitNanoseconds.isEmpty else { return 0 }
        let rank = Int((q * Double(commitNanoseconds.count)).rounded(.up))
        return Double(commitNanoseconds[min(max(rank, 1), commitNanoseconds.count) - 1]) / 1e9
    }

    package var eventsPerSecond: Double { seconds > 0 ? Double(events) / seconds : 0 }
    var foldedPerSecond: Double { foldSeconds > 0 ? Double(events) / foldSeconds : 0 }

    package var text: String {
        let parts = [
            "\(Grouped.text(Int(events))) events in \(Grouped.text(commits)) commits over \(plan.pools) pools",
            "\(Grouped.text(Int(eventsPerSecond))) events/s through fold and decide on one core (fold alone \(Grouped.text(Int(foldedPerSecond))))",
            "a commit's conclusions p50 \(DurationText.precise(quantileSeconds(0.5))) p99 \(DurationText.precise(quantileSeconds(0.99)))",
            "\(Grouped.text(conclusions.decisions)) decisions, \(Grouped.text(conclusions.placements)) placements",
        ]
        return "decide: \(parts.joined(separator: "; ")) | \(machine.text)"
    }

    package var json: JSONValue {
        .object([
            .init(key: "bench", value: .string("decide")), .init(key: "events", value: .whole(events)),
            .init(key: "commits", value: .whole(commits)),
            .init(key: "pools", value: .whole(plan.pools)), .init(key: "eventsPerSecond", value: .thousandths(eventsPerSecond)),
            .init(key: "foldedPerSecond", value: .thousandths(foldedPerSecond)),
            .init(
                key: "commitMicroseconds",
                value: .object([
                    .init(key: "p50", value: .thousandths(quantileSeconds(0.5) * 1e6)),
                    .init(key: "p99", value: .thousandths(quantileSeconds(0.99) * 1e6)),
                    .init(key: "max", value: .thousandths(quantileSeconds(1) * 1e6)),
                ])),
            .init(key: "decisions", value: .whole(conclusions.decisions)), .init(key: "placements", value: .whole(conclusions.placements)),
            .init(key: "machine", value: machine.json),
        ])
    }
}

/// What a loop concluded.
struct Conclusions: Hashable, Sendable {
    var decisions = 0
    var placements = 0
}

package enum DecideBench {
    package static func run(_ plan: FleetPlan) throws -> DecideReport {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let path = folder.path("history.db")
        var progress = ProgressBar("making a history", total: Int64(plan.events))
        try FleetHistory.make(plan, at: path) { progress.update($0) }
        progress.finish()
        do throws(LogError) {
            let log = try EventLog.openReadOnly(path: path)
            defer { log.close() }
            return measure(plan, try commits(of: log), log)
        } catch { throw Fault(error) }
    }

    private static func commits(of log: EventLog) throws(LogError) -> [CommittedBatch] {
        var all: [CommittedBatch] = []
        while true {
            let slice = try log.read(after: all.last?.lastSeq ?? 0, limitEvents: 65_536)
            if slice.isEmpty { return all }
            all += slice
        }
    }

    private static func measure(_ plan: FleetPlan, _ commits: [CommittedBatch], _ log: EventLog) -> DecideReport {
        var report = DecideReport(plan: plan)
        report.events = commits.last?.lastSeq ?? 0
        report.commits = commits.count
        var begin = ThreadClock.processorSeconds()
        var state = State()
        for commit in commits { _ = state.fold(commit, names: log.names) }
        report.foldSeconds = ThreadClock.processorSeconds() - begin

        let counter = ConclusionCounter()
        let loop = VirtualLoop(recordedIn: log, observer: counter)
        report.commitNanoseconds.reserveCapacity(commits.count)
        begin = ThreadClock.processorSeconds()
        for commit in commits {
            let before = ThreadClock.processorSeconds()
            loop.take(commit)
            report.commitNanoseconds.append(UInt32(clamping: Int((ThreadClock.processorSeconds() - before) * 1e9)))
        }
        report.seconds = ThreadClock.processorSeconds() - begin
        report.commitNanoseconds.sort()
        report.conclusions = counter.count
        return report
    }
}

enum ThreadClock {
    /// Processor time that this thread has taken.
    static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A folder of a benchmark's own.
struct ScratchFolder {
    private let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-bench-\(UUID().uuidString.prefix(8).lowercased())")
        do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
            throw Fault(.unreachable, "can't make the folder \(url.path)", do: "make room there, or set TMPDIR")
        }
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
    func remove() { try? FileManager.default.removeItem(at: url) }
}

/// Counts what a loop concludes, on the loop's own thread.
final class ConclusionCounter: LoopObserving {
    private let counts = Mutex(Conclusions())
    var count: Conclusions { counts.withLock { $0 } }

    func decided(pool: String, direction: Decision.Direction, reason: String) { counts.withLock { $0.decisions += 1 } }
    func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {}
    func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) { counts.withLock { $0.placements += 1 } }
    func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {}
    func concluded(secondsSinceCommit: Double, events: Int) {}
    func couldNotRead(_ problem: String) {}
    func couldNotSaveCheckpoint(_ problem: String) {}
    func workerStarted(pool: String, seconds: Double) {}
    func actuated(pool: String, to: Int, reactionSeconds: Double) {}
    func actuationFailed(pool: String, error: String, attempt: Int) {}
}
