import HTTPTransport
import HTTPTypes
import Testing

@testable import ExternalMetrics

// Who may what, over real sockets: every kind of certificate with every kind of credentials.

@Suite struct AccessTests {
    private static let discovery = "/apis/external.metrics.k8s.io/v1beta1"
    private static let metric = "\(discovery)/namespaces/default/greenroom_queue_depth"
    private static let remote = [("X-Remote-User", "system:kube-aggregator"), ("X-Remote-Group", "system:masters")]

    private static func cluster() -> TwinCluster {
        TwinCluster { script in
            script.users = ["hpa-token": UserInfo(name: "hpa", groups: ["system:authenticated"]), "viewer-token": UserInfo(name: "viewer")]
            script.allowed = ["hpa": ["list default/greenroom_queue_depth"]]
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        enum Certificate: String, Sendable { case none, proxy, stranger }
        var certificate: Certificate
        var headers: [(String, String)]
        var discovery: Int
        var metric: Int
        var testDescription: String { "\(certificate.rawValue) certificate, \(headers.map { "\($0.0): \($0.1)" })" }

        init(_ certificate: Certificate, _ headers: [(String, String)], discovery: Int, metric: Int) {
            self.certificate = certificate
            self.headers = headers
            self.discovery = discovery
            self.metric = metric
        }
    }

    private static let matrix = [
        Case(.none, [], discovery: 401, metric: 401),
        Case(.none, remote, discovery: 401, metric: 401),
        Case(.none, [("Authorization", "Bearer hpa-token")], discovery: 200, metric: 200),
        Case(.none, [("Authorization", "bearer  hpa-token")], discovery: 200, metric: 200),
        Case(.none, [("Authorization", "Bearer viewer-token")], discovery: 200, metric: 403),
        Case(.none, [("Authorization", "Bearer viewer-token")] + remote, discovery: 200, metric: 403),
        Case(.none, [("Authorization", "Bearer wrong")], discovery: 401, metric: 401),
        Case(.none, [("Authorization", "Bearer ")], discovery: 401, metric: 401),
        Case(.none, [("Authorization", "Basic aHBhOnRva2Vu")], discovery: 401, metric: 401),
        Case(.proxy, remote, discovery: 200, metric: 200),
        Case(.proxy, [("x-remote-user", "anyone")], discovery: 200, metric: 200),
        Case(.proxy, [], discovery: 401, metric: 401),
        Case(.proxy, [("X-Remote-User", "")], discovery: 401, metric: 401),
        Case(.proxy, [("X-Remote-Group", "system:masters")], discovery: 401, metric: 401),
        Case(.proxy, [("Authorization", "Bearer viewer-token")], discovery: 200, metric: 403),
        Case(.stranger, remote, discovery: 401, metric: 401),
        Case(.stranger, remote + [("Authorization", "Bearer hpa-token")], discovery: 200, metric: 200),
    ]

    @Test("certificate and credentials decide, over both protocols", arguments: Wire.allCases)
    func matrix(_ wire: Wire) async throws {
        try await Stage.run(cluster: Self.cluster()) { (stage) async throws in
            for one in Self.matrix {
                let identity = one.certificate == .none ? nil : one.certificate == .proxy ? stage.proxy : stage.stranger
                let connection = try await stage.open(identity, wire)
                let discovery = try await connection.send(.GET, Self.discovery, one.headers)
                let metric = try await connection.send(.GET, Self.metric, one.headers)
                await connection.close()
                #expect(
                    [discovery.status, metric.status] == [one.discovery, one.metric],
                    "\(one.testDescription): \(discovery.body) \(metric.body)")
                for refusal in [discovery, metric] where refusal.status != 200 { #expect(Seen(refusal.body)["kind"].text == "Status") }
            }
        }
    }

    @Test("a certificate nobody here vouches for is refused in the handshake", arguments: Wire.allCases)
    func foreign(_ wire: Wire) async throws {
        try await Stage.run { (stage) async throws in
            await #expect(throws: (any Error).self) { try await stage.get(Self.discovery, as: stage.foreigner, Self.remote, over: wire) }
            let serverOnly = try await stage.requestHeader.issue("server-only", subject: "/CN=\(Stage.proxyName)", usage: "serverAuth")
            await #expect(throws: (any Error).self) { try await stage.get(Self.discovery, as: serverOnly, Self.remote, over: wire) }
            #expect(try await stage.proxied(Self.discovery).status == 200)
        }
    }

    @Test("without names of proxies every certificate of the CA may speak for others")
    func anyName() async throws {
        try await Stage.run(edit: { $0.frontProxy = FrontProxy() }) { (stage) async throws in
            #expect(try await stage.get(Self.metric, as: stage.stranger, Self.remote).status == 200)
        }
    }

    @Test("strangers may discover, and only that, where it is configured")
    func anonymous() async throws {
        try await Stage.run(edit: { $0.allowsAnonymousDiscovery = true }) { (stage) async throws in
            #expect(try await stage.get(Self.discovery).status == 200)
            #expect(try await stage.get("/apis").status == 200)
            #expect(try await stage.get("/nowhere").status == 404)
            #expect(try await stage.get(Self.metric).status == 401)
        }
    }

    @Test("the cluster is asked for what Kubernetes would ask, once for as long as the answer is remembered")
    func remembered() async throws {
        let (cluster, clock) = (Self.cluster(), ManualClock())
        let hpa = [("Authorization", "Bearer hpa-token")]
        try await Stage.run(cluster: cluster, clock: clock) { (stage) async throws in
            for _ in 0..<5 { #expect(try await stage.get(Self.metric, as: nil, hpa).status == 200) }
            #expect(cluster.tokenReviews == 1)
            #expect(
                cluster.actions == [
                    ResourceAttributes(
                        group: "external.metrics.k8s.io", version: "v1beta1", resource: "greenroom_queue_depth", namespace: "default",
                        verb: "list")
                ])

            cluster.edit { $0.allowed = [:] }
            #expect(try await stage.get(Self.metric, as: nil, hpa).status == 200)
            clock.advance(milliseconds: 10_000)
            let refusal = try await stage.get(Self.metric, as: nil, hpa)
            #expect(refusal.status == 403)
            #expect(
                Seen(refusal.body)["message"].text?.contains(
                    "User \"hpa\" cannot list resource \"greenroom_queue_depth\" in API group \"external.metrics.k8s.io\" in the namespace \"default\": no role says so"
                ) == true)

            cluster.edit { $0.allowed = ["hpa": ["list default/greenroom_queue_depth"]] }
            #expect(try await stage.get(Self.metric, as: nil, hpa).status == 403)
            clock.advance(milliseconds: 2_000)
            #expect(try await stage.get(Self.metric, as: nil, hpa).status == 200)
        }
    }

    @Test("a cluster that can't be asked is said, and asked again")
    func unavailable() async throws {
        let cluster = Self.cluster()
        cluster.edit { $0.fault = AccessReviewFault(problem: "the API server does not answer") }
        try await Stage.run(cluster: cluster) { (stage) async throws in
            let response = try await stage.get(Self.metric, as: nil, [("Authorization", "Bearer hpa-token")])
            #expect(response.status == 503)
            #expect(response.headers.first(name: "retry-after") == "1")
            #expect(Seen(response.body)["message"].text == "access could not be reviewed: the API server does not answer")
            cluster.edit { $0.fault = nil }
            #expect(try await stage.get(Self.metric, as: nil, [("Authorization", "Bearer hpa-token")]).status == 200)
        }
    }

    @Test("a server that can't ask believes no token")
    func noReviewer() async throws {
        try await Stage.run { (stage) async throws in
            #expect(try await stage.get(Self.metric, as: nil, [("Authorization", "Bearer hpa-token")]).status == 401)
        }
    }

    @Test("who a proxy speaks for is read from all its headers")
    func user() {
        let user = FrontProxy().user(
            HTTPFields([
                ("X-Remote-User", "admin"), ("X-Remote-Uid", "7"), ("x-remote-group", "a"), ("X-Remote-Group", "b"),
                ("X-Remote-Extra-Scopes", "read"), ("x-remote-extra-scopes", "write"),
                ("X-Remote-Extra-example.com%2Fteam", "t"),
            ]))
        #expect(
            user
                == UserInfo(name: "admin", uid: "7", groups: ["a", "b"], extra: ["scopes": ["read", "write"], "example.com/team": ["t"]]))
        #expect(FrontProxy().user(HTTPFields([("X-Remote-Group", "a")])) == nil)
    }
}
