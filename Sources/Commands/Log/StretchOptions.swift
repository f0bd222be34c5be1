import ArgumentParser
import Domain
import EventLog
import Output
import Replay

// Which stretch of which log, and which pools of it?

struct StretchOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Begin at this position of the log, or time (14:03, 5m, a date).", valueName: "pos|time"))
    var from: String?

    @Option(name: .long, help: ArgumentHelp("End at this position or time, included.", valueName: "pos|time"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("Only this pool; may be repeated.", valueName: "ns/name"))
    var pool: [String] = []

    func validate() throws {
        try MomentOption.check(from, "--from")
        try MomentOption.check(to, "--to")
    }

    func stretch(of log: EventLog) throws -> LogStretch {
        let today = TimeText.now()
        let begin = try MomentOption.moment(from, "--from", TimeText(), now: today)
        let end = try MomentOption.moment(to, "--to", TimeText(), now: today)
        let found: LogStretch?
        do throws(LogError) {
            found = try LogStretch(of: log, from: begin, to: end)
        } catch { throw Fault(error) }
        guard let found else {
            let head = log.head
            let what =
                head.seq == 0
                ? "\(log.path) holds no events" : "\(log.path) has no event there; it ends at position \(head.seq), \(head.at.rfc3339)"
            throw Fault(.no, what, do: head.seq == 0 ? "" : "give other --from and --to")
        }
        return found
    }

    /// The pools that were named; empty where none was.
    func pools(of log: EventLog) throws -> Set<NameID> {
        Set(
            try pool.map { name in
                guard let id = log.names.find(try PoolName.qualified(name, namespace: nil)) else {
                    throw Fault(.no, "\(log.path) knows no pool \(name)", do: "`greenroom get pools --db \(log.path)` lists them")
                }
                return id
            })
    }
}
