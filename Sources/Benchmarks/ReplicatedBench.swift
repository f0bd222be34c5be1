import AsyncHTTPClient
package import Domain
import Foundation
import Inspection
package import LocalCluster
import NIOCore
import Output
import ServiceClient

// How fast is the log on three NATS servers, and how long is it silent when something is killed?
//
// Servers and instances run on the machine that also sends. The parts come one after the other: batches and single requests at the leader
// and at another instance, what a standby lags behind, then kills. Times of kills are those of the first request after them that was answered.

package struct ReplicatedPlan: Sendable {
    package var ingest = IngestPlan()
    /// Single requests at one rate, and their count.
    package var singleRate = 1_000.0
    package var singles = 10_000
    /// Events a second while the lag is measured, and for how long.
    package var lagRate = 20_000.0
    package var lagSeconds = 10.0
    /// Kills of each kind; 0 leaves them out.
    package var kills = 5

    package init() {}
}

package struct ReplicatedBench: Sendable {
    package let plan: ReplicatedPlan
    package let cluster: LocalCluster

    private static let readyLimit = Duration.seconds(60)
    private static let answerLimit = Duration.seconds(90)
    private static let lookInterval = Duration.milliseconds(20)
    private static let lagPause = Duration.milliseconds(20)
    private static let pool = "bench/failover"
    private static let monitorLimit = TimeAmount.seconds(2)

    package init(plan: ReplicatedPlan, cluster: LocalCluster) {
        self.plan = plan
        self.cluster = cluster
    }

    package func run() async throws -> ReplicatedReport {
        try await cluster.startServers()
        for instance in cluster.ports.indices { try await cluster.start(instance) }
        try await waitUntilReady()
        var report = ReplicatedReport(plan: plan, syncsAlways: cluster.settings.syncsAlways, leaseSeconds: cluster.settings.leaseSeconds)
        let leader = try await leader()
        let other = (leader + 1) % cluster.ports.count
        report.batches = try await ingest(plan.ingest, at: leader)
        var single = plan.ingest
        single.events = plan.singles
        single.isSingle = true
        single.ratePerSecond = plan.singleRate
        single.seed = plan.ingest.seed &+ 1
        report.singlesOnLeader = try await ingest(single, at: leader)
        single.seed = plan.ingest.seed &+ 2
        report.singlesOnAnother = try await ingest(single, at: other)
        report.lag = try await lag(of: other, leader: leader)
        if plan.kills > 0 { try await fail(&report) }
        return report
    }

    // MARK: - Load

    private func ingest(_ plan: IngestPlan, at instance: Int) async throws -> IngestReport {
        let base: BaseURL
        do { base = try BaseURL(cluster.urls[instance]) } catch { throw Fault(.usage, error.description) }
        let bench = IngestBench(plan: plan, base: base, token: nil, trustFile: nil)
        var report = IngestReport(plan: plan)
        report.add(try await bench.send(first: 0, count: plan.requests))
        (report.sentAgain, report.duplicates) = try await bench.sendAgain()
        return report
    }

    /// From an acknowledgement of the leader to an answer of the other instance that has folded it.
    private func lag(of other: Int, leader: Int) async throws -> LatencyHistogram {
        var load = plan.ingest
        load.seed = plan.ingest.seed &+ 3
        load.ratePerSecond = plan.lagRate / Double(load.batch)
        load.events = Int(plan.lagRate * plan.lagSeconds)
        let sender = load
        return try await withThrowingTaskGroup(of: LatencyHistogram?.self) { group in
            group.addTask {
                _ = try await ingest(sender, at: leader)
                return nil
            }
            group.addTask { try await sampleLag(of: other, leader: leader) }
            var lag = LatencyHistogram()
            for try await part in group {
                if let part {
                    lag = part
                } else {
                    group.cancelAll()
                }
            }
            return lag
        }
    }

    /// Until it is cancelled.
    private func sampleLag(of other: Int, leader: Int) async throws -> LatencyHistogram {
        let writer = try await ServiceConnection.open(url: cluster.urls[leader], token: nil)
        let reader = try await ServiceConnection.open(url: cluster.urls[other], token: nil)
        var lag = LatencyHistogram()
        var number = 0
        while !Task.isCancelled {
            do {
                number += 1
                let message = event(number, "lag")
                guard let position = try await writer.send(message).json(writer.url, message)?["lastSeq"].integer else { continue }
                let start = ContinuousClock.now
                let answer = try await reader.send(APIRequest(path: "/v1/pools/bench/none?after=\(position)"))
                // The pool isn't there: the position was reached all the same.
                guard answer.status == 404 || answer.status == 200 else { continue }
                lag.record(microseconds: Int64((ContinuousClock.now - start).inSeconds * 1e6))
                try await Task.sleep(for: Self.lagPause)
            } catch is CancellationError { break }
        }
        await writer.close()
        await reader.close()
        return lag
    }

    private func event(_ number: Int, _ source: String) -> APIRequest {
        let text =
            #"{"specversion":"1.0","type":"dev.greenroom.queue.observed","source":"/bench/\#(source)","id":"\#(number)","#
            + #""subject":"bench/\#(source)","data":{"pool":"bench/\#(source)","metric":"pending","value":\#(number)}}"#
        return APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(text.utf8))
    }

    // MARK: - Kills

    private func fail(_ report: inout ReplicatedReport) async throws {
        let front = try await Front.open(port: 0, targets: cluster.ports)
        let worker = try ChildProcess(
            [
                cluster.settings.program, "worker", "--server", front.url, "--pool", Self.pool, "--name", "bench-worker", "--slots", "64",
                "--restore-millis", "1,1",
            ], log: cluster.settings.folder.appendingPathComponent("worker.log").path)
        do {
            for kill in 1...plan.kills {
                report.afterKill.append(try await silence(kill, "kill") { leader in await cluster.kill(leader) })
                report.afterStop.append(try await silence(kill, "stop") { leader in await cluster.stop(leader) })
                report.afterServerKill.append(try await serverSilence(kill))
            }
        } catch {
            worker.kill()
            await front.close()
            throw error
        }
        worker.kill()
        await front.close()
    }

    /// Ends the leading instance, and asks the others until one acknowledges an event and one places an actor.
    private func silence(_ number: Int, _ kind: String, _ end: (Int) async -> Void) async throws -> ReplicatedReport.Silence {
        let leader = try await leader()
        let others = cluster.ports.indices.filter { $0 != leader }
        // An instance that ends in order hands over before it has ended.
        let start = ContinuousClock.now
        async let event = firstAnswer(others, since: start, event(number, kind)) { $0.status == 200 }
        let place =
            #"{"actor":"\#(kind)-\#(number)","pool":"\#(Self.pool)","id":"\#(kind)-\#(number)","expectedMillis":1,"waitSeconds":1}"#
        async let placed = firstAnswer(
            others, since: start,
            APIRequest(method: .post, path: "/v1/placements", contentType: "application/json", body: Array(place.utf8))
        ) { $0.status == 200 }
        await end(leader)
        let silence = ReplicatedReport.Silence(eventSeconds: try await event, placementSeconds: try await placed)
        try await cluster.start(leader)
        try await waitUntilReady()
        return silence
    }

    /// Kills the server that leads the stream.
    private func serverSilence(_ number: Int) async throws -> Double {
        let server = try await streamLeader()
        await cluster.killServer(server)
        let start = ContinuousClock.now
        let seconds = try await firstAnswer(Array(cluster.ports.indices), since: start, event(number, "server")) { $0.status == 200 }
        try await cluster.startServer(server)
        try await waitUntilReady()
        return seconds
    }

    /// Seconds until one of the instances answers well; each is asked in turn.
    private func firstAnswer(
        _ instances: [Int], since start: ContinuousClock.Instant, _ request: APIRequest, isGood: (APIResponse) -> Bool
    ) async throws -> Double {
        let deadline = start + Self.answerLimit
        var number = 0
        while ContinuousClock.now < deadline {
            let api = try await ServiceConnection.open(url: cluster.urls[instances[number % instances.count]], token: nil)
            number += 1
            let response = try? await api.send(request)
            await api.close()
            if let response, isGood(response) { return (ContinuousClock.now - start).inSeconds }
            try await Task.sleep(for: Self.lookInterval)
        }
        throw Fault(
            .unreachable, "no instance answered \(request.path) for \(Self.answerLimit)",
            do: "see the logs in \(cluster.settings.folder.path)")
    }

    private func waitUntilReady() async throws {
        for (instance, url) in cluster.urls.enumerated() {
            guard try await ServiceReadiness.wait(url, limit: Self.readyLimit) else {
                throw Fault(
                    .unreachable, "the instance \(cluster.name(instance)) at \(url) did not become ready",
                    do: "see \(cluster.name(instance)).log in \(cluster.settings.folder.path)")
            }
        }
    }

    private func leader() async throws -> Int {
        let deadline = ContinuousClock.now + Self.readyLimit
        while ContinuousClock.now < deadline {
            for (instance, url) in cluster.urls.enumerated() {
                let api = try await ServiceConnection.open(url: url, token: nil)
                let leads = await InstanceRole.leads(api)
                await api.close()
                if leads { return instance }
            }
            try await Task.sleep(for: Self.lookInterval)
        }
        throw Fault(.unreachable, "no instance leads", do: "see the logs in \(cluster.settings.folder.path)")
    }

    /// The number of the server that leads the stream, by what the first one says that answers.
    private func streamLeader() async throws -> Int {
        for monitor in cluster.monitors {
            guard
                let response = try? await HTTPClient.shared.execute(
                    HTTPClientRequest(url: "\(monitor)/jsz?streams=true"), timeout: Self.monitorLimit),
                let body = try? await response.body.collect(upTo: 1 << 20),
                let answer = try? JSONValue(parsing: Array(body.readableBytesView))
            else { continue }
            for account in answer["account_details"].array {
                for stream in account["stream_detail"].array where stream["name"].string == LocalCluster.stream {
                    if let name = stream["cluster"]["leader"].string, let number = Int(name.dropFirst()) { return number - 1 }
                }
            }
        }
        throw Fault(.unreachable, "no server names the stream's leader", do: "see n1.log in \(cluster.settings.folder.path)")
    }
}

/// What a run showed.
package struct ReplicatedReport: Sendable {
    package struct Silence: Hashable, Sendable {
        var eventSeconds: Double
        var placementSeconds: Double
    }

    package var plan: ReplicatedPlan
    package var syncsAlways: Bool
    package var leaseSeconds: Int
    package var batches: IngestReport?
    package var singlesOnLeader: IngestReport?
    package var singlesOnAnother: IngestReport?
    package var lag = LatencyHistogram()
    package var afterKill: [Silence] = []
    package var afterStop: [Silence] = []
    package var afterServerKill: [Double] = []

    package var isGood: Bool { [batches, singlesOnLeader, singlesOnAnother].allSatisfy { $0?.isGood ?? true } }

    package var text: String {
        var lines = [
            "three servers, sync_interval \(syncsAlways ? "always" : "2 min"), three instances, lease \(leaseSeconds) s | \(MachineFacts().text)"
        ]
        if let batches { lines.append("batches at the leader: \(Self.rate(batches)); \(Self.latency(batches.total.latency))") }
        for (name, part) in [("leader", singlesOnLeader), ("another instance", singlesOnAnother)] {
            guard let part else { continue }
            lines.append("single requests at the \(name): \(Self.rate(part)); \(Self.latency(part.total.latency))")
        }
        lines.append("from the acknowledgement until another instance shows it: \(Self.latency(lag)) of \(lag.count)")
        for (name, seconds) in silences where !seconds.isEmpty {
            lines.append(
                "\(name): p50 \(DurationText.precise(Self.middle(seconds))), max \(DurationText.precise(seconds.max() ?? 0)) of \(seconds.count)"
            )
        }
        return lines.joined(separator: "\n")
    }

    private var silences: [(String, [Double])] {
        [
            ("leading instance killed → next event acknowledged", afterKill.map(\.eventSeconds)),
            ("leading instance killed → next placement answered", afterKill.map(\.placementSeconds)),
            ("leading instance stopped → next event acknowledged", afterStop.map(\.eventSeconds)),
            ("leading instance stopped → next placement answered", afterStop.map(\.placementSeconds)),
            ("the stream's server killed → next event acknowledged", afterServerKill),
        ]
    }

    package var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init(key: "bench", value: .string("ingest")), .init(key: "log", value: .string("jetstream")),
            .init(key: "syncsAlways", value: .bool(syncsAlways)), .init(key: "leaseSeconds", value: .whole(leaseSeconds)),
        ]
        for (name, part) in [("batches", batches), ("singlesOnLeader", singlesOnLeader), ("singlesOnAnother", singlesOnAnother)] {
            if let part { members.append(.init(key: name, value: part.json)) }
        }
        members.append(
            .init(
                key: "lagMicroseconds",
                value: .object([
                    .init(key: "p50", value: .whole(lag.quantileMicroseconds(0.5))),
                    .init(key: "p99", value: .whole(lag.quantileMicroseconds(0.99))), .init(key: "max", value: .whole(lag.maxMicroseconds)),
                ])))
        let keys = [
            "killedEventSeconds", "killedPlacementSeconds", "stoppedEventSeconds", "stoppedPlacementSeconds", "serverKilledEventSeconds",
        ]
        for (key, silence) in zip(keys, silences) { members.append(.init(key: key, value: .array(silence.1.map(JSONValue.thousandths)))) }
        members.append(.init(key: "machine", value: MachineFacts().json))
        return .object(members)
    }

    private static func rate(_ report: IngestReport) -> String {
        let bad = report.isGood ? "" : ", NOT ALL WELL (\(report.refused) refused, \(report.duplicates) of \(report.sentAgain) known again)"
        return "\(Grouped.text(Int(report.eventsPerSecond))) events/s of \(Grouped.text(report.acknowledged))\(bad)"
    }

    private static func latency(_ latency: LatencyHistogram) -> String {
        [("p50", latency.quantileMicroseconds(0.5)), ("p99", latency.quantileMicroseconds(0.99)), ("max", latency.maxMicroseconds)]
            .map { "\($0.0) \(DurationText.precise(Double($0.1) / 1e6))" }.joined(separator: " ")
    }

    private static func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
