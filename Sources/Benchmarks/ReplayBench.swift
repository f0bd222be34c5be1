import Output
import ControlLoop
package import Domain
import EventLog
import Foundation
import Replay

// How soon is a log's state there again, and how fast does its history pass?
//
// Each measurement runs in a process of its own, so that its peak memory is its own. A log made here is made in a process
// that kills itself when that costs most: checkpoints as the service writes them, and the next one just about to come. It is
// opened as the crash left it, then stopped as the service stops, and opened again.

/// One measurement.
package enum ReplayStage: String, Sendable, CaseIterable {
    /// As the service opens a log: for writing, then to the live state from the newest checkpoint.
    case open
    /// The same after a clean stop.
    case reopen
    /// Ends it as the service does: with a checkpoint, and closed.
    case stop
    /// The same for reading only.
    case read
    /// The live state from all events, without a checkpoint.
    case fold
    /// Every commit through the live loop.
    case replay

    package var words: String {
        switch self {
        case .open: "opened to the live state after a crash at the worst moment"
        case .reopen: "after a clean stop"
        case .stop: "stopped"
        case .read: "opened for reading, to the live state"
        case .fold: "folded without checkpoints"
        case .replay: "replayed"
        }
    }

    /// Runs it in this process.
    package func measure(_ path: String) throws -> StageFigures {
        var events: Position = 0
        let begin = ContinuousClock.now
        let processor = ThreadClock.processorSeconds()
        do throws(LogError) {
            switch self {
            case .open, .reopen: events = try Self.liveState(of: EventLog.open(EventLog.Configuration(path: path)))
            case .stop: events = try Self.stop(EventLog.open(EventLog.Configuration(path: path)))
            case .read: events = try Self.liveState(of: EventLog.openReadOnly(path: path))
            case .fold: events = try Self.liveState(of: EventLog.openReadOnly(path: path), ignoringCheckpoints: true)
            case .replay: events = try Self.replay(EventLog.openReadOnly(path: path))
            }
        } catch { throw Fault(error) }
        let took = ContinuousClock.now - begin
        return StageFigures(
            events: events, seconds: Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18,
            processorSeconds: ThreadClock.processorSeconds() - processor,
            peakResidentBytes: ProcessUse(ProcessInfo.processInfo.processIdentifier)?.peakResidentBytes ?? 0)
    }

    /// The position reached. The log stays open: closing it is not measured.
    private static func liveState(of log: EventLog, ignoringCheckpoints: Bool = false) throws(LogError) -> Position {
        try History.state(of: log, at: .position(.max), ignoringCheckpoints: ignoringCheckpoints).position
    }

    private static func stop(_ log: EventLog) throws(LogError) -> Position {
        let state = try History.state(of: log, at: .position(.max))
        try log.saveCheckpoint(of: state)
        log.close()
        return state.position
    }

    private static func replay(_ log: EventLog) throws(LogError) -> Position {
        let loop = VirtualLoop(recordedIn: log)
        while true {
            let commits = try log.read(after: loop.state.position, limitEvents: 16_384)
            if commits.isEmpty { return loop.state.position }
            for commit in commits { loop.take(commit) }
        }
    }
}

package struct StageFigures: Hashable, Sendable, Codable {
    package var events: Int64
    package var seconds: Double
    /// Of the thread that folds.
    var processorSeconds: Double
    var peakResidentBytes: Int64

    package var eventsPerSecond: Double { seconds > 0 ? Double(events) / seconds : 0 }

    package var json: JSONValue {
        .object([
            .init(key: "events", value: .whole(events)), .init(key: "seconds", value: .thousandths(seconds)),
            .init(key: "processorSeconds", value: .thousandths(processorSeconds)),
            .init(key: "eventsPerSecond", value: .thousandths(eventsPerSecond)),
            .init(key: "peakResidentBytes", value: .whole(peakResidentBytes)),
        ])
    }
}

/// What was found of logs of one or more lengths.
package struct ReplayReport: Sendable {
    var logs: [[(stage: ReplayStage, figures: StageFigures)]] = []
    package var machine = MachineFacts()

    package var text: String {
        let parts = logs.map { log in
            "\(Grouped.text(Int(log.first?.figures.events ?? 0))) events: "
                + log.map { stage, figures in
                    let rate = stage == .replay || stage == .fold ? ", \(Grouped.text(Int(figures.eventsPerSecond))) events/s" : ""
                    return "\(stage.words) in \(DurationText.precise(figures.seconds))\(rate) (peak \(figures.peakResidentBytes >> 20) MB)"
                }.joined(separator: ", ")
        }
        return "replay: \(parts.joined(separator: "; ")) | \(machine.text)"
    }

    package var json: JSONValue {
        let logs = logs.map { log in JSONValue.object(log.map { .init(key: $0.stage.rawValue, value: $0.figures.json) }) }
        return .object([
            .init(key: "bench", value: .string("replay")), .init(key: "logs", value: .array(logs)),
            .init(key: "machine", value: machine.json),
        ])
    }
}

package enum ReplayBench {
    /// A log that is there: it is only read.
    package static func run(existing path: String) throws -> ReplayReport {
        var report = ReplayReport()
        report.logs.append(try [.read, .fold, .replay].map { ($0, try inOwnProcess($0, path)) })
        return report
    }

    /// Logs made for it: a tenth of the plan's length, then all of it.
    package static func run(_ plan: FleetPlan) throws -> ReplayReport {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        var report = ReplayReport()
        for events in [plan.events / 10, plan.events] where events > 0 {
            var part = plan
            part.events = events
            let path = folder.path("log-\(events).db")
            try makeInOwnProcess(part, path)
            report.logs.append(try [.open, .stop, .reopen, .fold, .replay].map { ($0, try inOwnProcess($0, path)) })
        }
        return report
    }

    /// The process ends by a signal that it sends itself: nothing is closed or saved in it after the last event.
    private static func makeInOwnProcess(_ plan: FleetPlan, _ path: String) throws {
        let process = Process()
        process.executableURL = try ServerProcess.executable()
        process.arguments = [
            "bench", "crash", path, "--events", "\(plan.events)", "--pools", "\(plan.pools)", "--actors", "\(plan.actors)",
            "--commit-events", "\(plan.eventsPerCommit)", "--seed", "\(plan.seed)",
        ]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGKILL else {
            throw Fault(.unreachable, "making the log \(path) failed", do: "see its output above")
        }
    }

    private static func inOwnProcess(_ stage: ReplayStage, _ path: String) throws -> StageFigures {
        let process = Process()
        process.executableURL = try ServerProcess.executable()
        process.arguments = ["bench", "stage", stage.rawValue, path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.standardError
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let response = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, let figures = try? JSONDecoder().decode(StageFigures.self, from: response) else {
            throw Fault(.unreachable, "the measurement \(stage.rawValue) of \(path) failed", do: "see its output above")
        }
        return figures
    }
}
