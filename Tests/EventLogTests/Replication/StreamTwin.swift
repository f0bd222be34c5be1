// A stream for the log's second engine, as JetStream was seen to behave.
//
// One `StreamTwin` is the replicated stream; each instance reaches it over a `StreamLink` of its own, which loses, delays and
// withholds what the recorded servers did: a publish without an answer that is stored, stored later, or never; 503 in an election;
// 10071 that meets its own first copy; 10158; reads that are behind; a consumer that says nothing more. A seed decides which.

import Basics
import Domain
import GRDB
import Synchronization

@testable import EventLog

final class StreamTwin: Sendable {
    struct State: Sendable {
        var created = "2026-11-30T09:43:46.103682697Z"
        var first: UInt64 = 1
        var last: UInt64 = 0
        var entries: [UInt64: [UInt8]] = [:]
        /// Taken by a leader that had lost its quorum: each is stored, or refused, when the quorum is back.
        var late: [(bytes: [UInt8], expecting: UInt64)] = []
        var hasQuorum = true
        var isThere = true
        var now: Int64 = 1_000_000
    }

    let state = Mutex(State())

    var now: Int64 { state.withLock { $0.now } }
    var last: UInt64 { state.withLock { $0.last } }
    func advance(microseconds: Int64) { state.withLock { $0.now += microseconds } }
    func bytes(at sequence: UInt64) -> [UInt8]? { state.withLock { $0.entries[sequence] } }

    /// Someone changes what is stored: no server does.
    func tamper(_ sequence: UInt64, _ change: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard var bytes = state.entries[sequence] else { return }
            change(&bytes)
            state.entries[sequence] = bytes
        }
    }

    func purge(below sequence: UInt64) {
        state.withLock { state in
            state.entries = state.entries.filter { $0.key >= sequence }
            state.first = max(state.first, min(sequence, state.last + 1))
        }
    }

    /// Deleted, and made anew under the same name: numbering starts at 1 again.
    func makeAnew(created: String) { state.withLock { $0 = State(created: created, now: $0.now) } }

    func loseQuorum() { state.withLock { $0.hasQuorum = false } }

    func regainQuorum() {
        state.withLock { state in
            state.hasQuorum = true
            for message in state.late where message.expecting == state.last { Self.store(message.bytes, &state) }
            state.late = []
        }
    }

    static func store(_ bytes: [UInt8], _ state: inout State) {
        state.last += 1
        state.entries[state.last] = bytes
    }

    /// What a publish that reaches a leader with a quorum gets.
    static func take(_ bytes: [UInt8], expecting: UInt64, _ state: inout State) -> StreamAnswer {
        guard state.isThere else { return .noLeader }
        guard expecting == state.last else { return .wrongSequence }
        store(bytes, &state)
        return .stored(state.last)
    }
}

/// One instance's connection.
final class StreamLink: CommitStream {
    /// In a hundred.
    struct Faults: Sendable {
        var silentStored = 0
        var silentLost = 0
        var silentLate = 0
        var noLeader = 0
        var busy = 0
        var notSent = 0
        var staleRead = 0
        var unreadable = 0
        var readerLags = 0

        static let none = Faults()
        static let many = Faults(
            silentStored: 6, silentLost: 5, silentLate: 4, noLeader: 6, busy: 2, notSent: 3, staleRead: 20, unreadable: 10, readerLags: 25)
    }

    private struct Link: Sendable {
        var random: SplitMix64
        var faults: Faults
        /// Nothing gets through.
        var isCut = false
        /// Published, and nobody has asked for the answer yet.
        var outstanding = 0
        var mostOutstanding = 0
        /// Something was published, or read in order: what is read while a log is opened doesn't shift what happens to publishes.
        var isInUse = false
    }

    let twin: StreamTwin
    let messageBytesLimit: Int
    private let link: Mutex<Link>

    init(_ twin: StreamTwin, seed: UInt64 = 1, faults: Faults = .none, messageBytesLimit: Int = 1 << 20) {
        self.twin = twin
        self.messageBytesLimit = messageBytesLimit
        link = Mutex(Link(random: SplitMix64(seed: seed), faults: faults))
    }

    func set(_ faults: Faults) { link.withLock { $0.faults = faults } }
    func cut(_ isCut: Bool) { link.withLock { $0.isCut = isCut } }
    var mostOutstanding: Int { link.withLock { $0.mostOutstanding } }

    private func happens(_ percent: any KeyPath<Faults, Int> & Sendable) -> Bool {
        link.withLock { link in
            let wanted = link.faults[keyPath: percent]
            return wanted > 0 && Int.random(in: 0..<100, using: &link.random) < wanted
        }
    }

    private struct Known: StreamPublication {
        var known: StreamAnswer
        var link: StreamLink
        func answer() -> StreamAnswer {
            link.link.withLock { $0.outstanding -= 1 }
            return known
        }
    }

    func publish(_ bytes: [UInt8], expecting last: UInt64) -> any StreamPublication {
        link.withLock { link in
            link.isInUse = true
            link.outstanding += 1
            link.mostOutstanding = max(link.mostOutstanding, link.outstanding)
        }
        return Known(known: answer(bytes, expecting: last), link: self)
    }

    private func answer(_ bytes: [UInt8], expecting last: UInt64) -> StreamAnswer {
        if link.withLock({ $0.isCut }) || happens(\.notSent) { return .notSent("not connected") }
        if happens(\.noLeader) { return .noLeader }
        if happens(\.busy) { return .busy }
        if happens(\.silentLost) { return .silence("no answer in 5 s") }
        let isLate = happens(\.silentLate)
        let isSilent = happens(\.silentStored)
        return twin.state.withLock { state in
            guard state.isThere else { return .noLeader }
            guard state.hasQuorum, !isLate else {
                state.late.append((bytes, last))
                return .silence("no answer in 5 s")
            }
            let answer = StreamTwin.take(bytes, expecting: last, &state)
            return isSilent ? .silence("the connection broke") : answer
        }
    }

    func entry(at sequence: UInt64) throws(StreamTrouble) -> StreamEntry? {
        if link.withLock({ $0.isInUse }) {
            try reach()
            if happens(\.staleRead) { return nil }
        } else if link.withLock({ $0.isCut }) || twin.state.withLock({ !$0.hasQuorum }) {
            throw .unavailable("JetStream system temporarily unavailable")
        }
        return twin.state.withLock { state in state.entries[sequence].map { StreamEntry(sequence: sequence, bytes: $0) } }
    }

    func entries(after sequence: UInt64, limit: Int) throws(StreamTrouble) -> [StreamEntry] {
        link.withLock { $0.isInUse = true }
        try reach()
        let lags = happens(\.readerLags)
        let found: Result<[StreamEntry], StreamTrouble> = twin.state.withLock { state in
            guard state.isThere else { return .failure(.missing) }
            guard sequence + 1 >= state.first else { return .failure(.purged(first: state.first)) }
            guard sequence < state.last else { return .success([]) }
            // A reader that is behind, or whose consumer is gone, has a part or nothing.
            let count = lags ? Int((state.last - sequence) / 2) : limit
            return .success(
                (sequence + 1...state.last).prefix(min(count, limit)).compactMap { at in
                    state.entries[at].map { StreamEntry(sequence: at, bytes: $0) }
                })
        }
        return try found.get()
    }

    func status() throws(StreamTrouble) -> StreamStatus {
        if link.withLock({ $0.isCut }) { throw .unavailable("not connected") }
        let found: StreamStatus? = twin.state.withLock { state in
            state.isThere ? StreamStatus(name: "greenroom", created: state.created, first: state.first, last: state.last) : nil
        }
        guard let found else { throw .missing }
        return found
    }

    private func reach() throws(StreamTrouble) {
        if link.withLock({ $0.isCut }) { throw .unavailable("not connected") }
        if twin.state.withLock({ !$0.hasQuorum }) { throw .unavailable("JetStream system temporarily unavailable") }
        if happens(\.unreadable) { throw .unavailable("JetStream system temporarily unavailable") }
    }

    /// Time passes; what a leader without a quorum took is decided now and then.
    func pause(_ attempt: Int) {
        twin.advance(microseconds: 100_000)
        let decides = link.withLock { link in
            Int.random(in: 0..<4, using: &link.random) == 0
        }
        if decides, twin.state.withLock({ $0.hasQuorum }) { twin.regainQuorum() }
    }
}

/// The instances of one replicated log.
struct Replicas {
    let directory: TemporaryDirectory
    let twin = StreamTwin()

    init() throws { directory = try TemporaryDirectory() }

    func path(_ name: String) -> String { directory.file("\(name).db") }

    func settings(_ name: String, _ link: StreamLink, session: UInt64 = 1) -> ReplicaSettings {
        var settings = ReplicaSettings(stream: link, instance: name, session: session)
        settings.clock = { [twin] in twin.now }
        settings.jitter = { 0 }
        return settings
    }

    /// Opened inline; it has applied what is there and leads nobody yet, but for the one that founded the log.
    func open(
        _ name: String, _ link: StreamLink, session: UInt64 = 1, clock: @escaping @Sendable () -> LogTime = { noon },
        change: (inout EventLog.Configuration) -> Void = { _ in }
    ) throws -> EventLog {
        var configuration = EventLog.Configuration.test(path(name), clock: clock)
        configuration.replica = settings(name, link, session: session)
        change(&configuration)
        let log = try EventLog.open(configuration)
        log.followStream(tends: false)
        return log
    }

    func open(_ name: String, session: UInt64 = 1) throws -> EventLog { try open(name, StreamLink(twin), session: session) }
}

/// All that a log holds and that no instance may hold otherwise, as SQLite quotes it.
func facts(_ path: String) throws -> [String] {
    try rawConnection(path).read { db in
        try [
            "SELECT quote(id) FROM log_info", "SELECT id || quote(text) FROM names ORDER BY id",
            """
            SELECT seq || ' ' || kind || ' ' || quote(pool) || ' ' || subject || ' ' || quote(worker) || ' ' || source || ' ' || quote(id) || ' ' ||
                quote(lag) || ' ' || quote(prev) || ' ' || quote(body) || ' ' || quote(ext) FROM events ORDER BY seq
            """,
            "SELECT first_seq || ' ' || last_seq || ' ' || at || ' ' || last_name || ' ' || quote(hash) FROM commits ORDER BY first_seq",
        ].flatMap { try String.fetchAll(db, sql: $0) }
    }
}
