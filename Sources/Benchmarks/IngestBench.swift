import Output
package import ServiceClient
import Basics
package import Domain
import Inspection
import NIOCore

// How fast are events taken, acknowledged and durable?
//
// The load generator keeps a number of requests unanswered on each connection, so the server is never idle for want of
// work. Afterwards a share of the events is sent again, and every one must be answered as a duplicate.

package struct IngestPlan: Hashable, Sendable {
    package var events = 1_000_000
    /// Events of one request.
    package var batch = 100
    /// One event a request, as a single CloudEvent instead of a batch.
    package var isSingle = false
    package var connections = 8
    package var inFlightPerConnection = 4
    package var ids = EventTemplates.Ids.random
    package var ratePerSecond: Double?
    package var pools = 100
    package var actors = 100_000
    /// The run is measured in so many equal parts, one after the other.
    package var slices = 1
    package var seed: UInt64 = 1

    /// Requests sent a second time.
    static let repeatedRequests = 50

    package init(
        events: Int = 1_000_000, batch: Int = 100, isSingle: Bool = false, connections: Int = 8,
        inFlightPerConnection: Int = 4, ids: EventTemplates.Ids = .random, ratePerSecond: Double? = nil, pools: Int = 100,
        actors: Int = 100_000, slices: Int = 1, seed: UInt64 = 1
    ) {
        self.events = events
        self.batch = batch
        self.isSingle = isSingle
        self.connections = connections
        self.inFlightPerConnection = inFlightPerConnection
        self.ids = ids
        self.ratePerSecond = ratePerSecond
        self.pools = pools
        self.actors = actors
        self.slices = slices
        self.seed = seed
    }

    var eventsPerRequest: Int { isSingle ? 1 : batch }
    package var requests: Int { max(1, (events + eventsPerRequest - 1) / eventsPerRequest) }
}

package struct IngestBench: Sendable {
    package let plan: IngestPlan
    package let base: BaseURL
    package let token: String?
    package let trustFile: String?
    private let templates: EventTemplates

    /// - Parameter trustFile: PEM of the authority that signed the service's certificate; nil trusts the machine's own.
    package init(plan: IngestPlan, base: BaseURL, token: String?, trustFile: String?) {
        self.plan = plan
        self.base = base
        self.token = token
        self.trustFile = trustFile
        templates = EventTemplates(ids: plan.ids, pools: plan.pools, actors: plan.actors, seed: plan.seed)
    }

    private func connected() async throws -> ServiceConnection {
        try await ServiceConnection.open(url: base.description, token: token, trustFile: trustFile)
    }

    /// One part of the run: requests `first..<(first + count)`.
    package func send(first: Int, count: Int) async throws -> LoadReport {
        let (plan, templates) = (plan, templates)
        var load = LoadPlan(url: base) { connection, number, buffer in
            Self.write(request: first + number, source: connection, plan, templates, &buffer)
        }
        load.token = token
        load.trustFile = trustFile
        load.contentType = contentType
        load.connections = plan.connections
        load.inFlightPerConnection = plan.inFlightPerConnection
        load.requests = count
        load.ratePerSecond = plan.ratePerSecond
        do { return try await LoadDriver.run(load) } catch {
            throw Fault(.unreachable, error.description, do: "see whether the server still runs")
        }
    }

    private var contentType: String { plan.isSingle ? "application/cloudevents+json" : "application/cloudevents-batch+json" }

    private static func write(request: Int, source: Int, _ plan: IngestPlan, _ templates: EventTemplates, _ buffer: inout ByteBuffer) {
        guard !plan.isSingle else { return templates.write(request, source: source, into: &buffer) }
        buffer.reserveCapacity(minimumWritableBytes: plan.batch * (templates.eventBytes + 1) + 2)
        buffer.writeInteger(UInt8(ascii: "["))
        for k in 0..<plan.batch {
            if k > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
            templates.write(request * plan.batch + k, source: source, into: &buffer)
        }
        buffer.writeInteger(UInt8(ascii: "]"))
    }

    /// Gives each pool a policy that decides and never acts.
    package func applyPolicies() async throws {
        let api = try await connected()
        for pool in 0..<plan.pools {
            let name = EventTemplates.poolName(pool)
            let policy =
                #"{"apiVersion":"greenroom.dev/v1","kind":"WorkerPoolAutoscaler","metadata":{"namespace":"bench","name":"\#(name)"},"#
                + #""spec":{"mode":"recommend","scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"\#(name)"},"triggers":[{"type":"demand","threshold":1}]}}"#
            let message = APIRequest(
                method: .put, path: "/v1/policies/bench/\(name)", contentType: "application/json", body: Array(policy.utf8))
            _ = try await api.send(message).json(api.url, message)
        }
        await api.close()
    }

    /// From a commit to its decision, and to the target's answer, as the service counted them.
    package func loopLatencies() async throws -> (decisions: ServedHistogram, reactions: ServedHistogram) {
        let api = try await connected()
        let response = try await api.send(APIRequest(path: "/metrics"))
        await api.close()
        let text = String(decoding: response.body, as: UTF8.self)
        return (
            ServedHistogram("greenroom_decision_seconds", inMetrics: text), ServedHistogram("greenroom_reaction_seconds", inMetrics: text)
        )
    }

    /// Sends requests of the run again: how many events that were, and how many were answered as duplicates.
    package func sendAgain() async throws -> (sent: Int, duplicates: Int) {
        let api = try await connected()
        var random = SplitMix64(seed: plan.seed &+ 99)
        var sent = 0
        var duplicates = 0
        // Slices number their requests from 0 again for the connections, so the first slice tells which one sent what.
        let first = plan.requests / plan.slices
        for _ in 0..<min(IngestPlan.repeatedRequests, first) {
            let request = Int.random(in: 0..<first, using: &random)
            var buffer = ByteBuffer()
            Self.write(request: request, source: request % plan.connections, plan, templates, &buffer)
            let message = APIRequest(method: .post, path: "/v1/events", contentType: contentType, body: Array(buffer.readableBytesView))
            let response = try await api.send(message).json(api.url, message)
            sent += plan.eventsPerRequest
            duplicates += Int(response?["duplicates"].integer ?? 0)
        }
        await api.close()
        return (sent, duplicates)
    }
}

/// What a run showed.
package struct IngestReport: Sendable {
    package var plan: IngestPlan
    package var total = Total()
    /// Events a second of each slice.
    package var slices: [Double] = []
    package var sentAgain = 0
    package var duplicates = 0
    package var diskBytes: Int64?
    package var server: ProcessUse?
    /// Where policies were applied.
    package var decisions: ServedHistogram?
    package var reactions: ServedHistogram?
    package var machine = MachineFacts()

    /// All slices together; they came one after the other, so their times add up.
    package struct Total: Sendable {
        package var requests = 0
        var succeeded = 0
        var resets = 0
        package var seconds = 0.0
        package var latency = LatencyHistogram()
        /// Why a connection ended early.
        package var fault: String?

        var requestsPerSecond: Double { seconds > 0 ? Double(requests) / seconds : 0 }
    }

    package init(plan: IngestPlan) { self.plan = plan }

    package mutating func add(_ part: LoadReport) {
        add(requests: part.requests, succeeded: part.succeeded, resets: part.resets, seconds: part.seconds, part.latency, fault: part.fault)
    }

    package mutating func add(
        requests: Int, succeeded: Int, resets: Int = 0, seconds: Double, _ latency: LatencyHistogram = LatencyHistogram(),
        fault: String? = nil
    ) {
        slices.append(seconds > 0 ? Double(succeeded * plan.eventsPerRequest) / seconds : 0)
        total.requests += requests
        total.succeeded += succeeded
        total.resets += resets
        total.seconds += seconds
        total.latency.merge(latency)
        total.fault = total.fault ?? fault
    }

    package var acknowledged: Int { total.succeeded * plan.eventsPerRequest }
    package var eventsPerSecond: Double { total.seconds > 0 ? Double(acknowledged) / total.seconds : 0 }
    var refused: Int { total.requests - total.succeeded }
    var diskBytesPerEvent: Double? { diskBytes.flatMap { acknowledged > 0 ? Double($0) / Double(acknowledged) : nil } }

    /// Everything was acknowledged, and every event that came again was known.
    package var isGood: Bool { total.fault == nil && refused == 0 && total.requests == plan.requests && duplicates == sentAgain }

    /// One line of figures.
    package var text: String {
        var parts = ["\(Grouped.text(acknowledged)) events acknowledged in \(DurationText.precise(total.seconds))"]
        parts.append(
            "\(Grouped.text(Int(eventsPerSecond))) events/s, \(Grouped.text(Int(total.requestsPerSecond))) requests/s of \(plan.eventsPerRequest)"
        )
        let latency = total.latency
        let quantiles = [
            ("p50", latency.quantileMicroseconds(0.5)), ("p99", latency.quantileMicroseconds(0.99)), ("max", latency.maxMicroseconds),
        ]
        parts.append("latency " + quantiles.map { "\($0.0) \(DurationText.precise(Double($0.1) / 1e6))" }.joined(separator: " "))
        if refused > 0 || total.resets > 0 { parts.append("\(Grouped.text(refused)) refused, \(total.resets) reset") }
        parts.append("\(Grouped.text(duplicates)) duplicates of \(Grouped.text(sentAgain)) sent again")
        if slices.count > 1 { parts.append("by slice " + slices.map { Grouped.text(Int($0)) }.joined(separator: " ") + " events/s") }
        if let diskBytesPerEvent { parts.append("\(Self.tenths(diskBytesPerEvent)) bytes an event on disk") }
        if let server {
            parts.append(
                "server \(server.residentBytes >> 20) MB (peak \(server.peakResidentBytes >> 20)), \(Self.tenths(server.processorSeconds)) s of processor"
            )
        }
        for (name, histogram) in [("commit → decision", decisions), ("commit → target's answer", reactions)] {
            guard let histogram, let p50 = histogram.bound(ofQuantile: 0.5), let p99 = histogram.bound(ofQuantile: 0.99) else { continue }
            parts.append("\(name) p50 ≤ \(Self.milliseconds(p50)) p99 ≤ \(Self.milliseconds(p99)) of \(Grouped.text(histogram.count))")
        }
        if let fault = total.fault { parts.append("broke off: \(fault)") }
        return
            "ingest, ids \(plan.ids.rawValue), \(plan.connections) connections × \(plan.inFlightPerConnection): \(parts.joined(separator: "; ")) | \(machine.text)"
    }

    package var json: JSONValue {
        let latency = total.latency
        var members: [JSONValue.Member] = [
            .init(key: "bench", value: .string("ingest")), .init(key: "events", value: .whole(acknowledged)),
            .init(key: "seconds", value: .thousandths(total.seconds)),
            .init(key: "eventsPerSecond", value: .thousandths(eventsPerSecond)),
            .init(key: "requestsPerSecond", value: .thousandths(total.requestsPerSecond)),
            .init(key: "eventsPerRequest", value: .whole(plan.eventsPerRequest)),
            .init(key: "connections", value: .whole(plan.connections)),
            .init(key: "inFlightPerConnection", value: .whole(plan.inFlightPerConnection)),
            .init(key: "ids", value: .string(plan.ids.rawValue)),
            .init(
                key: "latencyMicroseconds",
                value: .object([
                    .init(key: "p50", value: .whole(latency.quantileMicroseconds(0.5))),
                    .init(key: "p99", value: .whole(latency.quantileMicroseconds(0.99))),
                    .init(key: "max", value: .whole(latency.maxMicroseconds)),
                ])),
            .init(key: "refused", value: .whole(refused)), .init(key: "sentAgain", value: .whole(sentAgain)),
            .init(key: "duplicates", value: .whole(duplicates)),
            .init(key: "slicesEventsPerSecond", value: .array(slices.map(JSONValue.thousandths))),
        ]
        if let diskBytesPerEvent { members.append(.init(key: "diskBytesPerEvent", value: .thousandths(diskBytesPerEvent))) }
        if let server {
            members.append(.init(key: "serverResidentBytes", value: .whole(server.residentBytes)))
            members.append(.init(key: "serverPeakResidentBytes", value: .whole(server.peakResidentBytes)))
            members.append(.init(key: "serverProcessorSeconds", value: .thousandths(server.processorSeconds)))
        }
        for (name, histogram) in [("decisionSeconds", decisions), ("reactionSeconds", reactions)] {
            guard let histogram, let p50 = histogram.bound(ofQuantile: 0.5), let p99 = histogram.bound(ofQuantile: 0.99) else { continue }
            members.append(
                .init(
                    key: name,
                    value: .object([
                        .init(key: "count", value: .whole(histogram.count)), .init(key: "p50AtMost", value: .number("\(p50)")),
                        .init(key: "p99AtMost", value: .number("\(p99)")),
                    ])))
        }
        if let fault = total.fault { members.append(.init(key: "fault", value: .string(fault))) }
        members.append(.init(key: "machine", value: machine.json))
        return .object(members)
    }

    /// A bucket's bound.
    private static func milliseconds(_ seconds: Double) -> String {
        seconds.isFinite ? "\(tenths(seconds * 1_000))ms" : "beyond all buckets"
    }

    private static func tenths(_ value: Double) -> String { String((value * 10).rounded() / 10) }
}
