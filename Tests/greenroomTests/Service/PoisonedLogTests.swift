import Autoscaling
import Domain
import EventLog
import Foundation
import Logging
import Synchronization
import Testing
import TestSupport

@testable import Assembly
@testable import Inspection
@testable import Output
@testable import Machine

// A number from outside must not end the service: not when it comes, and not at a start with a log that holds it.

@Suite struct PoisonedLogTests {
    private static let policy = """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: chat, namespace: demo}
        spec:
          scaleTargetRef: {kind: Deployment, name: chat}
          maxReplicaCount: 5
          triggers:
          - {type: demand, threshold: 1}
        """

    private static let tokens: [APIRequest.Method: String] = [
        .get: "0123456789abcdef-read", .post: "0123456789abcdef-ingest", .put: "0123456789abcdef-admin",
    ]

    /// A service with a policy and tokens: each request comes with one that may do that and nothing else.
    private final class Stage: Sendable {
        let folder: String
        var database: String { "\(folder)/greenroom.db" }
        private let configuration: ServiceConfiguration

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-poison-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try PoisonedLogTests.policy.write(toFile: "\(folder)/policy.yaml", atomically: true, encoding: .utf8)
            let roles = [APIRequest.Method.get: "read", .post: "ingest", .put: "admin"]
            let lines = PoisonedLogTests.tokens.map { "\($0.value) \(roles[$0.key] ?? "read")\n" }.joined()
            try lines.write(toFile: "\(folder)/tokens", atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(folder)/tokens")
            let yaml = "listen: 127.0.0.1:0\ndatabase: greenroom.db\npolicies: [policy.yaml]\ntokens: tokens\n"
            configuration = try ServiceConfiguration(yaml: yaml, file: "\(folder)/greenroom.yaml")
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        func serve(_ body: (_ query: @Sendable (APIRequest) async throws -> APIResponse) async throws -> Void) async throws {
            try await withService(configuration) { url in
                var connections: [APIRequest.Method: ServiceConnection] = [:]
                for (method, token) in PoisonedLogTests.tokens {
                    connections[method] = try await ServiceConnection.open(url: url, token: token)
                }
                let query: @Sendable (APIRequest) async throws -> APIResponse = { [connections] request in
                    guard let connection = connections[request.method] else { throw CancellationError() }
                    return try await connection.send(request)
                }
                try await eventually("the service answers") { (try? await query(APIRequest(path: "/livez")))?.status == 200 }
                let result: Result<Void, any Error>
                do { result = .success(try await body(query)) } catch { result = .failure(error) }
                for connection in connections.values { await connection.close() }
                try result.get()
            }
        }

        /// Events as an older service may have taken them.
        func append(_ events: [(EventKind, String, String)]) throws {
            let log = try EventLog.open(EventLog.Configuration(path: database))
            defer { log.close() }
            for (k, event) in events.enumerated() {
                var batch = EventBatch()
                batch.append(
                    event.0, source: "/old", id: "\(k)", subject: event.1, pool: event.0.carriesPool ? "demo/chat" : nil,
                    body: Array(event.2.utf8))
                let isDone = DispatchSemaphore(value: 0)
                log.append(batch) { result in
                    if case .failure(let error) = result { Issue.record(error) }
                    isDone.signal()
                }
                isDone.wait()
            }
        }
    }

    private static func event(_ id: String, _ kind: String, _ subject: String, _ data: String) -> APIRequest {
        let json =
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"/agent","id":"\#(id)","subject":"\#(subject)","data":\#(data)}"#
        var request = APIRequest(path: "/v1/events")
        request.method = .post
        request.contentType = "application/cloudevents+json"
        request.body = Array(json.utf8)
        return request
    }

    @Test(.timeLimit(.minutes(2)))
    func `poison that comes by HTTP is refused by its field, and the service lives and decides`() async throws {
        let stage = try Stage()
        try await stage.serve { query in
            for (k, (kind, data, field)) in [
                ("pool.observed", #"{"pool":"demo/chat","specReplicas":9223372036854775807,"readyReplicas":0}"#, "data.specReplicas"),
                ("pool.observed", #"{"pool":"demo/chat","specReplicas":0,"readyReplicas":2147483648}"#, "data.readyReplicas"),
                ("worker.ready", #"{"pool":"demo/chat","node":"n","slots":9223372036854775807}"#, "data.slots"),
                ("actor.requested", #"{"pool":"demo/chat","expectedMillis":9223372036854775807}"#, "data.expectedMillis"),
                ("queue.observed", #"{"pool":"demo/chat","metric":"m","value":1e300}"#, "data.value"),
                ("snapshot.cached", #"{"node":"n","snapshot":"s","bytes":9223372036854775807}"#, "data.bytes"),
            ].enumerated() {
                let response = try await query(Self.event("\(k)", kind, "demo/chat", data))
                let text = String(decoding: response.body, as: UTF8.self)
                #expect(response.status == 400 && text.contains(field), "\(kind): \(response.status) \(text)")
            }
            // What is as large as may be is taken, and decided on.
            let largest = #"{"pool":"demo/chat","specReplicas":2147483647,"readyReplicas":2147483647}"#
            #expect(try await query(Self.event("largest", "pool.observed", "demo/chat", largest)).status == 200)
            try await eventually("a decision from there") {
                String(decoding: try await query(APIRequest(path: "/v1/decisions")).body, as: UTF8.self).contains(#""from":2147483647"#)
            }
            // Numbers of a query, likewise.
            for path in ["/v1/events", "/v1/decisions", "/v1/actors", "/v1/workers", "/v1/actors/x/history"] {
                for parameter in [
                    "after=9223372036854775807", "after=-1", "after=9223372036854775808", "limit=0", "limit=-1",
                    "limit=9223372036854775807", "after=1e308", "after=NaN", "at=9223372036854775807", "at=-1",
                ] {
                    let status = try await query(APIRequest(path: "\(path)?\(parameter)")).status
                    #expect([200, 400, 404].contains(status), "\(path)?\(parameter): \(status)")
                }
            }
            for wait in ["-1", "1e308", "9223372036854775807", "\"NaN\""] {
                var request = APIRequest(path: "/v1/placements")
                request.method = .post
                request.contentType = "application/json"
                request.body = Array(#"{"actor":"a","pool":"demo/chat","wait":\#(wait)}"#.utf8)
                #expect(try await query(request).status == 400, "wait \(wait)")
            }
            #expect(try await query(APIRequest(path: "/livez")).status == 200)
        }
    }

    @Test("a log that holds poison opens, decides and verifies", .timeLimit(.minutes(2)))
    func poisonedLog() async throws {
        let stage = try Stage()
        try await stage.serve { _ in }
        let poison = #"{"specReplicas":9223372036854775807,"readyReplicas":9223372036854775807}"#
        try stage.append([
            (.poolObserved, "demo/chat", poison), (.workerReady, "w", #"{"node":"n","slots":9223372036854775807}"#),
            (.actorRequested, "a", #"{"priority":-9223372036854775808,"expectedMillis":9223372036854775807}"#),
            (.actorCreated, "b", #"{"template":"t\u0000"}"#),
            (.snapshotCached, "n", #"{"node":"n","snapshot":"s","bytes":9223372036854775807}"#),
            (.workerReady, "cut", #"{"node":"n","slots":"#),
            (.policyApplied, "demo/chat", #"{"policy":{"kind":"Later"},"digest":"d"}"#), (.poolObserved, "demo/chat", poison),
        ])
        // Twice: what a first start survives, the next one must too.
        for round in 0..<2 {
            try await stage.serve { query in
                try await eventually("the loop has folded it") {
                    let pool = String(decoding: try await query(APIRequest(path: "/v1/pools/demo/chat")).body, as: UTF8.self)
                    return pool.contains(#""desired""#)
                }
                // A step down by all there is counts in the rates' budget: the next step up is computed with it.
                for actor in [2 * round + 1, 2 * round + 2] {
                    #expect(
                        try await query(Self.event("late-\(actor)", "actor.requested", "late-\(actor)", #"{"pool":"demo/chat"}"#)).status
                            == 200)
                    // Beside the one of the log.
                    try await eventually("\(actor + 1) workers are wanted") {
                        String(decoding: try await query(APIRequest(path: "/v1/decisions?limit=100")).body, as: UTF8.self).contains(
                            #""to":\#(actor + 1),"#)
                    }
                }
                let events = String(decoding: try await query(APIRequest(path: "/v1/events?limit=1000")).body, as: UTF8.self)
                #expect(events.contains(#""from":9223372036854775807"#), "decided from there: \(events)")
                let listed = events.split(separator: "\n").first { $0.contains(#""subject":"cut""#) }
                #expect(listed?.contains(#""superseded":true"#) == true, "\(listed ?? "")")
                #expect(try await query(APIRequest(path: "/livez")).status == 200)
            }
        }
        let log = try EventLog.openReadOnly(path: stage.database)
        defer { log.close() }
        #expect(try log.verify().fault == nil)
    }

    @Test("a policy with a port that is none is refused before it is anywhere", .timeLimit(.minutes(2)))
    func badPort() async throws {
        let stage = try Stage()
        try await stage.serve { query in
            for trigger in [
                "{type: prometheus, serverAddress: 'http://127.0.0.1:65536', query: up, threshold: 1}",
                "{type: nats-jetstream, monitoringEndpoint: 'http://127.0.0.1:99999', stream: s, consumer: c, threshold: 1}",
            ] {
                var request = APIRequest(path: "/v1/policies/demo/other")
                request.method = .put
                request.contentType = "application/yaml"
                request.body = Array(
                    Self.policy.replacing("name: chat, namespace", with: "name: other, namespace").replacing(
                        "{type: demand, threshold: 1}", with: trigger
                    ).utf8)
                let response = try await query(request)
                let text = String(decoding: response.body, as: UTF8.self)
                #expect(response.status == 400 && text.contains("1 to 65535"), "\(response.status) \(text)")
            }
            #expect(try await query(APIRequest(path: "/livez")).status == 200)
        }
    }

    @Test(
        "numbers and ports of the configuration are bounded by their names",
        arguments: [
            ("limits: {idleSeconds: 1e300}", "limits.idleSeconds must be a number from 0 to 1000000000"),
            ("limits: {stallSeconds: -1}", "limits.stallSeconds must be a number"),
            ("limits: {connections: 9223372036854775807}", "limits.connections must be a whole number from 0 to 2147483647"),
            ("limits: {headerBlockBytes: 4294967296}", "limits.headerBlockBytes must be a whole number from 0 to 2147483647"),
            ("limits: {bodyMemoryBytes: 9223372036854775807}", "limits.bodyMemoryBytes must be a whole number from 0 to 9007199254740992"),
            ("eventLoops: -1", "eventLoops must be a whole number"),
            ("checkpointEvents: 9223372036854775807", "checkpointEvents must be a whole number"),
            ("keda: {limits: {drainSeconds: .inf}}", "keda.limits.drainSeconds must be a number"),
            ("listen: '127.0.0.1:65536'", "listen must be HOST:PORT"),
            ("listen: '127.0.0.1:-1'", "listen must be HOST:PORT"),
            ("tls: {listen: '[::1]:99999', certificate: c, key: k}", "tls.listen must be HOST:PORT"),
            ("workers: {server: 'http://h:65536'}", "workers.server is no address of a service"),
        ])
    func configuration(_ yaml: String, _ problem: String) throws {
        let fault = try #require(throws: Fault.self) { try ServiceConfiguration(yaml: yaml + "\n", file: "/etc/greenroom.yaml") }
        #expect("\(fault)".contains(problem), "\(fault)")
    }

    @Test("a skipped event is a line with its position, up to a bound, and a count")
    func lines() {
        let lines = Mutex<[String]>([])
        struct Handler: LogHandler {
            let note: @Sendable (String) -> Void
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.trace
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }
            func log(event: LogEvent) { note("\(event.message) \(event.metadata?["position"] ?? "") \(event.metadata?["problem"] ?? "")") }
        }
        let metrics = LoopMetrics(logger: Logger(label: "test") { _ in Handler(note: { line in lines.withLock { $0.append(line) } }) })
        for position in 1...500 { metrics.couldNotFold(Position(position), why: "its body is not JSON") }
        let told = lines.withLock { $0 }
        #expect(told.count == 100 && told.first == "event of the log skipped 1 its body is not JSON")
        #expect(told.last?.contains("greenroom_events_skipped_total") == true)
    }
}
