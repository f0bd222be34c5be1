import ArgumentParser
import Domain
import EventLog
import Foundation
import Inspection
import Output
import Replay
import Simulation

// Does the log, run again, come out as it did; and what would another policy have made of it?
//
// Without a policy every decision in the stretch is decided again by the live code and compared with the recorded one, byte
// for byte, after the hash chain was checked. With one, the stretch's arrivals are simulated under it (`WhatIfTables`).

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Run a log through the live code again, or try another policy on it.",
        discussion: """
            Without --policy: checks the hash chain and recomputes every decision. Each
            must equal the recorded one, byte for byte; the first that differs is shown
            field by field. With --policy: simulates each policy with the log's arrivals,
            turn lengths, restores and worker starts. The first row is what happened. The
            second is the recorded policy, simulated: compare it with the first to see the
            simulation's error. Each row ends with its last turn.

            Examples:
              greenroom replay --db greenroom.db
              greenroom replay --db greenroom.db --from 14:00 --to 14:30 \\
                --pool kagent/default --speed 60
              greenroom replay --db greenroom.db --policy calmer.yaml \\
                --policy builtin:keda-hpa --report report.html
            Exit status: 0 all decisions are equal, 1 one differs or the log was changed,
            3 the log can't be read.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var stretch: StretchOptions

    @Option(name: .long, help: ArgumentHelp("Print decisions at this multiple of their original speed, or max.", valueName: "n|max"))
    var speed = ReplaySpeed.max

    @Option(name: .long, help: ArgumentHelp("Simulate this policy (a file or builtin:NAME); may be repeated.", valueName: "file"))
    var policy: [String] = []

    @Option(name: .long, help: ArgumentHelp("Seed for choosing worker starts among the log's own.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(name: .long, help: ArgumentHelp("Also write an HTML page with graphs of what happened and of each policy.", valueName: "html"))
    var report: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if !policy.isEmpty, speed != .max { throw ValidationError("--speed paces what happened; with --policy leave it out") }
    }

    func run() async throws {
        try log.checkExists()
        let file = try LogFile.open(log.db)
        defer { file.close() }
        let stretch = try stretch.stretch(of: file)
        guard policy.isEmpty else { return try await tryPolicies(file, stretch) }
        let replayed = try await replay(file, stretch)
        Terminal.write(try replayed.output(output.output))
        if let report, replayed.problem == nil {
            let histories = try PoolHistories.read(file, stretch, pools: try self.stretch.pools(of: file))
            try ReportFile.write(WhatIfReport.of(histories.map { ($0.pool, [$0.drawn]) }, stretch, path: log.db, policies: 0), to: report)
        }
        if let problem = replayed.problem {
            throw Fault(
                .no, "\(log.db) does not replay: \(problem)",
                do: "everything before that position is unchanged; `greenroom log verify` checks the whole log")
        }
    }

    /// Checks and runs the stretch; prints decisions on the way where a pace was asked for.
    func replay(_ file: EventLog, _ stretch: LogStretch) async throws -> Replayed {
        var replay = LogReplay(log: file, stretch: stretch, pools: try self.stretch.pools(of: file))
        let began = ContinuousClock.now
        do throws(LogError) {
            let meter = ProgressMeter("hash chain", total: stretch.last)
            defer { meter.finish() }
            try replay.checkChain { meter.update($0) }
        } catch { throw Fault(error) }
        let meter = ProgressMeter("replaying", total: stretch.last)
        defer { meter.finish() }
        let pace = speed.times.map { ReplayPace(times: $0, from: stretch.firstAt) }
        while let checked = try step(&replay) {
            if pace == nil { meter.update(replay.position) }
            for decision in checked { try await show(decision, pace, file) }
        }
        return Replayed(path: log.db, summary: replay.summary, seconds: (ContinuousClock.now - began).seconds, isPaced: pace != nil)
    }

    private func step(_ replay: inout LogReplay) throws -> [CheckedDecision]? {
        do throws(LogError) { return try replay.step() } catch { throw Fault(error) }
    }

    private func show(_ decision: CheckedDecision, _ pace: ReplayPace?, _ file: EventLog) async throws {
        guard let pace else { return }
        try await pace.wait(until: decision.at)
        guard let event = try? EventRecord(decision, pool: file.names.text(of: decision.pool)) else { return }
        Terminal.writeLine(output.output.isTable ? EventLine().text(event) : String(decoding: event.line, as: UTF8.self))
    }

    private func tryPolicies(_ file: EventLog, _ stretch: LogStretch) async throws {
        let policies = try policy.flatMap { try SimulatedPolicies.named($0) }
        for line in SimulateCommand.notes(policies) { Terminal.writeError(DisplayText.printable(line)) }
        let histories = try PoolHistories.read(file, stretch, pools: try self.stretch.pools(of: file))
        let answers = try await WhatIf(policies: policies, seed: seed).answers(histories, path: log.db, draws: report != nil)
        if let report {
            try ReportFile.write(
                WhatIfReport.of(answers.map { ($0.history.pool, $0.drawn) }, stretch, path: log.db, policies: policy.count), to: report)
        }
        Terminal.write(try output.output.text(WhatIfTables.json(answers)) { WhatIfTables.text(answers) })
    }
}

enum ReplaySpeed: Hashable, Sendable, ExpressibleByArgument {
    case max
    case times(Double)

    init?(argument: String) {
        if argument == "max" {
            self = .max
        } else if let times = Double(argument), times > 0, times.isFinite {
            self = .times(times)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { "max" }

    var times: Double? {
        if case .times(let times) = self { times } else { nil }
    }
}

/// The log's times on this machine's clock. Only printing waits for it.
struct ReplayPace: Sendable {
    let times: Double
    let from: LogTime
    let began = ContinuousClock.now

    func wait(until time: LogTime) async throws {
        try await Task.sleep(until: began + .seconds(max(0, time.seconds(since: from)) / times), clock: .continuous)
    }
}

extension EventRecord {
    /// The event that a decision is recorded in.
    init(_ decision: CheckedDecision, pool: String) throws {
        var json = JSONWriter()
        json.openObject()
        json.member("seq", decision.seq)
        json.member("at", decision.at)
        json.member("type", EventKind.typePrefix + EventKind.scaleDecided.name)
        json.member("subject", pool)
        json.key("data")
        json.raw(decision.recorded.utf8)
        json.closeObject()
        try self.init(line: json.bytes)
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
