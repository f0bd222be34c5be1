package import Inspection
import Domain
import Views
import Output

// How does the demo go, from start to end?
//
//     service up → policies → arrivals ∥ log followed ∥ pools looked at ∥ screen → all turns ended, all pools at zero → stop
//
// Everything after the start goes over the HTTP API. An interrupt ends it at any point; turns that run get a moment to end.
// With several instances the demo also runs the workers and lets the leader fail, and no failure of the service ends it for a while.

package struct DemoRun: Sendable {
    package let plan: DemoPlan
    package let url: String
    package let api: any ServiceAPI
    package let isInteractive: Bool
    /// For how long the service may not answer.
    var patience = Duration.zero
    /// Whether the service sets the replicas itself.
    var serviceActs = true
    /// Is given the pools whenever they were looked at.
    var onPools: @Sendable ([PoolView]) async throws -> Void = { _ in }
    /// What happens beside the turns.
    var incident: @Sendable (DemoStage) async throws -> Void = { _ in }

    private static let lookInterval = Duration.milliseconds(200)
    /// After the last arrival, until it is given up: turns, drains and cooldowns are far shorter.
    private static let settleLimit = Duration.seconds(180)
    /// After an interrupt, for the turns that run.
    private static let interruptGrace = Duration.seconds(5)
    private static let reconnectLimit = 20

    package init(plan: DemoPlan, url: String, api: any ServiceAPI, isInteractive: Bool) {
        self.plan = plan
        self.url = url
        self.api = api
        self.isInteractive = isInteractive
    }

    package enum Ending: Hashable, Sendable { case finished, interrupted, overdue }

    package func run(interrupts: AsyncStream<Void>) async throws -> Ending {
        try await applyPolicies()
        let stage = DemoStage(plan)
        let start = ContinuousClock.now
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            group.addTask { try await follow(stage) }
            group.addTask { try await look(stage) }
            group.addTask { try await show(stage, since: start) }
            group.addTask { try await drive(stage, since: start) }
            group.addTask { await interrupted(interrupts, stage) }
            group.addTask {
                try await incident(stage)
                return nil
            }
            defer { group.cancelAll() }
            while let ending = try await group.next() {
                if let ending { return ending }
            }
            return .interrupted
        }
    }

    private func applyPolicies() async throws {
        for pool in plan.pools {
            let path = APIPath("/v1/policies", pool.fullName).text
            let request = APIRequest(
                method: .put, path: path, contentType: "application/yaml", body: Array(pool.policyYAML(serviceActs: serviceActs).utf8))
            try await patiently { _ = try await api.send(request).json(url, request) }
        }
    }

    /// Tries it until the service answers, as long as there is patience.
    private func patiently(_ body: () async throws -> Void) async throws {
        let deadline = ContinuousClock.now + patience
        while true {
            do { return try await body() } catch let fault as Fault where fault.status == .unreachable && ContinuousClock.now < deadline {
                try await Task.sleep(for: Self.lookInterval)
            }
        }
    }

    // MARK: - Tasks

    /// Asks for all turns, then waits until they are over.
    private func drive(_ stage: DemoStage, since start: ContinuousClock.Instant) async throws -> Ending? {
        let driver = DemoDriver(
            api: api, stage: stage, plan: plan, source: "/greenroom/demo/\(TimeText.now().microseconds)", patience: patience)
        try await driver.run(since: start)
        let deadline = ContinuousClock.now + Self.settleLimit
        while !Task.isCancelled {
            if await stage.isOver { return await stage.wasStopped ? nil : .finished }
            if ContinuousClock.now > deadline { return .overdue }
            try await Task.sleep(for: Self.lookInterval)
        }
        return nil
    }

    /// The log as it grows. A broken stream is taken up where it broke.
    private func follow(_ stage: DemoStage) async throws -> Ending? {
        let source = ServerState(api: api)
        let limit = Self.reconnectLimit + Int(patience / Self.lookInterval)
        for _ in 0..<limit {
            let query = EventQuery(after: await stage.position, follows: true)
            do {
                try await source.forEachEvent(query) { event in
                    await stage.apply(event)
                    return true
                }
            } catch let fault as Fault where fault.status == .unreachable && !Task.isCancelled {
                // Taken up again below.
            }
            try await Task.sleep(for: Self.lookInterval)
        }
        throw Fault(.unreachable, "the demo's service broke its event stream \(limit) times", do: "see its log above")
    }

    private func look(_ stage: DemoStage) async throws -> Ending? {
        let source = ServerState(api: api)
        while !Task.isCancelled {
            try await patiently {
                let pools = try await source.pools()
                await stage.apply(pools)
                try await onPools(pools)
            }
            try await Task.sleep(for: Self.lookInterval)
        }
        return nil
    }

    private func show(_ stage: DemoStage, since start: ContinuousClock.Instant) async throws -> Ending? {
        let screen = DemoScreen(url: url)
        var live = LiveScreen()
        var notesShown = 0
        defer { live.close() }
        while !Task.isCancelled {
            try? await Task.sleep(for: isInteractive ? Self.lookInterval : .seconds(1))
            let view = await stage.view()
            let elapsed = (ContinuousClock.now - start).fractionalSeconds
            if isInteractive {
                live.draw(screen.frame(view, elapsedSeconds: elapsed, columns: Terminal.size().columns))
            } else if !Task.isCancelled {
                for note in view.notes.suffix(view.notesMade - notesShown) { Terminal.writeLine(note) }
                notesShown = view.notesMade
                Terminal.writeLine(screen.line(view, elapsedSeconds: elapsed))
            }
        }
        return nil
    }

    /// An interrupt ends the demo once what runs has ended, or after a moment.
    private func interrupted(_ interrupts: AsyncStream<Void>, _ stage: DemoStage) async -> Ending? {
        var wasInterrupted = false
        for await _ in interrupts {
            wasInterrupted = true
            break
        }
        guard wasInterrupted, !Task.isCancelled else { return nil }
        await stage.stopRequests()
        let deadline = ContinuousClock.now + Self.interruptGrace
        while ContinuousClock.now < deadline, await stage.turnsInFlight > 0 {
            do { try await Task.sleep(for: Self.lookInterval) } catch { return nil }
        }
        return .interrupted
    }
}
