import HTTPTransport
import HTTPTypes
import Machine
import Testing

@testable import ExternalMetrics

// What is answered once access is granted: read in memory, without a socket.

@Suite struct ResponsesTests {
    private let api = MetricsAPI(
        access: AccessControl(
            frontProxy: FrontProxy(), reviewer: nil, allowsAnonymousDiscovery: false, uptimeMicroseconds: MeasuringClock.microseconds),
        source: FixedSource(Sample.snapshot))

    private func query(_ path: String, method: HTTPRequest.Method = .get, _ headers: [(String, String)] = []) throws -> Response {
        let head = HTTPRequest(method: method, path, [("X-Remote-User", "admin")] + headers)
        guard case .now(let response) = api.respond(to: head, fromProxy: true) else { throw PeerConnection.Lost() }
        return response
    }

    private func seen(_ response: Response) -> Seen { Seen(response.text) }

    private static let values = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default"

    @Test(
        "a refusal is a Status that says what to do",
        arguments: [
            (
                "\(values)/nope", 404, "NotFound",
                "external.metrics.k8s.io \"nope\" not found: namespace \"default\" has greenroom_arrivals_per_second, greenroom_demand, greenroom_desired_workers, "
                    + "greenroom_oldest_wait_seconds, greenroom_queue_depth, nats_consumer_pending_messages, odd/name"
            ),
            (
                "/apis/external.metrics.k8s.io/v1beta1/namespaces/empty/greenroom_queue_depth", 404, "NotFound",
                "no pool is in namespace \"empty\""
            ),
            (
                "/apis/external.metrics.k8s.io/v1beta1/namespaces/team-b/nats_consumer_pending_messages", 404, "NotFound",
                "namespace \"team-b\" has"
            ),
            ("/apis/custom.metrics.k8s.io/v1beta1", 404, "NotFound", "could not find the requested resource"),
            ("/", 404, "NotFound", "NAMESPACE/METRIC"),
            ("\(values)", 404, "NotFound", "NAMESPACE/METRIC"), ("\(values)/a/b", 404, "NotFound", "NAMESPACE/METRIC"),
            ("\(values)/%FF", 400, "BadRequest", "must be UTF-8"),
            (
                "\(values)/greenroom_demand?labelSelector=pool+in", 400, "BadRequest",
                "unable to parse the label selector \"pool in\": column 8: found end of selector, expected '('"
            ),
            ("\(values)/greenroom_demand?labelSelector=a&labelSelector=b", 400, "BadRequest", "given twice"),
            ("\(values)/greenroom_demand?labelSelector=%FF", 400, "BadRequest", "not UTF-8"),
            ("\(values)/greenroom_demand?watch=true", 405, "MethodNotAllowed", "can't be watched"),
            ("\(values)/greenroom_demand?fieldSelector=a%3Db", 400, "BadRequest", "use labelSelector"),
        ])
    func refusals(_ path: String, _ code: Int, _ reason: String, _ message: String) throws {
        let response = try query(path)
        let status = seen(response)
        #expect(Int(response.status.code) == code)
        #expect(status["kind"].text == "Status")
        #expect(status["apiVersion"].text == "v1")
        #expect(status["status"].text == "Failure")
        #expect(status["code"].number == code)
        #expect(status["reason"].text == reason)
        #expect(status["message"].text?.contains(message) == true, "\(status["message"].text ?? "")")
    }

    @Test("only what reads is allowed", arguments: [HTTPRequest.Method.post, .put, .delete, .patch, .options])
    func methods(_ method: HTTPRequest.Method) throws {
        let response = try query("\(Self.values)/greenroom_demand", method: method)
        #expect(response.status == .methodNotAllowed)
        #expect(response.fields[.allow] == "GET, HEAD")
    }

    @Test(
        "who takes no JSON is refused",
        arguments: ["/apis", "/apis/external.metrics.k8s.io/v1beta1", "/openapi/v2", "\(values)/greenroom_demand"])
    func notAcceptable(_ path: String) throws {
        let response = try query(path, [("Accept", "application/vnd.kubernetes.protobuf")])
        #expect(response.status == .notAcceptable)
        #expect(seen(response)["reason"].text == "NotAcceptable")
    }

    @Test("a selector that matches nothing is an empty list, as is a metric without a value")
    func empty() throws {
        for path in [
            "\(Self.values)/greenroom_demand?labelSelector=pool%3Dnone",
            "\(Self.values)/greenroom_demand?labelSelector=pool%3Dnone&limit=1",
        ] {
            let list = seen(try query(path))
            #expect(list["kind"].text == "ExternalMetricValueList")
            #expect(list["items"].list.isEmpty)
        }
    }

    /// Is fresh for one question alone.
    private final class AgeingSource: MetricSource {
        private let asked = Count()
        func latest() -> MetricSnapshot? { Sample.snapshot }
        func fresh() async -> MetricSnapshot { Sample.snapshot }

        func ready() -> MetricSnapshot? {
            asked.raise()
            return asked.value == 1 ? Sample.snapshot : nil
        }
    }

    @Test("a snapshot that grows old while a request is read still answers it")
    func ageing() throws {
        let api = MetricsAPI(access: api.access, source: AgeingSource())
        let head = HTTPRequest(method: .get, "\(Self.values)/greenroom_demand", [("X-Remote-User", "admin")])
        guard case .now(let response) = api.respond(to: head, fromProxy: true) else { throw PeerConnection.Lost() }
        #expect(response.status == .ok)
    }

    @Test("a name may need encoding, a rate says its window")
    func details() throws {
        #expect(seen(try query("\(Self.values)/odd%2Fname"))["items"][0]["value"].text == "1500m")
        #expect(seen(try query("\(Self.values)/greenroom_arrivals_per_second"))["items"][0]["window"].number == 60)
        #expect(
            seen(try query("\(Self.values)/greenroom_demand"))["items"][0].keys == ["metricName", "metricLabels", "timestamp", "value"])
    }

    @Test("discovery lists the metrics, those from outside too where their names can be resources")
    func discovery() throws {
        let names = PoolMetrics.names + ["nats_consumer_pending_messages"]
        let list = seen(try query("/apis/external.metrics.k8s.io/v1beta1/"))
        #expect(list["resources"].list.compactMap { $0["name"].text } == names)
        #expect(list["resources"][0].keys == ["name", "singularName", "namespaced", "kind", "verbs"])
        let groups = seen(try query("/apis"))
        #expect(groups["kind"].text == "APIGroupList")
        #expect(groups["groups"][0]["preferredVersion"]["groupVersion"].text == "external.metrics.k8s.io/v1beta1")
        #expect(seen(try query("/apis/external.metrics.k8s.io"))["kind"].text == "APIGroup")
        for version in ["v2", "v2beta1"] {
            let response = try query("/apis", [("Accept", MediaTypes.aggregatedType(version))])
            #expect(response.fields[.contentType] == MediaTypes.aggregatedType(version))
            #expect(seen(response)["apiVersion"].text == "apidiscovery.k8s.io/\(version)")
            #expect(seen(response)["items"][0]["versions"][0]["resources"].list.compactMap { $0["resource"].text } == names)
        }
    }

    @Test(
        "a document that is known already is not sent again",
        arguments: ["/apis", "/openapi/v2", "/openapi/v3", "/openapi/v3/apis/external.metrics.k8s.io/v1beta1?hash=x"])
    func notModified(_ path: String) throws {
        let tag = try #require(try query(path).fields[.eTag])
        for known in [tag, "\"x\", \(tag)", "W/\(tag)"] {
            let response = try query(path, [("If-None-Match", known)])
            #expect(response.status == .notModified)
            #expect(response.text.isEmpty)
        }
        #expect(try query(path, [("If-None-Match", "\"x\"")]).status == .ok)
    }

    @Test("OpenAPI documents are whole: JSON, every reference resolves, the index names the document's hash")
    func openAPI() throws {
        let v2 = try query("/openapi/v2")
        let v3 = try query("/openapi/v3/apis/external.metrics.k8s.io/v1beta1")
        #expect(references(v2) == Set(seen(v2)["definitions"].keys.map { "#/definitions/\($0)" }))
        #expect(references(v3) == Set(seen(v3)["components"]["schemas"].keys.map { "#/components/schemas/\($0)" }))
        #expect(seen(v2)["paths"].keys == seen(v3)["paths"].keys)
        let url = seen(try query("/openapi/v3"))["paths"]["apis/external.metrics.k8s.io/v1beta1"]["serverRelativeURL"].text
        #expect(url == "/openapi/v3/apis/external.metrics.k8s.io/v1beta1?hash=\(Response.hash(Array(v3.text.utf8)))")
    }

    private func references(_ response: Response) -> Set<String> {
        Set(response.text.matches(of: /"\$ref":"([^"]+)"/).map { String($0.output.1) })
    }
}

extension Response {
    fileprivate var text: String {
        guard case .bytes(let bytes) = body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
