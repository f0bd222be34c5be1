import Domain

// Which arrivals does this CSV hold?
//
// A header names the columns: `arrival_s` and either `service_s` or `context_tokens,generated_tokens`. A turn of tokens
// takes 2 + context ÷ 2000 + 0.05 · generated seconds. `actor`, `template`, `tenant` and `snapshot_bytes` may be there, with
// empty cells where nothing is known; other columns are passed over. The first mistake is thrown, with its line.

package struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `trace.csv:17`
    package var place: String
    package var problem: String
    package var remedy: String

    package var description: String { "\(place) \(problem): \(remedy)" }
}

extension ArrivalTrace {
    package static let rowsLimit = 5_000_000
    /// The longest trace there may be, and the longest turn: three years.
    package static let secondsLimit = 100_000_000.0
    /// The largest snapshot there may be: a petabyte.
    package static let snapshotBytesLimit: Int64 = 1 << 50
    /// A line longer than this is no row.
    package static let lineLimitBytes = 4_096

    /// - Parameter name: of the file, for the error.
    package init(csv: some Collection<UInt8>, name: String) throws(TraceError) {
        var lines = TraceLines(csv, name: name)
        guard let header = try lines.next() else {
            throw TraceError(place: name, problem: "is empty", remedy: "its first line must be arrival_s,service_s")
        }
        let columns = try TraceColumns(header, place: lines.place)
        var turns: [Turn] = []
        var names = NameTable()
        while let row = try lines.next() {
            guard turns.count < Self.rowsLimit else {
                throw TraceError(place: lines.place, problem: "is row \(Self.rowsLimit + 1)", remedy: "split the trace")
            }
            turns.append(try columns.turn(row, &names, place: lines.place))
        }
        guard !turns.isEmpty else {
            throw TraceError(place: name, problem: "has a header and no rows", remedy: "give a trace with arrivals")
        }
        self.init(turns: turns, names: (0..<names.count).map { names.text(of: NameID(UInt32($0 + 1))) })
    }
}

/// The lines that hold something, and where each stands.
private struct TraceLines<Bytes: Collection<UInt8>> {
    private let bytes: Bytes
    private let name: String
    private var index: Bytes.Index
    private var number = 0

    init(_ bytes: Bytes, name: String) {
        self.bytes = bytes
        self.name = name
        index = bytes.startIndex
        // A byte order mark, as spreadsheets write it.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = bytes.index(index, offsetBy: 3) }
    }

    var place: String { "\(name):\(number)" }

    mutating func next() throws(TraceError) -> String? {
        while index < bytes.endIndex {
            let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
            let line = bytes[index..<end]
            index = end < bytes.endIndex ? bytes.index(after: end) : end
            number += 1
            guard line.count <= ArrivalTrace.lineLimitBytes else {
                throw TraceError(
                    place: place, problem: "is longer than \(ArrivalTrace.lineLimitBytes) bytes", remedy: "give a CSV with a row a line")
            }
            let text = String(decoding: line, as: UTF8.self).trimmed
            if !text.isEmpty { return text }
        }
        return nil
    }
}

/// Where each column is.
private struct TraceColumns {
    private enum Service {
        case seconds(Int)
        case tokens(context: Int, generated: Int)
    }

    private let arrival: Int
    private let service: Service
    private let actor: Int?
    private let template: Int?
    private let tenant: Int?
    private let snapshotBytes: Int?
    private let count: Int

    init(_ header: String, place: String) throws(TraceError) {
        let titles = header.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmed }
        count = titles.count
        actor = titles.firstIndex(of: "actor")
        template = titles.firstIndex(of: "template")
        tenant = titles.firstIndex(of: "tenant")
        snapshotBytes = titles.firstIndex(of: "snapshot_bytes")
        let tokens = (titles.firstIndex(of: "context_tokens"), titles.firstIndex(of: "generated_tokens"))
        if let seconds = titles.firstIndex(of: "service_s") {
            service = .seconds(seconds)
        } else if case (let context?, let generated?) = tokens {
            service = .tokens(context: context, generated: generated)
        } else {
            throw Self.missing(place)
        }
        guard let arrival = titles.firstIndex(of: "arrival_s") else { throw Self.missing(place) }
        self.arrival = arrival
    }

    private static func missing(_ place: String) -> TraceError {
        TraceError(
            place: place, problem: "lacks the columns of a trace",
            remedy: "name arrival_s and service_s, or arrival_s, context_tokens and generated_tokens")
    }

    func turn(_ row: String, _ names: inout NameTable, place: String) throws(TraceError) -> Turn {
        let cells = row.split(separator: ",", omittingEmptySubsequences: false)
        guard cells.count == count else {
            throw TraceError(
                place: place, problem: "has \(cells.count) cells where the header has \(count)", remedy: "give each column a value")
        }
        let seconds: Double
        switch service {
        case .seconds(let column): seconds = try number(cells[column], place)
        case .tokens(let context, let generated):
            seconds = 2 + (try number(cells[context], place)) / 2_000 + 0.05 * (try number(cells[generated], place))
        }
        var turn = Turn(
            arrivalMicroseconds: Self.microseconds(try number(cells[arrival], place)),
            serviceMicroseconds: Self.microseconds(min(seconds, ArrivalTrace.secondsLimit)))
        turn.actor = name(actor, cells, &names)
        turn.template = name(template, cells, &names)
        turn.tenant = name(tenant, cells, &names)
        if let column = snapshotBytes { turn.snapshotBytes = try bytes(cells[column], place) }
        return turn
    }

    private func name(_ column: Int?, _ cells: [Substring], _ names: inout NameTable) -> NameID {
        guard let column else { return .none }
        let text = String(cells[column]).trimmed
        return text.isEmpty ? .none : names.intern(text) ?? .none
    }

    private func bytes(_ cell: Substring, _ place: String) throws(TraceError) -> Int64? {
        let text = String(cell).trimmed
        guard !text.isEmpty else { return nil }
        guard let value = Int64(text), (0...ArrivalTrace.snapshotBytesLimit).contains(value) else {
            throw TraceError(
                place: place, problem: "has \"\(text.prefix(40))\" where whole bytes from 0 to \(ArrivalTrace.snapshotBytesLimit) belong",
                remedy: "correct the row")
        }
        return value
    }

    private static func microseconds(_ seconds: Double) -> Int64 { Int64((seconds * 1e6).rounded()) }

    private func number(_ cell: Substring, _ place: String) throws(TraceError) -> Double {
        let text = String(cell).trimmed
        guard let value = Double(text), value >= 0, value <= ArrivalTrace.secondsLimit else {
            throw TraceError(
                place: place, problem: "has \"\(text.prefix(40))\" where a number from 0 to \(Int(ArrivalTrace.secondsLimit)) belongs",
                remedy: "correct the row")
        }
        return value
    }
}

extension String {
    fileprivate var trimmed: String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        guard let first = utf8.first, let last = utf8.last, isBlank(first) || isBlank(last) else { return self }
        let start = utf8.firstIndex { !isBlank($0) } ?? utf8.endIndex
        let end = utf8.lastIndex { !isBlank($0) }.map { utf8.index(after: $0) } ?? start
        return String(self[start..<end])
    }
}
