import ControlLoop
import Domain
import EventLog
import HTTPService
import JetStreamLog
import Logging
import Machine
import NATSClient
import Views

// How does an event that came to the wrong instance reach the log?
//
//   standby: append ──▶ request to `<stream>.lead.<fence>` ──▶ leader: append ──▶ the leader's answer ──▶ standby's caller
//
// The subject has the fence of the leader that is meant, so one that was deposed isn't asked. An answer that doesn't come says nothing:
// the same batch is sent again, with the same ids, and what was stored is found to be there. Count, bytes and time are bounded.
// Who sent an event was checked at the door it came in by; whoever may publish on that subject may append (`docs/replication.md`).

final class Handover: LoopHandover {
    private struct Load: Sendable {
        var requests = 0
        var bytes = 0
    }

    private let log: EventLog
    private let client: NATSClient
    private let settings: JetStreamLogSettings
    private let logger: Logger
    private let load = Locked(Load())
    /// The loop, once there is one: it counts leases.
    let loop = Locked<ControlLoop?>(nil)

    /// What waits for the leader's answer: beyond either, callers are told to come again.
    private static let requestsMost = 4_096
    private static let bytesMost = 64 << 20
    /// For one answer of the leader. Where its answer was lost, it is asked again; where it waits for the stream, the repeat is a duplicate.
    private static let answerBound = Duration.seconds(3)
    /// From the first attempt to the last.
    private static let wholeBound = Duration.seconds(30)
    /// How long a caller waits for somebody to lead.
    private static let leaderBound = Duration.seconds(3)
    private static let pause = Duration.milliseconds(40)

    init(_ log: EventLog, _ client: NATSClient, _ settings: JetStreamLogSettings, logger: Logger) {
        (self.log, self.client, self.settings, self.logger) = (log, client, settings, logger)
    }

    /// Waits for the leader now.
    var waiting: Int { load.value.requests }

    // MARK: - Handing over

    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        guard log.replicaStatus?.isLeader == true else { return handOver(batch, completion) }
        log.append(batch) { [self] result in
            // Deposed in between: the next leader takes it, and finds out whether it is there already.
            if case .failure(.notWritable) = result, log.replicaStatus?.isLeader == false { return handOver(batch, completion) }
            completion(result)
        }
    }

    private func handOver(_ batch: EventBatch, _ completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        let bytes = HandoverRequest.append(batch).bytes
        let most = client.maxPayload ?? 1 << 20
        guard bytes.count <= most else {
            return completion(
                .failure(
                    .tooLarge(
                        problem:
                            "it has \(bytes.count) bytes, and the NATS server takes at most \(most) in a message: send fewer or smaller events in one request, or raise the server's max_payload"
                    )))
        }
        let isTaken = load.withValue { load in
            guard load.requests < Self.requestsMost, load.bytes + bytes.count <= Self.bytesMost else { return false }
            load.requests += 1
            load.bytes += bytes.count
            return true
        }
        guard isTaken else { return completion(.failure(.overloaded(retryAfterSeconds: 1))) }
        Task {
            let result = await asked(bytes, batch)
            load.withValue { load in
                load.requests -= 1
                load.bytes -= bytes.count
            }
            completion(result)
        }
    }

    private func asked(_ bytes: [UInt8], _ batch: EventBatch) async -> Result<AppendReceipt, AppendError> {
        let began = client.clock.now()
        var problem = "no instance leads at the moment"
        var withoutLeader: Duration?
        while client.clock.now() - began < Self.wholeBound, !Task.isCancelled {
            guard let status = log.replicaStatus else { return .failure(.closed) }
            if let stopped = status.problem {
                return .failure(
                    .notWritable(reason: "this instance doesn't follow the log any more: \(stopped)", hint: "send it to another"))
            }
            if status.isLeader {
                let result = await appended(batch)
                guard case .failure(.notWritable(let reason, _)) = result, log.replicaStatus?.isLeader == false else { return result }
                problem = reason
            } else if !status.leader.isEmpty {
                switch await ask(bytes, fence: status.fence) {
                case .answer(.appended(.failure(.notWritable(let reason, let hint)))):
                    // Of one that was deposed or ends: the next is asked. Else it is the leader's own answer.
                    guard log.replicaStatus?.fence != status.fence || log.replicaStatus?.leader.isEmpty == true else {
                        return .failure(.notWritable(reason: reason, hint: hint))
                    }
                    problem = reason
                case .answer(.appended(.failure(.closed))): problem = "\(status.leader) is stopping"
                case .answer(.appended(let result)): return result
                case .answer(.refused(let why)):
                    return .failure(.notWritable(reason: "\(status.leader) refused it: \(why)", hint: "run one version"))
                case .answer(.heard):
                    return .failure(.notWritable(reason: "\(status.leader) answered something else", hint: "run one version"))
                case .nobody(let why): problem = "\(status.leader) leads and can't be reached: \(why)"
                case .silence(let why):
                    problem = "\(status.leader) leads and didn't answer: \(why)"
                    withoutLeader = nil
                    continue
                }
            }
            let now = client.clock.now()
            let since = withoutLeader ?? now
            withoutLeader = since
            if now - since > Self.leaderBound { break }
            do { try await client.clock.sleep(Self.pause) } catch { break }
        }
        return .failure(.notWritable(reason: problem, hint: "send it again: nothing is written twice"))
    }

    private func appended(_ batch: EventBatch) async -> Result<AppendReceipt, AppendError> {
        await withCheckedContinuation { continuation in log.append(batch) { continuation.resume(returning: $0) } }
    }

    private enum Asked {
        case answer(HandoverAnswer)
        /// It wasn't taken by anybody.
        case nobody(String)
        /// It may have been.
        case silence(String)
    }

    private func ask(_ bytes: [UInt8], fence: UInt64) async -> Asked {
        do throws(NATSError) {
            let message = try await client.request(settings.handoverSubject(fence: fence), payload: bytes, timeout: Self.answerBound)
            do throws(WireReader.Fault) { return .answer(try HandoverAnswer(message.payload)) } catch {
                return .answer(.refused(error.description))
            }
        } catch {
            return error.leftNothing ? .nobody("\(error)") : .silence("\(error)")
        }
    }

    // MARK: - Signs of life

    func hear(worker name: String, uid: String?) async throws(ControlFault) -> Int {
        guard let first = await heard([HandoverRequest.Heard(worker: name, uid: uid)]).first else {
            throw .unavailable("no leader answers at the moment: say it again")
        }
        return try first.get()
    }

    /// Tells the leader of workers that have a stream open here. Nobody waits for the answers.
    func tellOfStreams() async {
        guard let loop = loop.value, log.replicaStatus?.isLeader == false else { return }
        let names = await loop.workersWithStreams()
        for start in stride(from: 0, to: names.count, by: HandoverRequest.heardMost) {
            _ = await heard(names[start..<min(start + HandoverRequest.heardMost, names.count)].map { HandoverRequest.Heard(worker: $0) })
        }
    }

    private func heard(_ workers: [HandoverRequest.Heard]) async -> [Result<Int, ControlFault>] {
        guard let status = log.replicaStatus, !status.leader.isEmpty else { return [] }
        guard case .answer(.heard(let results)) = await ask(HandoverRequest.hear(workers).bytes, fence: status.fence) else { return [] }
        return results
    }

    // MARK: - The leader's side

    /// Takes what the others hand over, until the task is cancelled.
    func serve(fence: UInt64) async {
        while !Task.isCancelled {
            do throws(NATSError) {
                let subscription = try client.subscribe(settings.handoverSubject(fence: fence))
                await withTaskCancellationHandler {
                    await take(from: subscription)
                } onCancel: {
                    subscription.cancel()
                }
            } catch {
                logger.warning("events that others hand over can't be taken", metadata: ["problem": "\(error)"])
            }
            do { try await client.clock.sleep(.milliseconds(100)) } catch { return }
        }
    }

    private func take(from subscription: NATSSubscription) async {
        while !Task.isCancelled {
            let message: NATSMessage
            do throws(NATSError) { message = try await subscription.next() } catch {
                if error != .closed { logger.warning("events that others hand over were dropped", metadata: ["problem": "\(error)"]) }
                return
            }
            guard let reply = message.reply else { continue }
            do throws(WireReader.Fault) {
                switch try HandoverRequest(message.payload) {
                case .append(let batch): log.append(batch) { [client] result in Self.answer(.appended(result), to: reply, over: client) }
                case .hear(let workers): hear(workers, reply)
                }
            } catch { Self.answer(.refused(error.description), to: reply, over: client) }
        }
    }

    private func hear(_ workers: [HandoverRequest.Heard], _ reply: String) {
        guard let loop = loop.value else { return }
        Task { [client] in
            var results: [Result<Int, ControlFault>] = []
            for one in workers {
                do throws(ControlFault) { results.append(.success(try await loop.hear(worker: one.worker, uid: one.uid))) } catch {
                    results.append(.failure(error))
                }
            }
            Self.answer(.heard(results), to: reply, over: client)
        }
    }

    /// One that gets lost is asked for again.
    private static func answer(_ answer: HandoverAnswer, to reply: String, over client: NATSClient) {
        try? client.publish(reply, payload: answer.bytes)
    }
}

/// The log as the server sees it: what this instance may not write goes to the leader.
final class HandedLog: EventAppending, EventReading {
    private let inner: any EventAppending & EventReading
    private let handover: Handover

    init(_ inner: any EventAppending & EventReading, _ handover: Handover) { (self.inner, self.handover) = (inner, handover) }

    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        handover.append(batch, completion: completion)
    }

    var lastPosition: Position { get async { await inner.lastPosition } }
    func read(_ query: EventPageQuery) async throws -> EventPage { try await inner.read(query) }
    func waitForEvents(after position: Position) async { await inner.waitForEvents(after: position) }
    func readBack(_ query: EventPageQuery) async throws -> EventPage { try await inner.readBack(query) }
    func position(at time: LogTime) async throws -> Position { try await inner.position(at: time) }
}
