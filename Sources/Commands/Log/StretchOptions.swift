import ArgumentParser
import Domain
import EventLog
import Output
import Replay

// Which stretch of which log, and which pools of it?

struct StretchOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Begin at this position of the log, or time (RFC 3339, or local).", valueName: "pos|time"))
    var from: String?

    @Option(name: .long, help: ArgumentHelp("End at this position or time, included.", valueName: "pos|time"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("Only this pool; may be repeated.", valueName: "ns/name"))
    var pool: [String] = []

    func validate() throws {
        for (name, text) in [("--from", from), ("--to", to)] {
            guard let text, Moment(text, today: .zero) == nil else { continue }
            throw ValidationError("\(name) \(text) is neither a position nor a time (2026-11-21T14:03:00Z, \"2026-11-21 14:03\", 14:03)")
        }
    }

    func stretch(of log: EventLog) throws -> LogStretch {
        let today = TimeText.now()
        let found: LogStretch?
        do throws(LogError) {
            found = try LogStretch(of: log, from: moment(from, today), to: moment(to, today))
        } catch { throw Fault(error) }
        guard let found else {
            let end = log.head
            let what =
                end.seq == 0
                ? "\(log.path) holds no events" : "\(log.path) has no event there; it ends at position \(end.seq), \(end.at.rfc3339)"
            throw Fault(.no, what, do: end.seq == 0 ? "" : "give other --from and --to")
        }
        return found
    }

    private func moment(_ text: String?, _ today: LogTime) -> Moment? { text.flatMap { Moment($0, today: today) } }

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
