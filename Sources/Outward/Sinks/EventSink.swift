import Basics
package import Domain
package import EventLog
package import Logging
import Machine
import Metrics

// How does each event reach a sink, at least once and in order?
//
// A sink reads the log for itself, from its own position. So one that is away holds up nobody and costs no memory: the log
// keeps what it has yet to get. Each event is sent until the sink takes it. Between attempts the wait grows, with jitter, up
// to a limit. One that a sink refuses as such (400, 413, …) is passed over after a few attempts, counted and logged.

package struct SinkConfiguration: Hashable, Sendable {
    package var name: String
    package var target: OutboundTarget
    package var mode = SinkMode.binary
    package var selection: EventSelection
    /// A sink that is new gets the log from its beginning, instead of what happens from now on.
    package var fromBeginning = false

    package init(name: String, target: OutboundTarget, selection: EventSelection) {
        self.name = name
        self.target = target
        self.selection = selection
    }

    package static let sinksMost = 16

    /// It is part of a file's name.
    package static func isName(_ name: String) -> Bool {
        (1...40).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }
}

/// Where a sink stands.
package struct SinkStanding: Hashable, Sendable {
    package var name: String
    /// Everything up to here was delivered, or is none of its business.
    package var position: Position = 0
    /// Log time of the event that it is stuck with, and since when its attempts fail.
    package var waitingAt: LogTime?
    package var failingSince: LogTime?
    package var problem: String?
}

package final class EventSink: Sendable {
    /// What a sink needs of its surroundings; tests move the clock by hand.
    package struct Surroundings: Sendable {
        package var now: @Sendable () -> LogTime
        package var sleep: @Sendable (Duration) async throws -> Void
        /// Up to where it is known which events changed something.
        package var folded: @Sendable () async -> Position
        package var seed: UInt64

        package init(
            now: @escaping @Sendable () -> LogTime, sleep: @escaping @Sendable (Duration) async throws -> Void,
            folded: @escaping @Sendable () async -> Position, seed: UInt64
        ) {
            self.now = now
            self.sleep = sleep
            self.folded = folded
            self.seed = seed
        }
    }

    static let firstRetry = Duration.milliseconds(500)
    static let longestRetry = Duration.seconds(30)
    /// Attempts with an event that the sink refuses as such.
    static let refusalsMost = 5
    /// Of the position's file.
    private static let saveEveryMicroseconds: Int64 = 1_000_000
    private static let foldWait = Duration.milliseconds(20)
    private static let foldWaitsMost = 250
    /// What can't become right by being sent again.
    private static let refusals: Set<Int> = [400, 406, 409, 413, 414, 415, 422]
    /// Events of a worker that are looked through for what it was told.
    private static let earlierMost = 16

    private let configuration: SinkConfiguration
    private let log: EventLog
    private let file: SinkPosition
    private let poster: any OutboundPosting
    private let around: Surroundings
    private let logger: Logger
    private let state: Locked<SinkStanding>
    private let delivered: Counter
    private let refused: Counter
    private let failures: Counter

    package init(
        _ configuration: SinkConfiguration, log: EventLog, poster: any OutboundPosting, around: Surroundings, logger: Logger
    ) {
        self.configuration = configuration
        self.log = log
        self.poster = poster
        self.around = around
        self.logger = logger
        file = SinkPosition(log: log.path, logID: log.id, name: configuration.name)
        state = Locked(SinkStanding(name: configuration.name))
        let sink = [("sink", configuration.name)]
        delivered = Counter(label: "greenroom_sink_events_total", dimensions: sink + [("outcome", "delivered")])
        refused = Counter(label: "greenroom_sink_events_total", dimensions: sink + [("outcome", "refused")])
        failures = Counter(label: "greenroom_sink_failures_total", dimensions: sink)
    }

    package var standing: SinkStanding { state.value }

    /// Where it has no position yet, it begins at the one that it would have begun at now.
    func markPosition() {
        if case .none = file.read() { _ = save(start()) }
    }

    /// Delivers until the task is cancelled or the log is closed.
    package func run() async {
        let begin = start()
        state.withValue { $0.position = begin }
        var retry = Backoff(first: Self.firstRetry, longest: Self.longestRetry, seed: around.seed)
        var follower = log.follower(after: begin)
        // At once: after a crash "from now on" would mean a later now.
        var saved = save(begin)
        var savedAt = around.now()
        while !Task.isCancelled {
            do throws(LogError) {
                guard let batch = try await follower.next() else { break }
                guard await deliver(batch, &retry) else { break }
                state.withValue { $0.position = batch.lastSeq }
                let now = around.now()
                // Also where the clock was set back.
                if !(0..<Self.saveEveryMicroseconds).contains(now.microseconds(since: savedAt)) {
                    (saved, savedAt) = (save(batch.lastSeq), now)
                }
            } catch {
                await fail("the log can't be read: \(error.problem)", at: nil, &retry)
                follower = log.follower(after: standing.position)
            }
        }
        if standing.position != saved { _ = save(standing.position) }
    }

    // MARK: - Delivery

    /// False where the task ended before all of it was taken.
    private func deliver(_ batch: CommittedBatch, _ retry: inout Backoff) async -> Bool {
        guard batch.events.contains(where: configuration.selection.mayInclude) else { return true }
        await awaitFold(of: batch.lastSeq)
        for event in batch.events where configuration.selection.mayInclude(event) {
            while true {
                guard !Task.isCancelled else { return false }
                do throws(LogError) {
                    // Read again: by now the log knows whether it changed something.
                    guard let single = try log.event(at: event.seq), let known = single.events.first else { break }
                    guard try wants(known, single) else { break }
                    guard await send(known, single, &retry) else { return false }
                    break
                } catch { await fail("the log can't be read: \(error.problem)", at: batch.at, &retry) }
            }
        }
        return true
    }

    private func wants(_ event: CommittedEvent, _ batch: CommittedBatch) throws(LogError) -> Bool {
        var wasTold = false
        if event.kind == .workerGone { wasTold = try self.wasTold(event) }
        return configuration.selection.includes(event, of: batch, names: log.names) { wasTold }
    }

    /// Whether a worker that went had been told to go, by its own events before.
    private func wasTold(_ event: CommittedEvent) throws(LogError) -> Bool {
        var seq = event.previous
        for _ in 0..<Self.earlierMost where seq > 0 {
            guard let earlier = try log.event(at: seq)?.events.first else { return false }
            switch earlier.kind {
            case .workerDraining where !earlier.superseded: return true
            case .workerReady, .workerGone: return false
            default: seq = earlier.previous
            }
        }
        return false
    }

    /// Sends one event until the sink takes it. False where the task ended before.
    private func send(_ event: CommittedEvent, _ batch: CommittedBatch, _ retry: inout Backoff) async -> Bool {
        let request: OutboundRequest
        do throws(JSONFault) { request = try SinkMessage.request(event, of: batch, names: log.names, configuration.mode) } catch {
            passOver(event, "its body is damaged: run `greenroom log verify`")
            return true
        }
        var refusals = 0
        while !Task.isCancelled {
            let answer = await poster.post(request)
            if answer.isSuccess {
                delivered.increment()
                recover()
                retry.reset()
                return true
            }
            var atLeast = Duration.zero
            if case .status(let status, let after, _) = answer {
                if let after { atLeast = .seconds(after) }
                if Self.refusals.contains(status) { refusals += 1 }
            }
            let problem = answer.problem ?? "it gave no answer"
            guard refusals < Self.refusalsMost else {
                passOver(event, problem)
                retry.reset()
                return true
            }
            // A service that stops is no fault of the sink's.
            guard !Task.isCancelled else { return false }
            await fail(problem, at: batch.at, atLeast: atLeast, &retry)
        }
        return false
    }

    private func awaitFold(of position: Position) async {
        for _ in 0..<Self.foldWaitsMost {
            if Task.isCancelled { return }
            if await around.folded() >= position { return }
            try? await around.sleep(Self.foldWait)
        }
    }

    // MARK: - Standing

    private func fail(_ problem: String, at: LogTime?, atLeast: Duration = .zero, _ retry: inout Backoff) async {
        failures.increment()
        let now = around.now()
        let isNew = state.withValue { state in
            defer {
                state.problem = problem
                state.failingSince = state.failingSince ?? now
                state.waitingAt = at ?? state.waitingAt
            }
            return state.problem != problem
        }
        if isNew {
            logger.warning(
                "a sink doesn't take events; it gets them once it does", metadata: metadata(["problem": "\(problem)"]))
        }
        try? await around.sleep(retry.next(atLeast: atLeast))
    }

    private func recover() {
        let was = state.withValue { state in
            defer { (state.problem, state.failingSince, state.waitingAt) = (nil, nil, nil) }
            return state.failingSince
        }
        if let was { logger.notice("a sink takes events again", metadata: metadata(["since": "\(was.rfc3339Seconds)"])) }
    }

    private func passOver(_ event: CommittedEvent, _ problem: String) {
        refused.increment()
        recover()
        logger.error(
            "a sink refused an event, and won't get it", metadata: metadata(["position": "\(event.seq)", "problem": "\(problem)"]))
    }

    private func metadata(_ more: Logger.Metadata) -> Logger.Metadata {
        more.merging(["sink": "\(configuration.name)", "url": "\(configuration.target.shown)"]) { a, _ in a }
    }

    // MARK: - Position

    /// From where on: as the file says, or from now, or from the beginning.
    private func start() -> Position {
        let head = log.head.seq
        switch file.read() {
        case .none: return configuration.fromBeginning ? 0 : head
        case .position(let position) where position <= head: return position
        case .position(let position):
            logger.error(
                "a sink's position is beyond the log's end; it gets what is new", metadata: metadata(["position": "\(position)"]))
            return head
        case .unusable(let problem):
            let begin = configuration.fromBeginning ? 0 : head
            logger.error(
                "a sink's file can't be used; events may be missing there",
                metadata: metadata(["file": "\(file.path)", "problem": "\(problem)", "from": "\(begin + 1)"]))
            return begin
        }
    }

    /// The position that the file holds from now on.
    private func save(_ position: Position) -> Position {
        do {
            try file.write(position)
            return position
        } catch {
            failures.increment()
            logger.error(
                "a sink's position can't be saved; after a restart it gets events again",
                metadata: metadata(["file": "\(file.path)"]))
            return -1
        }
    }
}
