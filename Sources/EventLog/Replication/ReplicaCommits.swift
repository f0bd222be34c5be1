// How does the leader commit?
//
//   BEGIN ─▶ stage, write, publish ─▶ stage, write, publish ─▶ … ─▶ all answers ─▶ sequence ─▶ COMMIT ─▶ callers
//                                                                        └── one isn't certain: ROLLBACK, read the stream
//
// Commits follow each other in one transaction without waiting for the stream; each expects the sequence of the one before. Nobody is
// answered, and no reader sees anything, before the stream has taken it and the file holds it. What was overtaken is staged again as
// long as this process still leads: then it was an earlier copy of its own that came first.

import Domain
import GRDB

struct ReplicaCommits {
    typealias Answer = (request: AppendRequest, result: Result<AppendReceipt, AppendError>)

    struct Outcome {
        var answers: [Answer] = []
        /// What is durable now and wasn't before, in order.
        var commits: [StagedCommit] = []
        /// The file, not the stream, refused.
        var error: (any Error)?
    }

    /// A commit that the stream was asked to take.
    private struct Flight {
        var requests: [AppendRequest]
        var receipts: [AppendReceipt]
        /// Nil where nothing was new: there is nothing to publish.
        var sent: Sent?
    }

    private struct Sent {
        var bytes: [UInt8]
        var expecting: UInt64
        var at: Int64
        var publication: any StreamPublication
    }

    let replica: Replica
    let engine: CommitEngine
    let db: Database
    let time: () -> LogTime
    /// The requests of one more commit, if some wait.
    let more: () -> [AppendRequest]?

    private var settings: ReplicaSettings { replica.settings }

    /// Attempts to commit what an own earlier copy overtook.
    private static let attemptsLimit = 4

    func commit(_ first: [AppendRequest]) -> Outcome {
        var outcome = Outcome()
        var groups = [first]
        var attempts = 0
        while !groups.isEmpty {
            guard replica.isLeader else {
                refuse(groups, notLeading, &outcome)
                break
            }
            attempts += 1
            do {
                guard try transaction(&groups, isFirst: attempts == 1, &outcome) else { continue }
            } catch {
                outcome.error = error
                let trouble = LogError(wrapping: error, operation: "append to", path: replica.path)
                refuse(groups, .notWritable(reason: trouble.problem, hint: trouble.hint), &outcome)
                break
            }
            if attempts >= Self.attemptsLimit {
                refuse(groups, .notWritable(reason: "the stream was written by others meanwhile", hint: "send it again"), &outcome)
                break
            }
        }
        return outcome
    }

    /// Commits the first of `groups`, and what waits beside them. What is left is to be tried again; true where an attempt failed.
    private func transaction(_ groups: inout [[AppendRequest]], isFirst: Bool, _ outcome: inout Outcome) throws -> Bool {
        try engine.beginSeries(db)
        var flights: [Flight] = []
        var next = replica.place
        var tooLarge: (index: Int, fault: ReplicaMessageFault)?
        do {
            var taken = 0
            while flights.count < settings.inFlight {
                if taken == groups.count {
                    guard isFirst, let group = more() else { break }
                    groups.append(group)
                }
                let group = groups[taken]
                guard engine.hasRoomInSeries(for: group.reduce(0) { $0 + $1.events }) else { break }
                do {
                    flights.append(try publish(group, &next))
                    taken += 1
                } catch let fault as ReplicaMessageFault {
                    tooLarge = (taken, fault)
                    break
                }
            }
        } catch {
            engine.dropSeries(db)
            // What was published may be stored. It comes back by reading.
            for flight in flights { _ = flight.sent?.publication.answer() }
            throw error
        }
        return try settle(flights, reaching: next, tooLarge: tooLarge, &groups, &outcome)
    }

    private func publish(_ group: [AppendRequest], _ next: inout ReplicaPlace) throws -> Flight {
        let before = engine.seriesLink
        let (staged, namesBefore) = try engine.addToSeries(group, time: time())
        var flight = Flight(requests: group, receipts: staged.receipts)
        guard !staged.isEmpty else { return flight }
        let content = CommitContent(
            fence: next.fence, link: engine.seriesLink, namesBefore: UInt32(namesBefore), newNames: engine.newNames(after: namesBefore),
            staged: staged)
        let bytes = try replica.message(.commit(content), after: before)
        let sentAt = settings.clock()
        flight.sent = Sent(
            bytes: bytes, expecting: next.sequence, at: sentAt, publication: settings.stream.publish(bytes, expecting: next.sequence))
        next.sequence += 1
        return flight
    }

    private func settle(
        _ flights: [Flight], reaching next: ReplicaPlace, tooLarge: (index: Int, fault: ReplicaMessageFault)?,
        _ groups: inout [[AppendRequest]], _ outcome: inout Outcome
    ) throws -> Bool {
        let deadline = replica.settleDeadline
        var stored = 0
        var failure: Settlement.Result?
        for flight in flights {
            if let sent = flight.sent {
                let answer = sent.publication.answer()
                if failure == nil {
                    let result = Settlement(settings: settings, bytes: sent.bytes, expecting: sent.expecting).settle(
                        answer, until: deadline)
                    if result == .stored {
                        replica.noteAccepted(sentAt: sent.at)
                    } else {
                        failure = result
                    }
                }
            }
            if failure == nil { stored += 1 }
        }
        if failure == nil, tooLarge == nil {
            let replica = replica
            outcome.commits += try engine.finishSeries(db) { try replica.advance(to: next) }
            replica.keep(next)
            answer(flights[...], &outcome)
            groups.removeFirst(flights.count)
            return false
        }
        // Rows of what wasn't stored are among those that were. All go, and what was stored comes back as it does for everybody.
        engine.dropSeries(db)
        let reached = flights[..<stored].reversed().lazy.compactMap(\.sent).first.map { $0.expecting + 1 } ?? replica.place.sequence
        // What overtook the next one stands in its place, and is to be applied before it is tried again.
        let overtaken = failure == .overtaken ? flights[stored].sent.map { $0.expecting + 1 } : nil
        let isRead = try catchUp(to: overtaken ?? reached, until: deadline, &outcome)
        if isRead || replica.place.sequence >= reached {
            answer(flights[..<stored], &outcome)
        } else {
            refuse(flights[..<stored].map(\.requests), unread, &outcome)
        }
        groups.removeFirst(stored)
        return resolve(failure, tooLarge.map { ($0.index - stored, $0.fault) }, &groups, &outcome)
    }

    /// What is to become of the first of `groups`, which failed.
    private func resolve(
        _ failure: Settlement.Result?, _ tooLarge: (index: Int, fault: ReplicaMessageFault)?, _ groups: inout [[AppendRequest]],
        _ outcome: inout Outcome
    ) -> Bool {
        switch failure {
        case .overtaken: return true
        case .refused(let problem):
            refuse(groups, .notWritable(reason: "the stream refused it: \(problem)", hint: "see what the stream's server says"), &outcome)
            groups = []
        case .unknown(let problem):
            replica.noteUncertain()
            refuse(
                groups,
                .notWritable(reason: "the stream gave no certain answer: \(problem)", hint: "send it again: nothing is written twice"),
                &outcome)
            groups = []
        case .stored, nil:
            guard let (index, fault) = tooLarge, groups.indices.contains(index) else { return true }
            let group = groups.remove(at: index)
            if group.count > 1 {
                // Together they are too large; one at a time they may not be.
                groups.insert(contentsOf: group.map { [$0] }, at: index)
            } else {
                refuse([group], .tooLarge(problem: fault.description), &outcome)
            }
        }
        return false
    }

    /// Applies what the stream holds, at least through `sequence`. False where that couldn't be read in time.
    private func catchUp(to sequence: UInt64, until deadline: Int64, _ outcome: inout Outcome) throws -> Bool {
        var attempt = 0
        while true {
            let before = replica.place.sequence
            outcome.commits += try replica.follow(engine, db)
            if replica.stopped != nil { return replica.place.sequence >= sequence }
            if replica.place.sequence > before { continue }
            if replica.place.sequence >= sequence { return true }
            guard settings.clock() < deadline else { return false }
            attempt += 1
            settings.stream.pause(attempt)
        }
    }

    // MARK: - Answers

    private func answer(_ flights: ArraySlice<Flight>, _ outcome: inout Outcome) {
        for flight in flights {
            for (request, receipt) in zip(flight.requests, flight.receipts) { outcome.answers.append((request, .success(receipt))) }
        }
    }

    private func refuse(_ groups: [[AppendRequest]], _ error: AppendError, _ outcome: inout Outcome) {
        for group in groups { for request in group { outcome.answers.append((request, .failure(error))) } }
    }

    private var notLeading: AppendError {
        if let stopped = replica.stopped { return .notWritable(reason: stopped.problem, hint: stopped.hint) }
        let leader = replica.place.leader
        return .notWritable(
            reason: leader.isEmpty ? "no instance leads at the moment" : "this instance doesn't lead: \(leader) does",
            hint: "send it to the leader")
    }

    private var unread: AppendError {
        .notWritable(reason: "it is in the stream, and can't be read back yet", hint: "send it again: nothing is written twice")
    }
}
