import ArgumentParser
import Domain
import EventLog
import Foundation
import Inspection
import Output
import Replay

// Who used how much: what does a bill or a showback say?
//
// One count for the service and for a log's file (`Replay/Usage/`); the forms are made here from the same report.

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Count slot-seconds, turns, waits, restores and bytes by tenant, template, actor or pool.",
        discussion: """
            Counted from the log, to the microsecond. Between two times the stretch is
            half open: what happens at --to belongs to the next one, so months add up.
            A position is included.

            Examples:
              greenroom usage --from 2026-11-01 --to 2026-12-01
              greenroom usage --from 2026-11-01 --to 2026-12-01 --by actor \\
                -o csv > november.csv
              greenroom usage --by pool --from 1h
              greenroom usage --db ./greenroom.db --by template -o json
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable, Sendable { case table, json, csv }

    @Option(
        name: .long,
        help: ArgumentHelp("Begin at this time (a date, 14:03, 5m) or position (default: the log's beginning).", valueName: "time|pos"))
    var from: String?

    @Option(
        name: .long, help: ArgumentHelp("End before this time, or after this position (default: the last commit).", valueName: "time|pos"))
    var to: String?

    @Option(name: .long, help: "What a row is: tenant, template, actor or pool.")
    var by: UsageGrouping = .tenant

    @Option(name: .long, help: ArgumentHelp("Only this pool's actors and workers.", valueName: "ns/name"))
    var pool: String?

    @Option(name: [.short, .long], help: "Output format: table, json or csv.")
    var output: Format = .table

    @OptionGroup var source: SourceOptions
    @OptionGroup var times: TimeOptions

    func validate() throws {
        try MomentOption.check(from, "--from")
        try MomentOption.check(to, "--to")
    }

    func run() async throws {
        let report: UsageReport
        if let db = source.db {
            let log = try LogFile.open(db)
            defer { log.close() }
            report = try count(log)
        } else {
            report = try await ask(ServiceConnection.open(source.server))
        }
        Terminal.write(text(report))
    }

    func count(_ log: EventLog) throws -> UsageReport {
        let wanted = try query()
        do throws(UsageRunError) { return try UsageRun.report(of: log, wanted) } catch {
            switch error {
            case .log(let fault): throw Fault(fault)
            case .fault(let fault): throw Fault(.no, "--\(fault)")
            }
        }
    }

    func ask(_ api: any ServiceAPI) async throws -> UsageReport {
        let query = try moments()
        var path = APIPath("/v1/usage")
        path.query("from", query.from?.text)
        path.query("to", query.to?.text)
        path.query("by", by.rawValue)
        path.query("pool", try poolName())
        let answer = try await api.get(path.text)
        await api.close()
        guard let report = answer.flatMap({ UsageReport($0) }) else {
            throw Fault(.unreachable, "\(api.url) counts no usage", do: "use --db on its log, or a newer service")
        }
        return report
    }

    func text(_ report: UsageReport) -> String {
        switch output {
        case .json: (try? JSONValue(parsing: report.json).pretty).map { $0 + "\n" } ?? ""
        case .csv: String(decoding: report.csv, as: UTF8.self)
        case .table: UsageTable(report, time: times.text).text
        }
    }

    private func query() throws -> UsageQuery {
        let moments = try moments()
        return UsageQuery(from: moments.from, to: moments.to, by: by, pool: try poolName())
    }

    private func poolName() throws -> String? { try pool.map { try PoolName.qualified($0, namespace: nil) } }

    private func moments() throws -> (from: Moment?, to: Moment?) {
        let now = TimeText.now()
        let begin = try MomentOption.moment(from, "--from", times.text, now: now)
        // A bill is asked for before the month is over, too.
        return (begin, to.flatMap { Moment($0, today: now, time: times.text) })
    }
}

extension UsageGrouping: ExpressibleByArgument {}

/// The report for people: durations, shares, and only the tiers that served something.
struct UsageTable {
    let report: UsageReport
    let time: TimeText

    init(_ report: UsageReport, time: TimeText) {
        self.report = report
        self.time = time
    }

    var text: String {
        let total = report.total
        let tiers = RestoreTier.allCases.filter { total.tiers[Int($0.rawValue)].restores > 0 }
        let isPools = report.grouping == .pool
        var columns = [report.grouping.rawValue.uppercased(), "#SLOT-SECONDS", "#IDLE", "#TURNS", "#CRASHES", "#WAITS", "#WAITED"]
        columns += tiers.flatMap { ["#\($0.name.uppercased())", "#BYTES"] }
        if isPools { columns += ["#WORKER-SLOT-SECONDS", "#UNUSED"] }
        var table = Table(columns)
        for row in report.rows { table.add(cells(row.name.isEmpty ? "-" : row.name, row.figures, tiers, isPools)) }
        if report.rows.count != 1 { table.add(cells("TOTAL", total, tiers, isPools)) }
        let stretch = "\(time.full(report.from)) to \(time.full(report.to)) \(time.zoneName), positions \(report.first) to \(report.last)\n"
        return stretch + table.text
    }

    private func cells(_ name: String, _ figures: UsageFigures, _ tiers: [RestoreTier], _ isPools: Bool) -> [String] {
        var cells = [
            name, UsageReport.seconds(figures.slotMicroseconds), Self.share(figures.idleShare), String(figures.turns),
            String(figures.crashes),
            String(figures.waits), DurationText.short(Double(figures.waitMicroseconds) / 1e6),
        ]
        for tier in tiers {
            let figures = figures.tiers[Int(tier.rawValue)]
            cells += [String(figures.restores), String(figures.bytes)]
        }
        if isPools { cells += [UsageReport.seconds(figures.offeredMicroseconds ?? 0), Self.share(figures.unusedShare)] }
        return cells
    }

    private static func share(_ share: Double?) -> String { share.map { "\(Int(($0 * 100).rounded()))%" } ?? "-" }
}
