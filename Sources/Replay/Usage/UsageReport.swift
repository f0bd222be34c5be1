package import Domain
import Basics

// Who used how much, between two moments of the log?
//
// The numbers of a bill: held slots, turns, waits, restores and their bytes, for each tenant, template, actor or pool. Times
// are whole microseconds of log time. Always: the rows add up to the total exactly, and the reports of neighbouring
// stretches add up to the report of both.

package enum UsageGrouping: String, Hashable, Sendable, CaseIterable {
    case tenant, template, actor, pool
}

/// What was used. Every number is a sum, so two of these add up.
package struct UsageFigures: Hashable, Sendable {
    /// What one tier of snapshots served.
    package struct Tier: Hashable, Sendable {
        /// Turns that began with a restore from there.
        package var restores: Int64 = 0
        /// Bytes that the placements of these turns said are restored.
        package var bytes: Int64 = 0
        /// From placement until the actor ran, as the worker measured it, or else by the log.
        package var microseconds: Int64 = 0
    }

    /// Actors that began to wait for a worker.
    package var requests: Int64 = 0
    /// Waits that ended with a slot.
    package var waits: Int64 = 0
    /// Runs that began.
    package var turns: Int64 = 0
    /// Turns that ended badly, by themselves or with their worker.
    package var crashes: Int64 = 0
    package var waitMicroseconds: Int64 = 0
    /// A slot was held by an actor: restoring, running and idle together.
    package var slotMicroseconds: Int64 = 0
    package var restoringMicroseconds: Int64 = 0
    package var runningMicroseconds: Int64 = 0
    package var idleMicroseconds: Int64 = 0
    /// By `RestoreTier.rawValue`.
    package var tiers = [Tier](repeating: Tier(), count: RestoreTier.allCases.count)
    /// Slots of the pool's workers, while they were there; nil where the rows aren't pools.
    package var offeredMicroseconds: Int64?
    /// Of these, held by actors, of whatever pool; nil where the rows aren't pools.
    package var takenMicroseconds: Int64?

    package init(hasWorkers: Bool = false) {
        if hasWorkers { (offeredMicroseconds, takenMicroseconds) = (0, 0) }
    }

    package static func += (sum: inout UsageFigures, other: UsageFigures) {
        for path in counts { sum[keyPath: path] = sum[keyPath: path].addingClamped(other[keyPath: path]) }
        for index in sum.tiers.indices where index < other.tiers.count {
            sum.tiers[index].restores = sum.tiers[index].restores.addingClamped(other.tiers[index].restores)
            sum.tiers[index].bytes = sum.tiers[index].bytes.addingClamped(other.tiers[index].bytes)
            sum.tiers[index].microseconds = sum.tiers[index].microseconds.addingClamped(other.tiers[index].microseconds)
        }
        for path in [\UsageFigures.offeredMicroseconds, \.takenMicroseconds] {
            guard let more = other[keyPath: path] else { continue }
            sum[keyPath: path] = (sum[keyPath: path] ?? 0).addingClamped(more)
        }
    }

    // A key path that was never changed is safe to share.
    private static var counts: [WritableKeyPath<UsageFigures, Int64>] {
        [
            \.requests, \.waits, \.turns, \.crashes, \.waitMicroseconds, \.slotMicroseconds, \.restoringMicroseconds,
            \.runningMicroseconds, \.idleMicroseconds,
        ]
    }

    /// Share of the held slots' time in which their actors were idle; nil where none was held.
    package var idleShare: Double? { Self.share(idleMicroseconds, of: slotMicroseconds) }
    /// Share of the workers' slots that no actor held; nil where there were none.
    package var unusedShare: Double? {
        guard let offered = offeredMicroseconds, let taken = takenMicroseconds, offered > 0 else { return nil }
        return Self.share(max(0, offered.subtractingClamped(taken)), of: offered)
    }

    private static func share(_ part: Int64, of whole: Int64) -> Double? { whole > 0 ? Double(part) / Double(whole) : nil }
}

package struct UsageReport: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        /// Empty for actors of which it isn't known.
        package var name: String
        package var figures: UsageFigures
    }

    package var grouping: UsageGrouping
    package var from: LogTime
    package var to: LogTime
    /// The first and the last position that was counted; `last` is before `first` where nothing was.
    package var first: Position
    package var last: Position
    /// Most slot time first, then by name.
    package var rows: [Row]

    /// All rows together.
    package var total: UsageFigures {
        rows.reduce(into: UsageFigures(hasWorkers: grouping == .pool)) { $0 += $1.figures }
    }
}

// MARK: - JSON

extension UsageReport {
    package var json: [UInt8] {
        var json = JSONWriter(reservingBytes: 512 + rows.count * 640)
        json.openObject()
        json.member("by", grouping.rawValue)
        json.member("from", from)
        json.member("to", to)
        json.key("seconds")
        json.raw(Self.seconds(to.microseconds(since: from)).utf8)
        json.member("firstSeq", first)
        json.member("lastSeq", last)
        json.key("total")
        json.openObject()
        total.write(to: &json)
        json.closeObject()
        json.key("items")
        json.openArray()
        for row in rows {
            json.openObject()
            json.member(grouping.rawValue, row.name)
            row.figures.write(to: &json)
            json.closeObject()
        }
        json.closeArray()
        json.closeObject()
        return json.bytes
    }

    /// Reads what `json` wrote. nil for anything else.
    package init?(_ value: JSONValue) {
        guard let grouping = value["by"].string.flatMap({ UsageGrouping(rawValue: $0) }),
            let from = value["from"].string.flatMap({ LogTime(rfc3339: $0) }),
            let to = value["to"].string.flatMap({ LogTime(rfc3339: $0) }),
            let first = value["firstSeq"].integer, let last = value["lastSeq"].integer
        else { return nil }
        var rows: [Row] = []
        for item in value["items"].array {
            guard let name = item[grouping.rawValue].string else { return nil }
            rows.append(Row(name: name, figures: UsageFigures(item)))
        }
        self.init(grouping: grouping, from: from, to: to, first: first, last: last, rows: rows)
    }

    /// Microseconds as seconds, exactly: `12.5`, `0.000001`, `3`.
    package static func seconds(_ microseconds: Int64) -> String {
        let (whole, rest) = microseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        var text = (microseconds < 0 ? "-" : "") + String(whole)
        guard rest > 0 else { return text }
        var digits = String(rest)
        digits = String(repeating: "0", count: 6 - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        text += "." + digits
        return text
    }

    /// The microseconds that such a text says, without a way through binary fractions.
    static func microseconds(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = Int64(parts[0]), parts.count < 2 || (1...6).contains(parts[1].utf8.count) else { return nil }
        guard parts.count == 2 else { return whole.multipliedClamped(by: 1_000_000) }
        guard let rest = Int64(parts[1] + String(repeating: "0", count: 6 - parts[1].utf8.count)), rest >= 0 else { return nil }
        return whole.multipliedClamped(by: 1_000_000).addingClamped(parts[0].hasPrefix("-") ? -rest : rest)
    }
}

extension UsageFigures {
    /// The columns that are times, with their names.
    private static var times: [(name: String, path: WritableKeyPath<UsageFigures, Int64>)] {
        [
            ("slotSeconds", \.slotMicroseconds), ("restoringSeconds", \.restoringMicroseconds), ("runningSeconds", \.runningMicroseconds),
            ("idleSeconds", \.idleMicroseconds), ("waitSeconds", \.waitMicroseconds),
        ]
    }
    private static var numbers: [(name: String, path: WritableKeyPath<UsageFigures, Int64>)] {
        [("requests", \.requests), ("waits", \.waits), ("turns", \.turns), ("crashes", \.crashes)]
    }

    fileprivate func write(to json: inout JSONWriter) {
        for (name, path) in Self.times {
            json.key(name)
            json.raw(UsageReport.seconds(self[keyPath: path]).utf8)
        }
        for (name, path) in Self.numbers { json.member(name, self[keyPath: path]) }
        json.key("idleShare")
        if let idleShare { json.number(idleShare) } else { json.null() }
        json.key("tiers")
        json.openObject()
        for tier in RestoreTier.allCases {
            let figures = tiers[Int(tier.rawValue)]
            json.key(tier.name)
            json.openObject()
            json.member("restores", figures.restores)
            json.member("bytes", figures.bytes)
            json.key("restoreSeconds")
            json.raw(UsageReport.seconds(figures.microseconds).utf8)
            json.closeObject()
        }
        json.closeObject()
        guard let offeredMicroseconds, let takenMicroseconds else { return }
        json.key("workerSlotSeconds")
        json.raw(UsageReport.seconds(offeredMicroseconds).utf8)
        json.key("takenSlotSeconds")
        json.raw(UsageReport.seconds(takenMicroseconds).utf8)
        json.key("unusedShare")
        if let unusedShare { json.number(unusedShare) } else { json.null() }
    }

    fileprivate init(_ value: JSONValue) {
        func micros(_ name: String, _ value: JSONValue) -> Int64? { value[name].plainText.flatMap { UsageReport.microseconds($0) } }
        self.init()
        for (name, path) in Self.times { self[keyPath: path] = micros(name, value) ?? 0 }
        for (name, path) in Self.numbers { self[keyPath: path] = value[name].integer ?? 0 }
        for tier in RestoreTier.allCases {
            let said = value["tiers"][tier.name]
            tiers[Int(tier.rawValue)] = Tier(
                restores: said["restores"].integer ?? 0, bytes: said["bytes"].integer ?? 0,
                microseconds: micros("restoreSeconds", said) ?? 0)
        }
        offeredMicroseconds = micros("workerSlotSeconds", value)
        takenMicroseconds = micros("takenSlotSeconds", value)
    }
}

// MARK: - CSV

extension UsageReport {
    /// RFC 4180, with a line of names first and no line of totals, which a spreadsheet makes itself.
    package var csv: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256 + rows.count * 160)
        let isPools = grouping == .pool
        var names = [grouping.rawValue, "from", "to"] + UsageFigures.columns
        if isPools { names += UsageFigures.workerColumns }
        Self.append(names, to: &out)
        for row in rows {
            var cells = [row.name, from.rfc3339, to.rfc3339] + row.figures.cells
            if isPools { cells += row.figures.workerCells }
            Self.append(cells, to: &out)
        }
        return out
    }

    private static func append(_ cells: [String], to out: inout [UInt8]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            guard cell.utf8.contains(where: { #",""#.utf8.contains($0) || $0 < 0x20 }) else {
                out.append(contentsOf: cell.utf8)
                continue
            }
            out.append(UInt8(ascii: "\""))
            for byte in cell.utf8 { out.append(contentsOf: byte == UInt8(ascii: "\"") ? [byte, byte] : [byte]) }
            out.append(UInt8(ascii: "\""))
        }
        out.append(contentsOf: "\r\n".utf8)
    }
}

extension UsageFigures {
    fileprivate static var columns: [String] {
        times.map(\.name) + numbers.map(\.name)
            + RestoreTier.allCases.flatMap { ["\($0.name)Restores", "\($0.name)Bytes", "\($0.name)RestoreSeconds"] } + ["idleShare"]
    }
    fileprivate static let workerColumns = ["workerSlotSeconds", "takenSlotSeconds", "unusedShare"]

    fileprivate var cells: [String] {
        Self.times.map { UsageReport.seconds(self[keyPath: $0.path]) } + Self.numbers.map { String(self[keyPath: $0.path]) }
            + tiers.flatMap { [String($0.restores), String($0.bytes), UsageReport.seconds($0.microseconds)] }
            + [idleShare.map { String($0) } ?? ""]
    }
    fileprivate var workerCells: [String] {
        [
            UsageReport.seconds(offeredMicroseconds ?? 0), UsageReport.seconds(takenMicroseconds ?? 0),
            unusedShare.map { String($0) } ?? "",
        ]
    }
}
