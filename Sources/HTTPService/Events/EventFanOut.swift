import Domain
import Synchronization

// How do hundreds of followers get each commit without each of them reading it?
//
// One task reads what is new, once, and keeps the newest slices of it in memory. For each distinct question that is being followed
// it looks whether a slice holds anything of interest, and wakes only those it does; they share one rendering of it. A follower that
// falls behind what is kept reads the log by itself until it has caught up, a few at a time. Slices, renderings and readings are
// bounded; a follower that reads slowly holds nothing but its position.
//
//     commit ─→ reader ─→ slices ─→ (per question: anything in it?) ─→ followers ─→ one rendering a question and slice

final class EventFanOut: Sendable {
    /// What followers that may share have in common.
    struct Subject: Hashable, Sendable {
        var pool: String?
        var subject: String?
        var worker: String?
        var kinds: Set<EventKind>
        var format: EventResponses.Format

        init(_ query: EventPageQuery, _ format: EventResponses.Format) {
            (pool, subject, worker, kinds) = (query.pool, query.subject, query.worker, query.kinds)
            self.format = format
        }

        var query: EventPageQuery { EventPageQuery(after: 0, limit: .max, pool: pool, subject: subject, worker: worker, kinds: kinds) }
    }

    /// Matching events, rendered, up to and with a position.
    struct Part: Sendable {
        var bytes: [UInt8]
        var events: Int
        var readTo: Position
    }

    enum News: Sendable {
        case part(Part)
        /// What follows is no longer kept: to be read in the log.
        case behind
        /// The task was cancelled.
        case over
    }

    /// All events after `from`, up to and with `to`.
    private struct Slice {
        var from: Position
        var to: Position
        var batches: [CommittedBatch]
        var names: any LogNames
        var bytes: Int
    }

    private struct Waiter {
        var after: Position
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct Group {
        var followers = 0
        var waiters: [Int: Waiter] = [:]
        /// Nothing of interest lies after the first up to the second.
        var nothing: (from: Position, to: Position) = (0, 0)
        /// Rendered slices, by where they end.
        var rendered: [Position: Part] = [:]
    }

    private struct State {
        var slices: [Slice] = []
        var keptBytes = 0
        var renderedBytes = 0
        /// What was read so far.
        var head: Position = 0
        var groups: [Subject: Group] = [:]
        var followers = 0
        var nextTicket = 0
        var reader: Task<Void, Never>?
        /// Readers are numbered: one that was dismissed changes nothing any more.
        var readerNumber = 0
        var wakes = 0
    }

    private static let keptBytesMost = 8 << 20
    private static let renderedBytesMost = 16 << 20
    /// The reader rests so long for each follower it woke, so that many followers get several commits at once.
    private static let restPerFollower = Duration.microseconds(40)
    private static let restMost = Duration.milliseconds(100)

    private let state = Mutex(State())
    private let log: any EventReading
    private let sliceEvents: Int
    /// Those who read the log by themselves, at a time.
    let turns = Turns(limit: 2)

    init(log: any EventReading, sliceEvents: Int) {
        self.log = log
        self.sliceEvents = max(sliceEvents, 1)
    }

    var followerCount: Int { state.withLock { $0.followers } }
    var waitingCount: Int { state.withLock { $0.groups.values.reduce(0) { $0 + $1.waiters.count } } }
    var keptBytes: Int { state.withLock { $0.keptBytes } }
    /// Followers woken so far.
    var wakeCount: Int { state.withLock { $0.wakes } }

    // MARK: - Followers

    func join(_ subject: Subject) {
        state.withLock { state in
            state.followers += 1
            state.groups[subject, default: Group()].followers += 1
        }
    }

    func leave(_ subject: Subject) {
        let reader = state.withLock { state -> Task<Void, Never>? in
            state.followers -= 1
            state.groups[subject]?.followers -= 1
            if let group = state.groups[subject], group.followers == 0 {
                state.renderedBytes -= group.rendered.values.reduce(0) { $0 + $1.bytes.count }
                state.groups[subject] = nil
            }
            guard state.followers == 0 else { return nil }
            state.slices = []
            state.keptBytes = 0
            state.readerNumber += 1
            defer { state.reader = nil }
            return state.reader
        }
        reader?.cancel()
    }

    /// What is new after `position`, once there is anything of interest. Only for who has joined.
    func next(_ subject: Subject, after position: Position) async -> News {
        var position = position
        while !Task.isCancelled {
            switch look(subject, after: position) {
            case .part(let part): return .part(part)
            case .render(let slice):
                let part = Self.render(slice, subject, after: position)
                keep(part, of: subject, after: position)
                return .part(part)
            case .behind: return .behind
            case .wait(let skipped):
                position = skipped
                await wait(subject, after: position)
            }
        }
        return .over
    }

    private enum Look {
        case part(Part)
        case render(Slice)
        case behind
        /// There is nothing up to here.
        case wait(Position)
    }

    private func look(_ subject: Subject, after asked: Position) -> Look {
        state.withLock { state in
            guard let group = state.groups[subject] else { return .behind }
            startReader(&state)
            var position = asked
            if position >= group.nothing.from, position < group.nothing.to { position = group.nothing.to }
            guard position < state.head else { return .wait(position) }
            guard let slice = Self.keptSlice(after: position, state.slices) else { return .behind }
            if position == slice.from, let part = group.rendered[slice.to] { return .part(part) }
            return .render(slice)
        }
    }

    private static func keptSlice(after position: Position, _ slices: [Slice]) -> Slice? {
        guard let first = slices.first, position >= first.from else { return nil }
        var (low, high) = (0, slices.count)
        while low < high {
            let middle = (low + high) / 2
            if slices[middle].to <= position { low = middle + 1 } else { high = middle }
        }
        return low < slices.count ? slices[low] : nil
    }

    private static func render(_ slice: Slice, _ subject: Subject, after position: Position) -> Part {
        let filter = EventFilter(subject.query, names: slice.names)
        var part = Part(bytes: [], events: 0, readTo: slice.to)
        guard !filter.matchesNothing else { return part }
        for batch in slice.batches where batch.lastSeq > position {
            for event in batch.events where event.seq > position && filter.matches(event) {
                subject.format.append(event, of: batch, names: slice.names, to: &part.bytes)
                part.events += 1
            }
        }
        return part
    }

    /// For the others that ask the same.
    private func keep(_ part: Part, of subject: Subject, after position: Position) {
        state.withLock { state in
            guard state.renderedBytes + part.bytes.count <= Self.renderedBytesMost, let group = state.groups[subject], group.followers > 1,
                group.rendered[part.readTo] == nil, state.slices.contains(where: { $0.from == position && $0.to == part.readTo })
            else { return }
            state.groups[subject]?.rendered[part.readTo] = part
            state.renderedBytes += part.bytes.count
        }
    }

    private func wait(_ subject: Subject, after position: Position) async {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    guard !Task.isCancelled, state.head <= position, state.groups[subject] != nil else { return false }
                    state.groups[subject]?.waiters[ticket] = Waiter(after: position, continuation: continuation)
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { $0.groups[subject]?.waiters.removeValue(forKey: ticket) }
            waiter?.continuation.resume()
        }
    }

    // MARK: - The reader

    private func startReader(_ state: inout State) {
        guard state.reader == nil else { return }
        state.slices = []
        state.keptBytes = 0
        state.readerNumber += 1
        let number = state.readerNumber
        state.head = 0
        for subject in state.groups.keys { state.groups[subject]?.nothing = (0, 0) }
        state.reader = Task { await self.read(number) }
    }

    private func read(_ number: Int) async {
        // Whoever starts it may be far behind: it begins where the log ends now, and they catch up by themselves.
        var head = await log.lastPosition
        guard begin(number, at: head) else { return }
        while !Task.isCancelled {
            await log.waitForEvents(after: head)
            guard !Task.isCancelled else { return }
            let page: EventPage
            do { page = try await log.read(EventPageQuery(after: head, limit: sliceEvents)) } catch { return fail(number) }
            // A wake-up without news; a log that is broken is found by who reads it next.
            guard page.readTo > head else {
                await Task.yield()
                continue
            }
            let slice = Slice(
                from: head, to: page.readTo, batches: page.batches, names: page.names, bytes: page.batches.reduce(0) { $0 + Self.bytes($1) }
            )
            guard let woken = publish(slice, number) else { return }
            head = page.readTo
            for waiter in woken { waiter.continuation.resume() }
            let rest = Self.restPerFollower * woken.count
            if woken.count > 8 { try? await Task.sleep(for: min(rest, Self.restMost)) }
        }
    }

    private static func bytes(_ batch: CommittedBatch) -> Int {
        batch.bytes.count + batch.events.count * MemoryLayout<CommittedEvent>.stride
    }

    private func begin(_ number: Int, at head: Position) -> Bool {
        let woken = state.withLock { state -> [Waiter]? in
            guard state.readerNumber == number else { return nil }
            state.head = head
            return Self.takeWaiters(&state) { $0.after < head }
        }
        woken?.forEach { $0.continuation.resume() }
        return woken != nil
    }

    /// Those who are to be told; nil where this reader was dismissed.
    private func publish(_ slice: Slice, _ number: Int) -> [Waiter]? {
        state.withLock { state in
            guard state.readerNumber == number else { return nil }
            state.slices.append(slice)
            state.keptBytes += slice.bytes
            state.head = slice.to
            var woken: [Waiter] = []
            for subject in Array(state.groups.keys) {
                if Self.hasMatch(slice, subject) {
                    woken += state.groups[subject].map { Array($0.waiters.values) } ?? []
                    state.groups[subject]?.waiters.removeAll(keepingCapacity: true)
                } else if let nothing = state.groups[subject]?.nothing {
                    state.groups[subject]?.nothing = (nothing.to == slice.from ? nothing.from : slice.from, slice.to)
                }
            }
            evict(&state)
            state.wakes += woken.count
            return woken
        }
    }

    private static func hasMatch(_ slice: Slice, _ subject: Subject) -> Bool {
        let filter = EventFilter(subject.query, names: slice.names)
        return !filter.matchesNothing && slice.batches.contains { $0.events.contains(where: filter.matches) }
    }

    private func evict(_ state: inout State) {
        while state.keptBytes > Self.keptBytesMost, state.slices.count > 1 {
            let oldest = state.slices.removeFirst()
            state.keptBytes -= oldest.bytes
            for subject in Array(state.groups.keys) {
                if let part = state.groups[subject]?.rendered.removeValue(forKey: oldest.to) { state.renderedBytes -= part.bytes.count }
            }
        }
    }

    /// The log can't be read: followers find out by themselves, and the next of them starts another reader.
    private func fail(_ number: Int) {
        let woken = state.withLock { state -> [Waiter] in
            guard state.readerNumber == number else { return [] }
            state.reader = nil
            state.slices = []
            state.keptBytes = 0
            state.head = .max
            return Self.takeWaiters(&state) { _ in true }
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    private static func takeWaiters(_ state: inout State, _ isDue: (Waiter) -> Bool) -> [Waiter] {
        var due: [Waiter] = []
        for subject in Array(state.groups.keys) {
            for (ticket, waiter) in state.groups[subject]?.waiters ?? [:] where isDue(waiter) {
                due.append(waiter)
                state.groups[subject]?.waiters[ticket] = nil
            }
        }
        return due
    }
}

/// A few at a time, in the order they came. As many wait as are let in elsewhere.
final class Turns: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>
    init(limit: Int) { state = Mutex(State(free: limit)) }

    func take<Value: Sendable>(_ work: () async throws -> Value) async rethrows -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer { give() }
        return try await work()
    }

    private func give() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty { state.free += 1 }
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
        next?.resume()
    }
}
