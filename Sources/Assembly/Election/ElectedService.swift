import ControlLoop
import Domain
import EventLog
import Foundation
import HTTPService
import Kubernetes
import Logging
import Output
import ServiceLifecycle
import Machine
import UnixSignals

// One of several instances acts: when is it this one?
//
//     standing by ──the lease is ours──→ opening the log ──it is ours, too──→ acting
//         ↑                                   │ lease lost meanwhile            │ lease lost, or not renewed in time
//         └───────────────────────────────────┴──── log closed, all still ←─────┘
//
// Two locks guard two things. The Lease says who changes anything in the cluster: each change is asked for under a fence, and none
// is sent once the lease wasn't renewed in time on our own clock. The log's own lock says who writes the file. The system releases
// it when the process ends, and no lease moves it. So a leader that hangs keeps the file until it is ended, or until it wakes, sees
// that it no longer leads, and closes the file. While standing by, the file isn't touched: whatever the leader acknowledged is in
// it, and is folded when it is opened.
//
// A leader that can't end its work within the margin between the renew deadline and the lease's duration ends its process.

struct ElectedService: Sendable {
    private static let lockRetry = Duration.milliseconds(20)
    /// While standing by nothing is in flight that is worth waiting for.
    private static let standbyDrainSeconds = 0.5
    /// 75: a temporary failure; a supervisor starts it again, and it stands by.
    private static let statusOverdue: Int32 = 75

    let service: GreenroomService
    let settings: ElectionSettings
    let logger: Logger

    func run(stopOn signals: [UnixSignal], when stopped: (@Sendable () async -> Void)?, onStart: @escaping @Sendable (String) async -> Void)
        async throws
    {
        let access = try service.clusterAccess()
        let identity = settings.processIdentity()
        let leadership = Leadership(identity: identity, logger: logger)
        let client = try electionClient(access)
        let election = LeaseElection(
            client, electionConfiguration(access, identity), seed: UInt64(bitPattern: EventLog.systemClock().microseconds),
            callbacks: leadership.callbacks)
        let stop = Latch()
        let stoppers = Self.stoppers(stop, signals, stopped)
        let ending = Task {
            await stop.wait()
            if stop.isOpen { leadership.finish() }
        }
        let electing = Task { await election.run() }
        let outcome: Result<Void, any Error>
        do {
            try await withTaskCancellationHandler {
                try await takeTurns(Turns(leadership: leadership, election: election, stop: stop, onStart: onStart))
            } onCancel: {
                stop.open()
            }
            outcome = .success(())
        } catch { outcome = .failure(error) }
        leadership.finish()
        leadership.isStill()
        for task in stoppers + [ending] { task.cancel() }
        // Gives the lease back: the next one needn't wait for it to run out.
        electing.cancel()
        await electing.value
        await client.close()
        try outcome.get()
    }

    /// What the turns need of one another.
    private struct Turns: Sendable {
        var leadership: Leadership
        var election: LeaseElection
        /// The whole service is to end.
        var stop: Latch
        var onStart: @Sendable (String) async -> Void
    }

    private func takeTurns(_ turns: Turns) async throws {
        while !turns.stop.isOpen {
            guard let (term, log) = try await standBy(turns) else { return }
            try await act(term, on: log, turns)
            term.still.open()
        }
    }

    private static func stoppers(_ stop: Latch, _ signals: [UnixSignal], _ stopped: (@Sendable () async -> Void)?) -> [Task<Void, Never>] {
        var tasks: [Task<Void, Never>] = []
        if !signals.isEmpty {
            tasks.append(
                Task {
                    for await _ in await UnixSignalsSequence(trapping: signals) {
                        stop.open()
                        return
                    }
                })
        }
        if let stopped {
            tasks.append(
                Task {
                    await stopped()
                    stop.open()
                })
        }
        return tasks
    }

    // MARK: - Standing by

    /// Answers as one who stands by until lease and log are ours; nil where the service is to end.
    private func standBy(_ turns: Turns) async throws -> (Leadership.Term, EventLog)? {
        var server = try service.serverConfiguration()
        server.limits.drainSeconds = Self.standbyDrainSeconds
        let parts = ServiceParts.standingBy(turns.leadership, version: Version.text, metrics: service.metrics)
        let answering = ServiceGroup(
            configuration: .init(services: [.init(service: HTTPServerService(server, parts: parts, log: logger))], logger: logger))
        return try await withThrowingTaskGroup(of: (Leadership.Term, EventLog)?.self) { group in
            group.addTask {
                try await service.namingBindFaults { try await answering.run() }
                return nil
            }
            group.addTask {
                let taken: Result<(Leadership.Term, EventLog)?, any Error>
                do { taken = .success(try await takeOver(turns)) } catch { taken = .failure(error) }
                await answering.triggerGracefulShutdown()
                return try taken.get()
            }
            var taken: (Leadership.Term, EventLog)?
            for try await result in group { taken = result ?? taken }
            return taken
        }
    }

    private func takeOver(_ turns: Turns) async throws -> (Leadership.Term, EventLog)? {
        for await term in turns.leadership.terms {
            if let log = try await openLog(in: term, turns) { return (term, log) }
            term.still.open()
        }
        return nil
    }

    /// Waits for the file as long as the lease is ours; nil where that ended first.
    private func openLog(in term: Leadership.Term, _ turns: Turns) async throws -> EventLog? {
        let mayAct = mayAct(in: term, turns.election)
        while !term.over.isOpen, !turns.stop.isOpen {
            do throws(LogError) {
                let log = try service.openLog {
                    mayAct() ? nil : .notWritable(reason: "this instance no longer leads", hint: "send it to the leader")
                }
                turns.leadership.note(obstacle: nil)
                return log
            } catch {
                guard case .locked = error.reason else { throw Fault(error) }
                turns.leadership.note(obstacle: "\(error.path): \(error.problem); it releases the file when it ends: if it hangs, end it")
                try? await Task.sleep(for: Self.lockRetry)
            }
        }
        return nil
    }

    // MARK: - Acting

    private func act(_ term: Leadership.Term, on log: EventLog, _ turns: Turns) async throws {
        let mayAct = mayAct(in: term, turns.election)
        let overdue = Task { await endProcess(ifOverdue: term) }
        defer { overdue.cancel() }
        let lead = GreenroomService.Lead(
            fence: term.fence, mayAct: mayAct, drainSeconds: settings.marginSeconds / 2, refusal: { turns.leadership.refusal },
            show: { LeaderGauge.show(mayAct()) })
        try await service.act(
            on: log, as: lead, stopOn: [], when: { await Latch.first(of: term.over, turns.stop) }, onStart: turns.onStart)
    }

    /// Whether we lead in this term, on our own clock; checked before each write.
    private func mayAct(in term: Leadership.Term, _ election: LeaseElection) -> @Sendable () -> Bool {
        { !term.over.isOpen && election.fence == term.fence }
    }

    private func endProcess(ifOverdue term: Leadership.Term) async {
        await term.over.wait()
        do { try await Task.sleep(for: .seconds(settings.marginSeconds)) } catch { return }
        guard !term.still.isOpen else { return }
        logger.critical("what was under way didn't end before the lease may be taken: this process ends, so that another can write the log")
        _exit(Self.statusOverdue)
    }

    // MARK: - The election

    /// Its own, so that renewals wait behind nothing; and quicker to give up than a lease is to run out.
    private func electionClient(_ access: ClusterAccess) throws -> KubernetesClient {
        var limits = KubernetesClientLimits()
        limits.connectTimeout = min(limits.connectTimeout, settings.timing.renewDeadline / 2)
        limits.readTimeout = min(limits.readTimeout, settings.timing.renewDeadline / 2)
        limits.longestRetryAfter = settings.timing.renewDeadline / 2
        do throws(ClusterAccessFault) { return try KubernetesClient(access, limits: limits, logger: logger) } catch {
            throw Fault(.usage, "kubernetes: \(error)")
        }
    }

    private func electionConfiguration(_ access: ClusterAccess, _ identity: String) -> LeaseElection.Configuration {
        var election = LeaseElection.Configuration(
            namespace: settings.namespace ?? access.namespace, name: settings.lease, identity: identity, timing: settings.timing,
            wallClock: EventLog.systemClock)
        election.firstFence = { [path = service.configuration.database] in Self.fenceAbove(path) }
        return election
    }

    /// A new lease may begin over an existing log. Targets then carry fences of earlier leases, or of runs without an election,
    /// whose fence was the log's position. A fence above that position is above all of them.
    private static func fenceAbove(_ path: String) -> UInt64 {
        guard let log = try? EventLog.openReadOnly(path: path) else { return 0 }
        defer { log.close() }
        return log.head.seq == 0 ? 0 : UInt64(log.head.seq) + 1
    }
}
