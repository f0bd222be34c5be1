// Which messages of the stream are in this file, and who may add to them?
//
// What this instance has applied, who leads by it, and what it published itself. The leader writes by `ReplicaCommits`; everybody
// follows by `follow`. A message that doesn't continue the log stops both, until a person has looked at it.
//
// Belongs to the writer: every method runs inside the writing connection's access.

import Basics
import Domain
import GRDB

final class Replica {
    let settings: ReplicaSettings
    private let logID: [UInt8]
    let path: String
    private let table: ReplicaTable
    /// What is durable in the file.
    private(set) var place: ReplicaPlace
    /// The election that this process won; 0 for none.
    private var ownFence: UInt64
    /// When the last accepted publish was sent.
    private var acceptedAt: Int64
    /// When something of the stream was applied last.
    private var heardAt: Int64
    /// How long the stream must be silent before this instance stands for election.
    private var patience: Int64 = 0
    /// The stream gave no certain answer to the last commit: the next is told so soon, and doesn't wait as long behind it.
    private var isUncertain = false
    /// It stands for no election any more: it is about to end.
    private var abstains = false
    private(set) var stopped: LogError?

    init(_ db: Database, settings: ReplicaSettings, logID: [UInt8], path: String, place: ReplicaPlace) throws {
        (self.settings, self.logID, self.path, self.place) = (settings, logID, path, place)
        table = try ReplicaTable(db)
        try table.write(place)
        let now = settings.clock()
        ownFence = 0
        acceptedAt = .min
        heardAt = now
        drawPatience()
    }

    /// Whether this process won the last election that is applied here.
    var isLeader: Bool { ownFence > 0 && ownFence == place.fence && stopped == nil }

    var status: ReplicaStatus {
        ReplicaStatus(
            sequence: place.sequence, fence: place.fence, leader: place.leader, heardAt: heardAt,
            isLeader: isLeader,
            mayActUntil: isLeader ? acceptedAt.addingClamped(settings.leaseMicroseconds) : nil, problem: stopped?.description)
    }

    // MARK: - What the leader publishes

    func message(_ content: ReplicaMessage.Content, after link: [UInt8]) throws(ReplicaMessageFault) -> [UInt8] {
        try ReplicaMessage(logID: logID, previous: link, content: content).encoded(limit: settings.stream.messageBytesLimit)
    }

    /// The stream has taken what was sent at `sentAt`, and the file what it says.
    func noteAccepted(sentAt: Int64) {
        isUncertain = false
        acceptedAt = max(acceptedAt, sentAt)
        heardAt = max(heardAt, sentAt)
    }

    /// Until when a commit that is published now may wait for a certain answer.
    var settleDeadline: Int64 {
        settings.clock().addingClamped(
            isUncertain ? min(Self.uncertainMicroseconds, settings.settleMicroseconds) : settings.settleMicroseconds)
    }

    func noteUncertain() { isUncertain = true }

    private static let uncertainMicroseconds: Int64 = 1_000_000

    /// Writes how far the file has got, in the transaction of what it got.
    func advance(to next: ReplicaPlace) throws { try table.write(next) }

    /// That transaction is durable.
    func keep(_ next: ReplicaPlace) { place = next }

    // MARK: - Leading

    /// Stands for election. True where the stream took it, so this process leads.
    func campaign(_ engine: CommitEngine) -> Bool {
        guard stopped == nil, !abstains, !isLeader else { return false }
        let sentAt = settings.clock()
        heardAt = sentAt
        drawPatience()
        guard let result = publish(.election(instance: settings.instance, session: settings.session), engine), result == .stored else {
            return false
        }
        ownFence = place.sequence + 1
        place.sequence += 1
        (place.fence, place.leader) = (ownFence, settings.instance)
        noteAccepted(sentAt: sentAt)
        return true
    }

    /// Hands the lead over. To be called when nothing acts any more in this instance's name; from here on it leads no more and stands for
    /// no election. True where the stream took it, so that another may lead at once; else the others wait for the lease to end.
    func resign(_ engine: CommitEngine) -> Bool {
        abstains = true
        guard isLeader else { return false }
        let result = publish(.resignation(fence: place.fence), engine)
        ownFence = 0
        settings.stream.expectOthers()
        guard result == .stored else { return false }
        place.sequence += 1
        place.leader = ""
        return true
    }

    /// Tells the others, and itself, that this process still leads. False where the stream didn't take it.
    func beat(_ engine: CommitEngine) -> Bool {
        guard isLeader else { return false }
        let sentAt = settings.clock()
        guard let result = publish(.heartbeat(fence: place.fence), engine), result == .stored else { return false }
        place.sequence += 1
        noteAccepted(sentAt: sentAt)
        return true
    }

    private func publish(_ content: ReplicaMessage.Content, _ engine: CommitEngine) -> Settlement.Result? {
        guard let bytes = try? message(content, after: engine.link) else { return nil }
        let answer = settings.stream.publish(bytes, expecting: place.sequence).answer()
        // Nobody waits for it: what isn't certain is found by reading, or sent again at the next time.
        let settlement = Settlement(settings: settings, bytes: bytes, expecting: place.sequence)
        return settlement.settle(answer, until: settings.clock().addingClamped(settings.leaseMicroseconds / 4))
    }

    /// What is due: a heartbeat of the leader, an election where the stream was silent for longer than the lease.
    func tend(_ engine: CommitEngine) {
        guard stopped == nil else { return }
        let now = settings.clock()
        if isLeader {
            if now.subtractingClamped(acceptedAt) >= settings.leaseMicroseconds / 3 { _ = beat(engine) }
        } else if now.subtractingClamped(heardAt) >= patience {
            _ = campaign(engine)
        }
    }

    private func drawPatience() {
        let lease = settings.leaseMicroseconds
        // Nobody's lease has to end where the last leader resigned, or where nobody ever led as far as this file knows.
        guard !place.leader.isEmpty else {
            patience = min(lease, Int64(Double(Self.vacantMicroseconds) * min(max(settings.jitter(), 0), 1)))
            return
        }
        patience = lease + lease / 10 + Int64(Double(lease) * min(max(settings.jitter(), 0), 1))
    }

    /// Where nobody leads, each waits up to so long: who comes second needn't have tried.
    private static let vacantMicroseconds: Int64 = 200_000

    // MARK: - Following

    /// Applies what has arrived of the stream, some of it. Empty where nothing has.
    func follow(_ engine: CommitEngine, _ db: Database) throws -> [StagedCommit] {
        if let stopped { throw stopped }
        let entries: [StreamEntry]
        do throws(StreamTrouble) {
            entries = try settings.stream.entries(after: place.sequence, limit: settings.applyEntries)
        } catch {
            if case .unavailable = error { return [] }
            throw stop(words(error), hint: Self.hint(error))
        }
        guard !entries.isEmpty else { return [] }
        let (commits, fault) = try apply(entries[...], engine, db)
        guard let fault else { return commits }
        // What came before the fault is sound, and was taken back with it.
        let again = try apply(entries[..<fault.index], engine, db)
        stop(fault.problem, hint: fault.hint)
        return again.commits
    }

    private struct Fault {
        var index: Int
        var problem: String
        var hint: String
    }

    private func apply(_ entries: ArraySlice<StreamEntry>, _ engine: CommitEngine, _ db: Database) throws -> (
        commits: [StagedCommit], Fault?
    ) {
        guard !entries.isEmpty else { return ([], nil) }
        try engine.beginSeries(db)
        var next = place
        for (index, entry) in entries.enumerated() {
            do {
                guard try apply(entry, engine, &next) else { break }
            } catch {
                engine.dropSeries(db)
                guard let problem = problem(error) else { throw error }
                return (
                    [],
                    Fault(
                        index: entries.startIndex + index, problem: "message \(entry.sequence) of the stream: \(problem.text)",
                        hint: problem.hint)
                )
            }
        }
        let reached = next
        let commits = try engine.finishSeries(db) { try advance(to: reached) }
        let isOtherLead = (reached.fence, reached.leader) != (place.fence, place.leader)
        keep(reached)
        heardAt = settings.clock()
        if isOtherLead { drawPatience() }
        return (commits, nil)
    }

    /// False where it belongs into the next transaction.
    private func apply(_ entry: StreamEntry, _ engine: CommitEngine, _ next: inout ReplicaPlace) throws -> Bool {
        guard entry.sequence == next.sequence + 1 else {
            throw ReplicaMismatch(position: engine.seriesHead.seq + 1, problem: "message \(next.sequence + 1) isn't in the stream")
        }
        let message = try ReplicaMessage(entry.bytes)
        guard message.logID == logID else {
            throw ReplicaMismatch(
                position: engine.seriesHead.seq + 1,
                problem: "it belongs to the log \(Hex.text(message.logID)), this one is \(Hex.text(logID))")
        }
        if message.previous != engine.seriesLink {
            throw ReplicaMismatch(
                position: engine.seriesHead.seq + 1,
                problem:
                    "it stands on the link \(Hex.text(message.previous)), and this instance's log ends with \(Hex.text(engine.seriesLink))")
        }
        switch message.content {
        case .election(let instance, let session):
            (next.fence, next.leader) = (entry.sequence, instance)
            // An own election whose answer was given up on.
            if instance == settings.instance, session == settings.session { ownFence = entry.sequence }
        case .heartbeat(let fence): try check(fence, next, engine)
        case .resignation(let fence):
            try check(fence, next, engine)
            next.leader = ""
        case .commit(let content):
            try check(content.fence, next, engine)
            guard engine.hasRoomInSeries(for: content.staged.ids.count) else { return false }
            try engine.addToSeries(content, after: message.previous)
        }
        next.sequence = entry.sequence
        return true
    }

    private func check(_ fence: UInt64, _ next: ReplicaPlace, _ engine: CommitEngine) throws {
        if fence == next.fence, next.leader.isEmpty {
            throw ReplicaMismatch(
                position: engine.seriesHead.seq + 1, problem: "the leader of fence \(fence) wrote it after it had resigned")
        }
        guard fence == next.fence else {
            throw ReplicaMismatch(
                position: engine.seriesHead.seq + 1,
                problem: "the leader of fence \(fence) wrote it after \(next.leader) had won the election \(next.fence)")
        }
    }

    // MARK: - What stops it

    private func problem(_ error: any Error) -> (text: String, hint: String)? {
        switch error {
        case let fault as ReplicaMessageFault:
            if case .newer = fault { return (fault.description, "upgrade this instance: it continues where it stopped") }
            return (
                fault.description,
                "the stream has what no instance wrote: find out who did, and compare the instances' logs with `log verify`"
            )
        case let mismatch as ReplicaMismatch:
            return (
                mismatch.description,
                "this instance's log and the stream differ: compare the instances' logs with `log verify`, and replace the one that is wrong by a copy"
            )
        default: return nil
        }
    }

    /// Nothing more is applied or written.
    @discardableResult
    private func stop(_ problem: String, hint: String) -> LogError {
        let error = LogError(.damaged, operation: "follow the stream \(place.stream) into", path: path, problem: problem, hint: hint)
        stopped = error
        return error
    }

    private func words(_ trouble: StreamTrouble) -> String {
        switch trouble {
        case .purged(let first):
            "the stream begins at sequence \(first), and this file has applied \(place.sequence): what lies between was purged"
        default: trouble.description
        }
    }

    private static func hint(_ trouble: StreamTrouble) -> String {
        switch trouble {
        case .purged: "put a newer copy of an instance's log in its place: it continues from there"
        case .missing: "restore the stream from a backup; the instances' files hold all that was acknowledged up to their last position"
        default: "restore the stream, or move this file away and let the instance join the new one"
        }
    }
}
