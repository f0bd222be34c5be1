import EventLog
package import Foundation
import Inspection
package import LocalCluster
import Machine
import Output

// How does the demo go with several instances, whose leader is killed in the middle?
//
//     three NATS servers → instances → one address for all → workers and turns → the leader is killed → it comes back → all equal
//
// Workers belong to the demo, as their machines would to a cluster. Clients and workers know one address, that of all instances, and try
// again there with the same ids.

package struct ReplicatedDemo: Sendable {
    package let plan: DemoPlan
    package let cluster: LocalCluster
    private let port: Int

    /// The service may be without a leader for so long: the servers' own election, then the lease.
    private static let patience = Duration.seconds(60)
    private static let startLimit = Duration.seconds(30)
    private static let lookInterval = Duration.milliseconds(50)
    /// The leader is killed when so much of the turns is done: a share of 1.
    private static let killAfter = 0.35
    private static let restartAfter = Duration.seconds(4)
    /// Until all instances have the same.
    private static let settleLimit = Duration.seconds(30)

    /// - Parameter folder: of the logs and the servers' stores.
    package init(plan: DemoPlan, instances: Int, program: String, natsServer: String?, folder: URL, port: Int) throws {
        self.plan = plan
        self.port = port
        var settings = LocalCluster.Settings(program: program, natsServer: try NATSProgram.find(natsServer), folder: folder)
        settings.instances = instances
        cluster = try LocalCluster(settings)
    }

    package struct Result: Sendable {
        package var ending: DemoRun.Ending
        /// What was seen of the instances, in lines.
        package var lines: [String]
        package var areEqual: Bool
    }

    package func run(interrupts: AsyncStream<Void>, isInteractive: Bool) async throws -> Result {
        do {
            let result = try await play(interrupts, isInteractive)
            await cluster.end()
            return result
        } catch {
            await cluster.end()
            throw error
        }
    }

    private func play(_ interrupts: AsyncStream<Void>, _ isInteractive: Bool) async throws -> Result {
        Terminal.writeLine("\(LocalCluster.servers) NATS servers and \(cluster.ports.count) instances, in \(cluster.settings.folder.path)")
        try await cluster.startServers()
        for instance in cluster.ports.indices { try await cluster.start(instance) }
        for (instance, url) in cluster.urls.enumerated() {
            guard try await ServiceReadiness.wait(url, limit: Self.startLimit) else {
                throw Fault(
                    .unreachable, "the instance \(cluster.name(instance)) at \(url) did not become ready",
                    do: "see \(cluster.name(instance)).log in \(cluster.settings.folder.path)")
            }
        }
        let front = try await Front.open(port: port, targets: cluster.ports)
        let workers = DemoWorkers(
            program: cluster.settings.program, url: front.url, plan: plan,
            log: cluster.settings.folder.appendingPathComponent("workers.log").path)
        let failover = Locked<String?>(nil)
        do {
            let api = try await ServiceConnection.open(url: front.url, token: nil)
            var run = DemoRun(plan: plan, url: front.url, api: api, isInteractive: isInteractive)
            run.patience = Self.patience
            run.serviceActs = false
            run.onPools = { try await workers.follow($0) }
            run.incident = { stage in failover.value = try await killLeader(stage) }
            let ending = try await run.run(interrupts: interrupts)
            await workers.end()
            await api.close()
            await front.close()
            let (lines, areEqual) = try await comparison()
            return Result(
                ending: ending, lines: [failover.value ?? "the leader was not killed: it was over before"] + lines, areEqual: areEqual)
        } catch {
            await workers.end()
            await front.close()
            throw error
        }
    }

    /// Kills the leading instance in the middle of the turns, and starts it again. Answers what was seen.
    private func killLeader(_ stage: DemoStage) async throws -> String? {
        while await stage.turnsDone < Int(Double(plan.arrivals.count) * Self.killAfter) { try await Task.sleep(for: Self.lookInterval) }
        guard let leader = try await leader() else { return nil }
        let before = await stage.turnsDone
        await cluster.kill(leader)
        let start = ContinuousClock.now
        await stage.note("killed \(cluster.name(leader)), the leader, after \(before) turns")
        var next: Int?
        while next == nil {
            try await Task.sleep(for: Self.lookInterval)
            next = try await self.leader()
            if next == leader { next = nil }
        }
        let seconds = DurationText.precise((ContinuousClock.now - start).fractionalSeconds)
        let text = "\(cluster.name(leader)) was killed as it led; \(cluster.name(next ?? 0)) led \(seconds) later"
        await stage.note(text)
        try await Task.sleep(for: Self.restartAfter)
        try await cluster.start(leader)
        await stage.note("started \(cluster.name(leader)) again")
        return text
    }

    /// The instance that says it leads.
    private func leader() async throws -> Int? {
        for (instance, url) in cluster.urls.enumerated() {
            guard await cluster.isRunning(instance) else { continue }
            let api = try await ServiceConnection.open(url: url, token: nil)
            let leads = await InstanceRole.leads(api)
            await api.close()
            if leads { return instance }
        }
        return nil
    }

    /// Stops all instances in order, and compares their logs.
    private func comparison() async throws -> ([String], Bool) {
        let deadline = ContinuousClock.now + Self.settleLimit
        while true {
            let problem = try firstDifference()
            if problem == nil { break }
            guard ContinuousClock.now < deadline else { break }
            try await Task.sleep(for: Self.lookInterval)
        }
        await cluster.stopInstances()
        // What the last one wrote as it ended, the others read at their next start: they may lack it, and contradict nothing.
        var lines: [String] = []
        var areEqual = true
        for (instance, database) in cluster.databases.enumerated().dropFirst() {
            let found = try LogComparison.of(cluster.databases[0], and: database)
            let names = "\(cluster.name(0)) and \(cluster.name(instance))"
            switch found {
            case .same(let through): lines.append("\(names) have the same chain, through position \(through)")
            case .isBehind(let through, _), .isAhead(let through, _):
                lines.append("\(names) have the same chain, as far as both go: \(through)")
            case .differs, .otherLog:
                areEqual = false
                lines.append("\(names) differ: \(found.problem ?? "")")
            }
        }
        return (lines, areEqual)
    }

    /// Nil where all logs are the same through the same end.
    private func firstDifference() throws -> LogComparison? {
        for database in cluster.databases.dropFirst() {
            let found = try LogComparison.of(cluster.databases[0], and: database)
            if case .same = found { continue }
            return found
        }
        return nil
    }
}
