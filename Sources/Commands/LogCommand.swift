import ArgumentParser
import Basics
import Domain
import EventLog
import Inspection
import Output

// What can be done with a log's file itself?

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Verify, measure, export, import and repair a log.",
        subcommands: [
            LogVerifyCommand.self, LogStatsCommand.self, LogExportCommand.self, LogImportCommand.self, LogCheckpointCommand.self,
            LogAcceptLossCommand.self, LogRebuildCommand.self, LogJetStreamCommand.self,
        ])
}

struct LogOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The log's file.", valueName: "file"))
    var db = "greenroom.db"

    /// Opening makes no file, so a mistyped name is said to be one.
    func checkExists() throws { try LogFile.checkExists(db) }
}

struct LogVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify the hash chain and recompute every decision.",
        discussion: """
            Recomputes the hash chain over all commits, checks that no (source, id) is in
            the log twice, and then recomputes every decision. Also finds acknowledged
            events that are missing at the end: it searches the -wal for commits behind a
            damaged place, and compares the log with FILE-head. A running service is not
            disturbed. --against takes another file, or NATS servers: then the stream is
            read, and compared message by message.

            Examples:
              greenroom log verify
              greenroom log verify --db /var/lib/greenroom/greenroom.db --no-decisions
              greenroom log verify --against /backup/greenroom.db
              greenroom log verify --against nats://127.0.0.1:4222/greenroom
            Exit status: 1 something is wrong; the first wrong position is printed.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var format: OutputOptions

    @Flag(name: .long, inversion: .prefixedNo, help: "Recompute every decision.")
    var decisions = true

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Also compare with this copy of the log, or with the stream nats://HOST:PORT/STREAM, and name the first commit that differs.",
            valueName: "file|url"))
    var against: String?

    @OptionGroup var access: StreamAccessOptions

    func validate() throws { _ = try against.map { try StreamOptions.url($0, access) } }

    func run() async throws {
        try log.checkExists()
        if let against, try StreamOptions.url(against, access) == nil { try LogFile.checkExists(against) }
        let report = try await verify(check: decisions ? .replay : nil)
        guard let problem = report.problem else {
            return Terminal.write(try format.output.text(report.json) { report.text(log.db) + "\n" })
        }
        if !format.output.isTable { Terminal.write(try format.output.text(report.json) { "" }) }
        if problem == report.against?.problem {
            throw Fault(
                .no, "\(log.db) isn't the log of the copy: \(problem)",
                do: "everything before that position is the same; `log export` of both from there shows what each holds")
        }
        throw Fault(
            .no, "\(log.db) is not sound: \(problem)", do: "everything before that position is as it was written; compare with a copy")
    }

    func verify(check: DecisionCheck?) async throws -> VerifiedLog {
        // A log that can't be opened any more can still be verified.
        let report: VerifyReport
        do { report = try chain() } catch { throw Fault(error) }
        guard report.isSound else { return VerifiedLog(chain: report) }
        guard let check else { return VerifiedLog(chain: report, against: try await compared()) }
        let file = try LogFile.open(log.db)
        defer { file.close() }
        let meter = ProgressMeter("decisions", total: report.head.seq)
        defer { meter.finish() }
        return VerifiedLog(chain: report, decisions: try check.run(file) { meter.update($0) }, against: try await compared())
    }

    private func compared() async throws -> VerifiedLog.Against? {
        guard let against else { return nil }
        if let settings = try StreamOptions.url(against, access) {
            let path = log.db
            let found = try await StreamAccess.waiting(settings) { stream throws(LogError) in try StreamComparison.of(path, and: stream) }
            return .init(path: against, comparison: found.result, from: found.from)
        }
        do { return .init(path: against, comparison: try LogComparison.of(log.db, and: against)) } catch { throw Fault(error) }
    }

    private func chain() throws(LogError) -> VerifyReport {
        let total = (try? EventLog.openReadOnly(path: log.db)).map { file in
            defer { file.close() }
            return file.head.seq
        }
        let meter = ProgressMeter("events", total: total ?? 0)
        defer { meter.finish() }
        return try EventLog.verify(path: log.db) { meter.update($0) }
    }
}

/// What verifying found, in words and for scripts.
struct VerifiedLog: Sendable {
    var chain: VerifyReport
    var decisions: DecisionCheck.Report?
    var against: Against?

    /// Another copy, and how it compares.
    struct Against: Sendable {
        var path: String
        var comparison: LogComparison
        /// What was before isn't there any more; the link before it is the same.
        var from: Position = 1

        var problem: String? { comparison.problem.map { "compared with \(path): \($0)" } }

        var text: String {
            switch comparison {
            case .same: "\(path) is the same" + (from > 1 ? " from position \(Grouped.text(from)) on" : "")
            case .isBehind(let own, let other):
                "\(path) is the same up to here, and goes on to position \(Grouped.text(other)) after \(Grouped.text(own))"
            case .isAhead(_, let other): "\(path) is the same up to its end at position \(Grouped.text(other))"
            case .differs, .otherLog: problem ?? ""
            }
        }

        var member: JSONValue.Member {
            var members: [JSONValue.Member] = [.init(key: "path", value: .string(path)), .init(key: "same", value: .bool(problem == nil))]
            if case .differs(let position) = comparison { members.append(.init(key: "position", value: .number(String(position)))) }
            return .init(key: "against", value: .object(members))
        }
    }

    /// The first thing that is wrong.
    var problem: String? {
        if let fault = chain.fault { return fault.description }
        if let found = against?.problem { return found }
        return decisions?.fault.map { "the decision at position \($0.position) comes out otherwise: \($0.problem)" }
    }

    func text(_ path: String) -> String {
        var text =
            "\(path) is sound: \(Grouped.text(chain.events)) events in \(Grouped.text(chain.commits)) commits, \(Grouped.text(chain.names)) names"
        if let decisions { text += "; \(Grouped.text(decisions.decisions)) decisions come out the same" }
        if let against { text += "; \(against.text)" }
        return text + "; last hash \(Hex.text(chain.lastHash))"
    }

    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init(key: "sound", value: .bool(problem == nil)), .init(key: "events", value: .number(String(chain.events))),
            .init(key: "commits", value: .number(String(chain.commits))), .init(key: "names", value: .number(String(chain.names))),
            .init(key: "lastSeq", value: .number(String(chain.head.seq))), .init(key: "lastHash", value: .string(Hex.text(chain.lastHash))),
        ]
        if let decisions { members.append(.init(key: "decisions", value: .number(String(decisions.decisions)))) }
        if let against { members.append(against.member) }
        if let problem {
            members.append(.init(key: "position", value: .number(String(chain.fault?.position ?? decisions?.fault?.position ?? 0))))
            members.append(.init(key: "problem", value: .string(problem)))
        }
        return .object(members)
    }
}

/// `ProgressBar` for callbacks that can't mutate: used by one caller at a time.
final class ProgressMeter {
    private var progress: ProgressBar
    init(_ label: String, total: Int64) { progress = ProgressBar(label, total: total) }
    func update(_ done: Int64) { progress.update(done) }
    func finish() { progress.finish() }
}
