import Basics
package import Domain
import Placement

// When will suspended actors wake, as far as that can be predicted?
//
// From the schedule that came with `actor.created`, or from steady history: three wakes whose two gaps differ by at most a
// tenth, each from a minute to 31 days. Woken at 8:00, 9:00 and 10:02 (gaps of 60 and 62 min): expected next at 11:03.
// A side table of the few actors that have one, so that all others cost nothing; a schedule is kept whatever the pool's
// policy says, history only where the policy wants it. What is armed has a deadline, which a logged timer takes.

package struct WakeForecasts: Sendable {
    /// Actors with a schedule, and with history, at most; further ones aren't predicted.
    package static let scheduleLimit = 16_384
    package static let historyLimit = 16_384
    /// Gaps alike in a row from which history counts as steady, and wakes that the mean looks back at.
    package static let steadyGaps = 2
    package static let meanGaps: Int64 = 8
    /// A gap differs by little up to a tenth.
    package static let toleranceDivisor: Int64 = 10
    package static let gapLimitsMicroseconds: ClosedRange<Int64> = 60_000_000...2_678_400_000_000
    /// Where history is full, what hasn't woken for two gaps, an hour at least, makes room; looked for once a minute.
    package static let forgetMicroseconds: Int64 = 3_600_000_000
    package static let sweepMicroseconds: Int64 = 60_000_000

    package struct Entry: Hashable, Sendable {
        /// Empty where it has no schedule.
        package internal(set) var cron = ""
        package internal(set) var timezone = ""
        /// Of its latest external snapshot.
        package internal(set) var bytes: Int64 = 0
        package internal(set) var lastWake = LogTime.zero
        /// Mean of the gaps that were alike.
        package internal(set) var gapMicroseconds: Int64 = 0
        package internal(set) var alikeGaps = 0
        package internal(set) var armed: Armed?

        package var hasSchedule: Bool { !cron.isEmpty }
        package var steadyGapMicroseconds: Int64? { alikeGaps >= WakeForecasts.steadyGaps ? gapMicroseconds : nil }

        package mutating func woke(at now: LogTime) {
            let gap = now.microseconds(since: lastWake)
            let hadWoken = lastWake != .zero
            lastWake = now
            guard hadWoken, WakeForecasts.gapLimitsMicroseconds.contains(gap) else {
                (alikeGaps, gapMicroseconds) = (0, 0)
                return
            }
            guard alikeGaps > 0, abs(gap - gapMicroseconds) <= gapMicroseconds / WakeForecasts.toleranceDivisor else {
                (alikeGaps, gapMicroseconds) = (1, gap)
                return
            }
            let weight = min(Int64(alikeGaps), WakeForecasts.meanGaps - 1)
            gapMicroseconds = (gapMicroseconds * weight + gap) / (weight + 1)
            alikeGaps = min(alikeGaps + 1, Int(WakeForecasts.meanGaps))
        }

        /// Not woken for so long that its history says nothing any more.
        package func isStale(at now: LogTime) -> Bool {
            !hasSchedule && now.microseconds(since: lastWake) > max(WakeForecasts.forgetMicroseconds, 2 * gapMicroseconds)
        }
    }

    package struct Armed: Hashable, Sendable {
        package internal(set) var wakeAt: LogTime
        /// When a node is to be told.
        package internal(set) var dueAt: LogTime
    }

    private var entries: [Int: Entry] = [:]
    private var schedules = 0
    /// Of those that are armed.
    private var deadlines = Deadlines<Int>()
    /// Their deadline came: when they are expected, by actor, until a node was told or the time has passed.
    package private(set) var due: [Int: LogTime] = [:]
    private var sweptAt = LogTime.zero

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    package var indices: [Int] { entries.keys.sorted() }
    package subscript(_ actor: Int) -> Entry? { entries.isEmpty ? nil : entries[actor] }

    // MARK: - What happens to actors

    package mutating func declare(_ actor: Int, cron: String, timezone: String) {
        guard entries[actor]?.hasSchedule ?? false || schedules < Self.scheduleLimit else { return }
        if !(entries[actor]?.hasSchedule ?? false) { schedules += 1 }
        entries[actor, default: Entry()].cron = cron
        entries[actor]?.timezone = timezone
    }

    /// - Parameter learns: its history is wanted, so that it is kept where there is room.
    package mutating func woke(_ actor: Int, at now: LogTime, learns: Bool) {
        disarm(actor)
        if entries[actor] == nil {
            guard learns, hasRoom(at: now) else { return }
            entries[actor] = Entry()
        }
        entries[actor]?.woke(at: now)
    }

    package mutating func suspended(_ actor: Int, bytes: Int64) { entries[actor]?.bytes = bytes }

    package mutating func remove(_ actor: Int) {
        disarm(actor)
        if entries.removeValue(forKey: actor)?.hasSchedule ?? false { schedules -= 1 }
    }

    private mutating func hasRoom(at now: LogTime) -> Bool {
        if entries.count - schedules < Self.historyLimit { return true }
        guard now.microseconds(since: sweptAt) >= Self.sweepMicroseconds else { return false }
        sweptAt = now
        for actor in entries.filter({ $0.value.isStale(at: now) }).keys { remove(actor) }
        return entries.count - schedules < Self.historyLimit
    }

    // MARK: - Deadlines

    package mutating func arm(_ actor: Int, _ armed: Armed) {
        guard entries[actor] != nil else { return }
        unschedule(actor)
        entries[actor]?.armed = armed
        deadlines.add(actor, at: armed.dueAt)
    }

    /// It wakes, or nobody wants to know when it does.
    package mutating func disarm(_ actor: Int) {
        guard !entries.isEmpty else { return }
        due[actor] = nil
        unschedule(actor)
    }

    private mutating func unschedule(_ actor: Int) {
        guard let armed = entries[actor]?.armed else { return }
        entries[actor]?.armed = nil
        deadlines.remove(actor, at: armed.dueAt)
    }

    /// The first deadline later than `time`.
    package func earliest(after time: LogTime) -> LogTime? { deadlines.first(after: time) }

    /// Actors whose deadline has come, with it.
    package func reached(_ now: LogTime) -> [(actor: Int, at: LogTime)] { deadlines.reached(now).map { ($0.key, $0.at) } }

    /// Notes that the log says so. Answers when it was expected to wake.
    package mutating func ring(_ actor: Int) -> LogTime? {
        guard let armed = entries[actor]?.armed else { return nil }
        unschedule(actor)
        due[actor] = armed.wakeAt
        return armed.wakeAt
    }

    /// A node was told.
    package mutating func settle(_ actor: Int) { due[actor] = nil }

    /// What comes too late helps nobody.
    package mutating func forgetDue(upTo now: LogTime) { if !due.isEmpty { due = due.filter { $0.value > now } } }
}

extension WakeForecasts {
    package func encode(into writer: inout ByteWriter) {
        writer.list(indices) { writer, actor in
            let entry = entries[actor] ?? Entry()
            writer.integer(Int64(actor))
            writer.string(entry.cron)
            writer.string(entry.timezone)
            writer.integer(entry.bytes)
            writer.time(entry.lastWake)
            writer.integer(entry.gapMicroseconds)
            writer.integer(Int64(entry.alikeGaps))
            writer.optional(entry.armed) { writer, armed in
                writer.time(armed.wakeAt)
                writer.time(armed.dueAt)
            }
        }
        writer.list(due.keys.sorted()) { writer, actor in
            writer.integer(Int64(actor))
            writer.time(due[actor] ?? .zero)
        }
        writer.time(sweptAt)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        for _ in 0..<(try reader.count(bytesEach: 41)) {
            let actor = try reader.int()
            var entry = Entry()
            entry.cron = try reader.string()
            entry.timezone = try reader.string()
            entry.bytes = try reader.integer()
            entry.lastWake = try reader.time()
            entry.gapMicroseconds = try reader.integer(in: 0...Self.gapLimitsMicroseconds.upperBound)
            entry.alikeGaps = try reader.tally()
            let armed = try reader.optional { reader throws(ByteFault) in Armed(wakeAt: try reader.time(), dueAt: try reader.time()) }
            if entries[actor] == nil, entry.hasSchedule { schedules += 1 }
            entries[actor] = entry
            if let armed { arm(actor, armed) }
        }
        for _ in 0..<(try reader.count(bytesEach: 16)) { due[try reader.int()] = try reader.time() }
        sweptAt = try reader.time()
    }
}
