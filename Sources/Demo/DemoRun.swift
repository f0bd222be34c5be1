package import Inspection
import Domain
import Output

// How does the demo go, from start to end?
//
//     service up → policies → arrivals ∥ log followed ∥ pools looked at ∥ screen → all turns ended, all pools at zero → stop
//
// Everything after the start goes over the HTTP API. An interrupt ends it at any point; turns that run get a moment to end.

package struct DemoRun: Sendable {
    package let plan: DemoPlan
    package let url: String
    package let api: any ServiceAPI
    package let isInteractive: Bool

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
            let request = APIRequest(method: .put, path: path, contentType: "application/yaml", body: Array(pool.policyYAML.utf8))
            _ = try await api.send(request).json(url, request)
        }
    }

    // MARK: - Tasks

    /// Asks for all turns, then waits until they are over.
    private func drive(_ stage: DemoStage, since start: ContinuousClock.Instant) async throws -> Ending? {
        let driver = DemoDriver(api: api, stage: stage, plan: plan, source: "/greenroom/demo/\(TimeText.now().microseconds)")
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
        for _ in 0..<Self.reconnectLimit {
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
        throw Fault(.unreachable, "the demo's service broke its event stream \(Self.reconnectLimit) times", do: "see its log above")
    }

    private func look(_ stage: DemoStage) async throws -> Ending? {
        let source = ServerState(api: api)
        while !Task.isCancelled {
            await stage.apply(try await source.pools())
            try await Task.sleep(for: Self.lookInterval)
        }
        return nil
    }

    private func show(_ stage: DemoStage, since start: ContinuousClock.Instant) async throws -> Ending? {
        let screen = DemoScreen(url: url)
        var live = LiveScreen()
        defer { live.close() }
        while !Task.isCancelled {
            try? await Task.sleep(for: isInteractive ? Self.lookInterval : .seconds(1))
            let view = await stage.view()
            let elapsed = (ContinuousClock.now - start).fractionalSeconds
            if isInteractive {
                live.draw(screen.frame(view, elapsedSeconds: elapsed, columns: Terminal.size().columns))
            } else if !Task.isCancelled {
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
