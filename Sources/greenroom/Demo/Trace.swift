import Foundation

// Which turns arrive when, and how long does each run?
//
// A trace is recorded arrivals as CSV: a header that names the columns, then a row a turn. `arrival_s` and either
// `service_s` or `context_tokens,generated_tokens` are needed; `actor`, `template` and `tenant` may be there, other columns
// are passed over. A turn of tokens takes 2 + context/2000 + 0.05 · generated seconds.

struct Arrival: Hashable, Sendable {
    /// Seconds after the beginning.
    var atSeconds: Double
    var serviceSeconds: Double
    /// Index of its pool.
    var pool = 0
    /// nil where any actor of the pool may take it.
    var actor: String?
    var template: String?
    var tenant: String?
}

struct Trace: Hashable, Sendable {
    /// In order of arrival.
    var arrivals: [Arrival]

    /// Rows of one trace, at most.
    static let rowsLimit = 5_000_000

    init(arrivals: [Arrival]) { self.arrivals = arrivals.sorted { $0.atSeconds < $1.atSeconds } }

    init(path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Fault(.unreachable, "can't read the trace \(path)", do: "check that it exists, may be read and is UTF-8")
        }
        try self.init(csv: text, name: path)
    }

    init(csv: String, name: String) throws {
        var rows = csv.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline).makeIterator()
        guard let header = rows.next() else { throw Fault(.no, "\(name) is empty", do: "its first line must be arrival_s,service_s") }
        let columns = try Columns(header, name: name)
        var arrivals: [Arrival] = []
        var line = 1
        while let row = rows.next() {
            line += 1
            guard arrivals.count < Self.rowsLimit else { throw Fault(.no, "\(name) has more than \(Self.rowsLimit) rows", do: "split it") }
            arrivals.append(try columns.arrival(row, place: "\(name):\(line)"))
        }
        guard !arrivals.isEmpty else { throw Fault(.no, "\(name) has a header and no rows", do: "give a trace with arrivals") }
        self.init(arrivals: arrivals)
    }

    /// Times divided by `speed`, and nothing that arrives after `duration`.
    func scaled(speed: Double, durationSeconds: Double?) -> Trace {
        let scaled = arrivals.map { arrival in
            var arrival = arrival
            arrival.atSeconds /= speed
            arrival.serviceSeconds /= speed
            return arrival
        }
        return Trace(arrivals: scaled.filter { $0.atSeconds <= durationSeconds ?? .infinity })
    }

    /// The most turns that would run at once if none ever waited, each `extraSeconds` longer than its service.
    func peakConcurrency(extraSeconds: Double) -> Int {
        var ends: [(at: Double, step: Int)] = []
        ends.reserveCapacity(arrivals.count * 2)
        for arrival in arrivals {
            ends.append((arrival.atSeconds, 1))
            ends.append((arrival.atSeconds + arrival.serviceSeconds + extraSeconds, -1))
        }
        // An end at the same instant as a beginning comes first.
        ends.sort { ($0.at, $0.step) < ($1.at, $1.step) }
        var running = 0
        var peak = 0
        for end in ends {
            running += end.step
            peak = max(peak, running)
        }
        return peak
    }
}

/// Where each column is.
private struct Columns {
    private var arrival: Int
    private var service: Int?
    private var context: Int?
    private var generated: Int?
    private var actor: Int?
    private var template: Int?
    private var tenant: Int?
    private let count: Int

    init(_ header: Substring, name: String) throws {
        let titles = header.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
        count = titles.count
        service = titles.firstIndex(of: "service_s")
        context = titles.firstIndex(of: "context_tokens")
        generated = titles.firstIndex(of: "generated_tokens")
        actor = titles.firstIndex(of: "actor")
        template = titles.firstIndex(of: "template")
        tenant = titles.firstIndex(of: "tenant")
        guard let arrival = titles.firstIndex(of: "arrival_s"), service != nil || (context != nil && generated != nil) else {
            throw Fault(.no, "\(name):1 lacks the columns of a trace", do: "name arrival_s and service_s, or arrival_s, context_tokens and generated_tokens")
        }
        self.arrival = arrival
    }

    func arrival(_ row: Substring, place: String) throws -> Arrival {
        let cells = row.split(separator: ",", omittingEmptySubsequences: false)
        guard cells.count == count else { throw Fault(.no, "\(place) has \(cells.count) cells, the header \(count)", do: "give each column a value") }
        func number(_ column: Int) throws -> Double {
            guard let value = Double(cells[column].trimmingCharacters(in: .whitespaces)), value.isFinite, value >= 0 else {
                throw Fault(.no, "\(place) has \"\(cells[column])\" where a number of 0 or more belongs", do: "correct the row")
            }
            return value
        }
        func text(_ column: Int?) -> String? {
            column.map { cells[$0].trimmingCharacters(in: .whitespaces) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        let seconds: Double
        if let service {
            seconds = try number(service)
        } else if let context, let generated {
            seconds = 2 + (try number(context)) / 2_000 + 0.05 * (try number(generated))
        } else {
            preconditionFailure("columns without service_s or tokens were let through")
        }
        return Arrival(atSeconds: try number(arrival), serviceSeconds: seconds, actor: text(actor), template: text(template), tenant: text(tenant))
    }
}
