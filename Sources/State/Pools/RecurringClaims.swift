import Basics
package import Domain

// Which claims are predicted, as some came at the same moment of every round of a period before?
//
// Work that a clock starts comes at the same second of each minute, or at the same minute of each hour or day. A buffer that learns from
// the last minutes grows after such a burst has begun, and shrinks before the next one. So the parts of a few periods, 256 of each,
// remember how many claims came in them: the mean of the last four rounds. A part's burst is what its mean has beyond the mean of all
// parts, where that is at least one claim and three standard deviations. What comes evenly is the buffer's to learn.
//
//     parts of a minute:   1 0 2 1 0 1 9 12 3 1 0 …       bursts: 8, 11        predicted within a refill: the bursts that begin by then
//
// A period is believed while its last predictions were right. Judged are the blocks of eight parts for which it predicted some claims: what
// it missed there is less than 70 % of what the plain mean missed. So three rounds pass before the first is believed. Of several periods the
// one that misses least counts.
//
// Always: bounded, at 256 parts of each period; whole numbers alone, so that every machine predicts the same; times never go back.

package struct RecurringClaims: Hashable, Sendable {
    /// A minute, five, fifteen; an hour, a day, a week.
    package static let periodsSeconds: [Int64] = [60, 300, 900, 3_600, 86_400, 604_800]

    private(set) var periods: [RecurringPeriod] = periodsSeconds.map { RecurringPeriod(seconds: $0) }

    package init() {}

    /// A claim came. Answers whether it was predicted.
    mutating func arrived(at now: LogTime) -> Bool {
        pass(to: now)
        let isPredicted = believed.map { periods[$0].isPredicted } ?? false
        for index in periods.indices { periods[index].add() }
        return isPredicted
    }

    /// Time went on.
    mutating func pass(to now: LogTime) {
        for index in periods.indices { periods[index].pass(to: now) }
    }

    /// Claims that will come within so long, and when that changes though nothing happens; nil where no period is believed.
    func ahead(_ microseconds: Int64, at now: LogTime) -> Forecast? {
        guard let index = believed else { return nil }
        let period = periods[index]
        let claims = period.ahead(microseconds, at: now)
        return Forecast(claims: claims, everySeconds: period.seconds, nextChange: period.nextChange(microseconds, at: now))
    }

    struct Forecast: Hashable, Sendable {
        var claims: Int
        var everySeconds: Int64
        var nextChange: LogTime?
    }

    private var believed: Int? {
        var best: Int?
        for index in periods.indices where periods[index].isBelieved {
            if let known = best, !periods[index].missesLess(than: periods[known]) { continue }
            best = index
        }
        return best
    }
}

/// What is remembered of one period.
struct RecurringPeriod: Hashable, Sendable {
    static let parts = 256
    /// Parts that are judged together: a burst may begin a little earlier or later.
    static let block = 8
    /// A mean counts so many rounds.
    static let rounds: Int64 = 4
    /// Rounds before a part's mean says anything.
    static let leastRounds: Int64 = 2
    /// Without a claim for so many rounds, what was learned is over.
    static let forgottenAfter: Int64 = 8
    /// Means are in 256ths of a claim.
    static let scale: Int64 = 256
    /// Claims in one part, at most: sums stay far from the end of their range.
    static let mostClaims: Int64 = 1 << 20

    /// Parts of a burst that follow each other; one between them may be empty.
    struct Run: Hashable, Sendable {
        var first: Int
        var length: Int
    }

    let seconds: Int64
    /// The running part and the first one, counted from the beginning of time; nil before the first claim.
    private(set) var part: Int64?
    private(set) var first: Int64 = 0
    /// In the running part.
    private(set) var came: Int64 = 0
    private(set) var means = [Int32](repeating: 0, count: parts)
    /// Of all means.
    private(set) var total: Int64 = 0
    /// What each part's mean had beyond that of all when it ended, where that stood out; else 0.
    private(set) var bursts = [Int32](repeating: 0, count: parts)
    /// Where bursts are.
    private(set) var runs: [Run] = []
    /// Of the running block: claims that came, and those that were predicted.
    private(set) var blockCame: Int64 = 0
    private(set) var blockPredicted: Int64 = 0
    /// What was missed in the last rounds, by the forecast and by the plain mean; and how many blocks were judged.
    private(set) var missed: Int64 = 0
    private(set) var missedPlainly: Int64 = 0
    private(set) var judged: Int64 = 0

    init(seconds: Int64) { self.seconds = seconds }

    private var partMicroseconds: Int64 { seconds * 1_000_000 / Int64(Self.parts) }
    private static func index(_ part: Int64) -> Int { Int(((part % Int64(parts)) + Int64(parts)) % Int64(parts)) }
    private static var blocks: Int64 { Int64(parts / block) }
    /// Rounds that are over.
    private var passed: Int64 { part.map { ($0 - first) / Int64(Self.parts) } ?? 0 }
    private var mean: Int64 { total / Int64(Self.parts) }

    private func number(_ time: LogTime) -> Int64 {
        let (quotient, rest) = time.microseconds.quotientAndRemainder(dividingBy: partMicroseconds)
        return rest < 0 ? quotient - 1 : quotient
    }

    // MARK: - Learning

    mutating func add() { came = min(came + 1, Self.mostClaims) }

    mutating func pass(to now: LogTime) {
        let target = number(now)
        guard let running = part, target - running <= Self.forgottenAfter * Int64(Self.parts) else {
            self = RecurringPeriod(seconds: seconds)
            (part, first) = (target, target)
            return
        }
        guard target > running else { return }
        for part in running..<target { close(part) }
        part = target
    }

    private mutating func close(_ part: Int64) {
        let index = Self.index(part)
        let rounds = (part - first) / Int64(Self.parts)
        let seen = came * Self.scale
        blockCame += seen
        if rounds >= Self.leastRounds { blockPredicted += Int64(bursts[index]) }
        if index % Self.block == Self.block - 1 { judge(rounds) }
        let step = (seen - Int64(means[index])) / min(rounds + 1, Self.rounds)
        means[index] += Int32(step)
        total += step
        setBurst(at: index)
        came = 0
    }

    /// Only where something was predicted: what comes evenly, and what comes by surprise, says nothing of a forecast.
    private mutating func judge(_ rounds: Int64) {
        defer { (blockCame, blockPredicted) = (0, 0) }
        guard rounds >= Self.leastRounds else { return }
        judged += 1
        let memory = Self.rounds * Self.blocks
        missed -= missed / memory
        missedPlainly -= missedPlainly / memory
        guard blockPredicted > 0 else { return }
        let plain = total * Int64(Self.block) / Int64(Self.parts)
        missed += abs(blockCame - plain - blockPredicted)
        missedPlainly += abs(blockCame - plain)
    }

    private mutating func setBurst(at index: Int) {
        let beyond = Int64(means[index]) - mean
        // Three standard deviations of a count are three roots of its mean: squared, beyond² ≥ 9 · mean · 256.
        let isBurst = beyond >= Self.scale && beyond * beyond >= 9 * total
        let wasBurst = bursts[index] > 0
        bursts[index] = isBurst ? Int32(beyond) : 0
        if isBurst != wasBurst { findRuns() }
    }

    private mutating func findRuns() {
        runs = []
        for part in bursts.indices where bursts[part] > 0 {
            if let last = runs.last, part - (last.first + last.length) <= 1 {
                runs[runs.count - 1].length = part - last.first + 1
            } else {
                runs.append(Run(first: part, length: 1))
            }
        }
        // The round's end is its beginning.
        guard runs.count > 1, let last = runs.last, runs[0].first + Self.parts - (last.first + last.length) <= 1 else { return }
        runs[0] = Run(first: last.first, length: runs[0].first + runs[0].length + Self.parts - last.first)
        runs.removeLast()
    }

    // MARK: - Predicting

    /// A round was judged, and where it predicted some, it missed less than 70 % of what the mean did.
    var isBelieved: Bool { judged >= Self.blocks && !runs.isEmpty && missed * 10 < missedPlainly * 7 }

    /// By shares of what the mean missed.
    func missesLess(than other: RecurringPeriod) -> Bool {
        Double(missed) * Double(other.missedPlainly) < Double(other.missed) * Double(missedPlainly)
    }

    /// Whether a claim that comes now belongs to the running part's burst.
    var isPredicted: Bool {
        guard let part, passed >= Self.leastRounds else { return false }
        let burst = Int64(bursts[Self.index(part)])
        return burst > 0 && came * Self.scale < mean + burst
    }

    /// What is left of the run that is under way, and every run that begins within so long, to the nearest claim.
    func ahead(_ microseconds: Int64, at now: LogTime) -> Int {
        guard let running = part, passed >= Self.leastRounds else { return 0 }
        let current = number(now)
        let after = number(now.adding(microseconds: microseconds)) - current
        let index = Self.index(current)
        var sum: Int64 = 0
        for run in runs {
            let offset = (index - run.first + Self.parts) % Self.parts
            guard offset < run.length || Int64(Self.parts - offset) <= after else { continue }
            for step in (offset < run.length ? offset : 0)..<run.length {
                let isNow = step == offset && current == running
                let gone = isNow ? max(0, came * Self.scale - mean) : 0
                sum += max(0, Int64(bursts[(run.first + step) % Self.parts]) - gone)
            }
        }
        return Int((sum + Self.scale / 2) / Self.scale)
    }

    /// When the next run comes within so long, or one is over. What is left of one that is under way is looked at with each claim.
    func nextChange(_ microseconds: Int64, at now: LogTime) -> LogTime? {
        let current = number(now)
        let index = Self.index(current)
        var next: LogTime?
        for run in runs {
            let offset = (index - run.first + Self.parts) % Self.parts
            let begin = begins(current.addingClamped(Int64(offset < run.length ? -offset : Self.parts - offset)))
            let comes = begin.adding(microseconds: -min(microseconds, seconds * 1_000_000 - partMicroseconds))
            let ends = begin.adding(microseconds: Int64(run.length) * partMicroseconds)
            for change in [comes, ends] where change > now && next.map({ change < $0 }) ?? true { next = change }
        }
        return next
    }

    private func begins(_ part: Int64) -> LogTime { LogTime(microseconds: part.multipliedClamped(by: partMicroseconds)) }
}

// MARK: - Checkpoint

extension RecurringClaims {
    package func encode(into writer: inout ByteWriter) { writer.list(periods) { writer, period in period.encode(into: &writer) } }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        periods = try reader.list { reader throws(ByteFault) in try RecurringPeriod(from: &reader) }
        guard periods.map(\.seconds) == Self.periodsSeconds else { throw ByteFault(offset: reader.offset, problem: "other periods") }
    }
}

extension RecurringPeriod {
    /// Bursts are kept as they were when each part ended: the mean of all has moved since.
    func encode(into writer: inout ByteWriter) {
        writer.integer(seconds)
        writer.optional(part) { $0.integer($1) }
        for number in [first, came, blockCame, blockPredicted, missed, missedPlainly, judged] { writer.integer(number) }
        for list in [means, bursts] { writer.list(list.allSatisfy { $0 == 0 } ? [] : list) { $0.integer($1) } }
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        seconds = try reader.integer(in: 1...604_800)
        part = try reader.optional { reader throws(ByteFault) in try reader.integer(in: Self.partNumbers) }
        first = try reader.integer(in: Self.partNumbers)
        came = try reader.integer(in: 0...Self.mostClaims)
        let mostInBlock = Self.mostClaims * Self.scale * Int64(Self.block)
        blockCame = try reader.integer(in: 0...mostInBlock)
        blockPredicted = try reader.integer(in: 0...mostInBlock)
        // A sum of what was missed in the last rounds stays below as many blocks as are remembered.
        let mostMissed = mostInBlock * Self.rounds * Self.blocks * 2
        missed = try reader.integer(in: 0...mostMissed)
        missedPlainly = try reader.integer(in: 0...mostMissed)
        judged = try reader.integer(in: 0...Self.partNumbers.upperBound)
        means = try Self.parts(from: &reader)
        total = means.reduce(0) { $0 + Int64($1) }
        bursts = try Self.parts(from: &reader)
        findRuns()
    }

    /// From the beginning of time to its end there are fewer.
    private static let partNumbers: ClosedRange<Int64> = -(1 << 46)...(1 << 46)

    /// Nothing stands for zeros alone.
    private static func parts(from reader: inout ByteReader) throws(ByteFault) -> [Int32] {
        let read = try reader.list(bytesEach: 4) { reader throws(ByteFault) in try reader.integer(Int32.self) }
        if read.isEmpty { return [Int32](repeating: 0, count: parts) }
        guard read.count == parts, read.allSatisfy({ (0...Int32(mostClaims * scale)).contains($0) }) else {
            throw ByteFault(offset: reader.offset, problem: "not the parts of a period")
        }
        return read
    }
}
