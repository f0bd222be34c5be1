import AsyncHTTPClient
import Autoscaling
import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Logging
import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import Assembly
@testable import Output
@testable import Machine

// The whole service behind an aggregator, over real TLS: a stock HPA scales another pool by what waits in ours.

@Suite struct ExternalMetricsOnKubernetesTests {
    @Test func `an HPA follows a burst of events up, and its end down after five minutes`() async throws {
        try await Stage.run { stage in
            try await checkRecorded(stage)
            var hpa = try TwinHPA(
                .init(
                    namespace: "default", deployment: "reviewers", metric: "greenroom_queue_depth",
                    selector: "pool=kagent-default,state in (blocked,resident)",
                    targetMilli: 3_000, bounds: 1...20),
                twin: stage.twin, token: "hpatoken", from: LogTime(microseconds: 1_790_000_000_000_000))
            // Before anybody asked for the pool there is no such metric, and the HPA holds.
            #expect(try await hpa.metric().status == 404)
            #expect(try await hpa.sync() == 3)

            try await stage.post(stage.events("actor.requested", #"{"pool":"default/kagent-default"}"#, 21))
            try await eventually("21 wait") { try await hpa.metric().milli == 21_000 }
            #expect(try await hpa.sync() == 7)
            #expect(stage.replicas == 7)
            #expect(stage.twin.objects(.pods, "default").count == 7)
            try checkForwarded(stage)

            try await stage.post(stage.events("actor.withdrawn", "{}", 21))
            try await eventually("nobody waits") { try await hpa.metric().milli == 0 }
            var counts: [Int] = []
            for _ in 0..<22 { counts.append(try await hpa.sync()) }
            // 15 s from sync to sync: what was wanted at the burst counts for 300 s.
            #expect(counts.prefix(19).allSatisfy { $0 == 7 })
            #expect(counts.last == 1)
            #expect(stage.replicas == 1)
            await hpa.close()
        }
    }

    @Test func `what was observed outside is served under its own name, to whom the cluster lets`() async throws {
        try await Stage.run { stage in
            let labels = #"{"consumer":"devops-agent","stream":"agent-tasks"}"#
            try await stage.post(
                stage.events(
                    "queue.observed",
                    #"{"pool":"default/devops","metric":"nats_consumer_pending_messages","value":9.5,"labels":\#(labels)}"#, 1))
            let path = "\(TwinAggregator.versionPath)/namespaces/default/nats_consumer_pending_messages?labelSelector=stream%3Dagent-tasks"
            try await eventually("the metric") { try await stage.direct(path, token: "hpatoken").status == 200 }
            let answer = try await stage.direct(path, token: "hpatoken")
            #expect(answer.body.contains(#""value":"9500m""#))
            #expect(answer.body.contains(#""metricLabels":{"consumer":"devops-agent","pool":"devops","stream":"agent-tasks"}"#))
            // Yes was remembered: one review of the token, one of the right.
            #expect(stage.asked("/apis/authentication.k8s.io/v1/tokenreviews") == 1)
            #expect(stage.asked("/apis/authorization.k8s.io/v1/subjectaccessreviews") == 1)
            #expect(try await stage.direct(path, token: "viewertoken").status == 403)
            #expect(try await stage.direct(path, token: "nobodystoken").status == 401)
            #expect(try await stage.direct(path, token: nil, [("X-Remote-User", "admin")]).status == 401)
            let through = try await stage.through(path, token: "viewertoken")
            #expect(through == 403)
        }
    }

    @Test func `a service account that may not read who the front proxy is doesn't start, and is told which role it lacks`() async throws {
        await #expect { try await Stage.run(greenroom: TwinUser("greenroom") { _, _, _ in false }) { _ in } } throws: { error in
            guard let fault = error as? Fault else { return false }
            return fault.what.contains("externalMetrics.frontProxy") && fault.what.contains("extension-apiserver-authentication-reader")
        }
    }

    // MARK: - What a real aggregator and HPA were recorded to send

    private func checkRecorded(_ stage: Stage) async throws {
        for request in try Recorded.all where !request.path.contains("/namespaces/") {
            let answer = await stage.aggregator.query(
                request.path, request.headers.filter { !["Host", "Accept-Encoding"].contains($0.key) }.map { ($0.key, $0.value) })
            #expect(answer.status == 200, "\(request.path)")
        }
    }

    /// What the twins sent is what was recorded: the path to the letter, the same headers, and the values of those that name no one.
    private func checkForwarded(_ stage: Stage) throws {
        let recorded = try #require(try Recorded.all.first { $0.path.contains("/namespaces/") })
        let sent = try #require(stage.aggregator.sent.last { $0.path.contains("greenroom_queue_depth") })
        #expect(sent.path == recorded.path)
        #expect(Set(sent.headers.map { $0.name.lowercased() }) == Set(recorded.headers.keys.map { $0.lowercased() }))
        for name in ["User-Agent", "Accept", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Uri", "Accept-Encoding"] {
            #expect(sent.headers.first { $0.name.lowercased() == name.lowercased() }?.value == recorded.headers[name])
        }
    }
}

private struct Recorded: Decodable {
    var path: String
    var headers: [String: String]

    static var all: [Recorded] {
        get throws {
            let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            let file = tests.appendingPathComponent("ExternalMetricsTests/Fixtures/external-metrics-requests.json")
            return try JSONDecoder().decode([Recorded].self, from: Data(contentsOf: file))
        }
    }
}

/// The service with its cluster around it, torn down after `body`.
private struct Stage: Sendable {
    let twin: KubernetesTwin
    let aggregator: TwinAggregator
    let url: String
    let port: Int
    private let http: HTTPClient

    private static let host = "greenroom.greenroom.svc"
    /// The rights of deploy/base/rbac.yaml that this takes.
    static let greenroom = TwinUser("system:serviceaccount:greenroom:greenroom") { verb, resource, _ in
        ["create tokenreviews", "create subjectaccessreviews", "get configmaps"].contains("\(verb) \(resource)")
    }
    private static let hpa = TwinUser("system:serviceaccount:kube-system:horizontal-pod-autoscaler", groups: ["system:serviceaccounts"]) {
        verb, resource, group in
        group == TwinAggregator.group
            ? ["get", "list"].contains(verb) : resource == "deployments/scale" && ["get", "update"].contains(verb)
    }

    static func run(greenroom: TwinUser = Stage.greenroom, _ body: @escaping @Sendable (Stage) async throws -> Void) async throws {
        let certificates = try AggregatorCertificates.make(host: host)
        let twin = try await cluster(certificates, greenroom)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-extmetrics-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let port = try LocalPort.free()
        let service = GreenroomService(
            try configuration(in: folder, port, twin, certificates), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                let (urls, started) = AsyncStream.makeStream(of: String.self)
                group.addTask {
                    defer { started.finish() }
                    try await service.run(stopOn: [], onStart: { started.yield($0) })
                    return true
                }
                group.addTask {
                    for await url in urls {
                        let stage = try Stage(twin, certificates, url, port)
                        let outcome: Result<Void, any Error>
                        do { outcome = .success(try await stage.perform(body)) } catch { outcome = .failure(error) }
                        await stage.close()
                        try outcome.get()
                        return true
                    }
                    return false
                }
                // Whichever fails first says why; what the test did not end is cancelled. A service that ends before it is ready
                // ends the other task as well, and says why itself.
                if try await group.next() == false { _ = try await group.next() }
                group.cancelAll()
                while let _ = try? await group.next() {}
            }
            result = .success(())
        } catch { result = .failure(error) }
        await twin.stop()
        try? FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private static func cluster(_ certificates: AggregatorCertificates, _ greenroom: TwinUser) async throws -> KubernetesTwin {
        var settings = KubernetesTwin.Configuration()
        settings.controllerNodes = ["node-a"]
        settings.users["greenroomtoken"] = greenroom
        settings.users["hpatoken"] = hpa
        let twin = try await KubernetesTwin.start(settings)
        let headers: [(String, String)] = [
            ("allowed-names", #"["front-proxy-client"]"#), ("username-headers", #"["X-Remote-User"]"#),
            ("uid-headers", #"["X-Remote-Uid"]"#),
            ("group-headers", #"["X-Remote-Group"]"#), ("extra-headers-prefix", #"["X-Remote-Extra-"]"#),
            ("client-ca-file", String(decoding: certificates.requestHeaderAuthority, as: UTF8.self)),
        ]
        let data = Dictionary(uniqueKeysWithValues: headers.map { ("requestheader-\($0.0)", $0.1) })
        twin.seed(
            .configMaps,
            ["metadata": ["name": "extension-apiserver-authentication", "namespace": "kube-system"], "data": JSONValue(data)])
        twin.seed(
            .deployments,
            [
                "metadata": ["name": "reviewers", "namespace": "default"],
                "spec": ["replicas": 3, "selector": ["matchLabels": ["app": "reviewers"]]], "status": [:],
            ])
        twin.seed(.apiServices, apiService(certificates))
        return twin
    }

    /// deploy/apiservice/apiservice.yaml, with the authority that the installation puts in.
    private static func apiService(_ certificates: AggregatorCertificates) -> JSONValue {
        [
            "metadata": ["name": "v1beta1.external.metrics.k8s.io"],
            "spec": [
                "group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": ["name": "greenroom", "namespace": "greenroom", "port": 6443],
                "caBundle": .string(Data(certificates.servingAuthority).base64EncodedString()),
            ],
        ]
    }

    private static func configuration(
        in folder: String, _ port: Int, _ twin: KubernetesTwin, _ certificates: AggregatorCertificates
    ) throws -> ServiceConfiguration {
        try twin.kubeconfig(token: "greenroomtoken").write(toFile: "\(folder)/kubeconfig", atomically: true, encoding: .utf8)
        try Data(certificates.serving).write(to: URL(fileURLWithPath: "\(folder)/tls.crt"))
        try Data(certificates.servingKey).write(to: URL(fileURLWithPath: "\(folder)/tls.key"))
        let yaml = """
            listen: 127.0.0.1:0
            database: greenroom.db
            kubernetes: {kubeconfig: kubeconfig}
            externalMetrics: {listen: '127.0.0.1:\(port)', tls: {certificate: tls.crt, key: tls.key}}
            """
        return try ServiceConfiguration(yaml: yaml, file: "\(folder)/greenroom.yaml")
    }

    private init(_ twin: KubernetesTwin, _ certificates: AggregatorCertificates, _ url: String, _ port: Int) throws {
        self.twin = twin
        self.url = url
        self.port = port
        guard let apiService = twin.object(.apiServices, nil, "v1beta1.external.metrics.k8s.io") else { throw Fault(.no, "no APIService") }
        aggregator = try TwinAggregator(apiService: apiService.json, endpointPort: port, certificates: certificates)
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(certificates.servingAuthority + twin.certificates.authority))
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.dnsOverride = [Self.host: "127.0.0.1"]
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private func perform(_ body: @Sendable (Stage) async throws -> Void) async throws {
        try await eventually("the APIService is available") { await aggregator.checkAvailability() }
        twin.register(aggregator)
        try await body(self)
    }

    private func close() async {
        twin.register(nil)
        await aggregator.close()
        try? await http.shutdown()
    }

    // MARK: - What a test does

    var replicas: Int? { twin.object(.deployments, "default", "reviewers")?["spec"]["replicas"].int }

    func asked(_ path: String) -> Int { twin.requests.count { $0.path == path } }

    func events(_ kind: String, _ data: String, _ count: Int) -> String {
        let events = (0..<count).map { number in
            let subject = kind.hasPrefix("actor") ? "actor-\(number)" : "default/devops"
            return
                #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"/test","id":"\#(kind)-\#(number)","subject":"\#(subject)","data":\#(data)}"#
        }
        return "[\(events.joined(separator: ","))]"
    }

    func post(_ batch: String) async throws {
        var request = HTTPClientRequest(url: "\(url)/v1/events")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/cloudevents-batch+json")
        request.body = .bytes(ByteBuffer(string: batch))
        let response = try await http.execute(request, timeout: .seconds(20))
        let answer = String(buffer: try await response.body.collect(upTo: 1 << 20))
        #expect(response.status == .ok, "\(answer)")
    }

    /// Past the aggregator: with a token, or with nothing.
    func direct(_ path: String, token: String?, _ headers: [(String, String)] = []) async throws -> (status: Int, body: String) {
        try await get("https://\(Self.host):\(port)\(path)", token, headers)
    }

    /// The status of what the API server answers.
    func through(_ path: String, token: String) async throws -> Int { try await get(twin.server + path, token, []).status }

    private func get(_ url: String, _ token: String?, _ headers: [(String, String)]) async throws -> (status: Int, body: String) {
        var request = HTTPClientRequest(url: url)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await http.execute(request, timeout: .seconds(20))
        return (Int(response.status.code), String(buffer: try await response.body.collect(upTo: 4 << 20)))
    }
}
