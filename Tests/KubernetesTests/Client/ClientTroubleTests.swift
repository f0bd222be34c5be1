import Foundation
import Kubernetes
import KubernetesTwin
import Machine
import TestSupport
import Testing

@testable import Kubernetes

// What does a client do when the server is slow, busy, rude or somebody else?

@Suite struct ClientTroubleTests {
    private func withTwin(_ configuration: KubernetesTwin.Configuration = .init(), _ body: (KubernetesTwin) async throws -> Void)
        async throws
    {
        let twin = try await KubernetesTwin.start(configuration)
        do { try await body(twin) } catch {
            await twin.stop()
            throw error
        }
        await twin.stop()
    }

    private func failure(_ client: KubernetesClient) async -> KubernetesError? {
        do throws(KubernetesError) {
            _ = try await client.list(.leases, namespace: "default")
            return nil
        } catch { return error }
    }

    @Test("429 with Retry-After is waited for and tried again; without, it is the caller's")
    func retryAfter() async throws {
        try await withTwin { twin in
            let clock = ManualClock()
            let client = try twin.client(clock: clock.clock)
            twin.inject(
                TwinFault(.respond(status: 429, retryAfterSeconds: 7, body: "Too many requests, please try again later."), times: 2))
            let listing = Task { await failure(client) }
            for attempt in 1...2 {
                try await eventually("attempt \(attempt) waits") { twin.requests.count == attempt && clock.waits == [.seconds(7)] }
                clock.advance(.seconds(7))
            }
            #expect(await listing.value == nil)
            #expect(twin.requests.count == 3)

            twin.inject(TwinFault(.respond(status: 429, body: "Too many requests")))
            let busy = await failure(client)
            #expect(busy?.status?.code == 429 && busy?.status?.message == "Too many requests" && busy?.isTransient == true)
            await client.close()
        }
    }

    @Test("a server that keeps saying Retry-After is given up after some attempts; a long one isn't waited for")
    func retriesEnd() async throws {
        try await withTwin { twin in
            let client = try twin.client(clock: MonotonicClock(now: { .zero }, sleep: { _ in }))
            twin.inject(TwinFault(.respond(status: 503, retryAfterSeconds: 1), times: nil))
            #expect(await failure(client)?.status?.code == 503)
            #expect(twin.requests.count == 4)
            twin.heal()
            twin.inject(TwinFault(.respond(status: 503, retryAfterSeconds: 3_600), times: nil))
            #expect(await failure(client)?.status?.retryAfterSeconds == 3_600)
            #expect(twin.requests.count == 5)
            await client.close()
        }
    }

    @Test("a cut connection, a silent server and a wrong answer are told apart")
    func cuts() async throws {
        try await withTwin { twin in
            var limits = KubernetesClientLimits.quick
            limits.readTimeout = .milliseconds(300)
            limits.responseBytes = 5_000
            let client = try twin.client(limits: limits)
            for action in [TwinFault.Action.cut, .hang] {
                twin.inject(TwinFault(action))
                guard case .unreachable = await failure(client)?.problem else { return #expect(Bool(false), "\(action)") }
            }
            twin.inject(TwinFault(.respond(status: 200, body: "<html>")))
            guard case .malformed = await failure(client)?.problem else { return #expect(Bool(false), "not malformed") }
            twin.inject(TwinFault(.respond(status: 200, body: String(repeating: " ", count: 6_000))))
            guard case .tooLarge = await failure(client)?.problem else { return #expect(Bool(false), "not too large") }
            twin.inject(TwinFault(.delay(milliseconds: 50)))
            #expect(await failure(client) == nil, "slow is fine")
            await client.close()
        }
    }

    @Test("a server of another authority isn't spoken to; nobody there is an error that names the address")
    func authorities() async throws {
        try await withTwin { twin in
            var access = twin.access()
            access.trust = .authorities(try TwinCertificates.strangers().authority)
            let client = try KubernetesClient(access, limits: .quick, logger: .silent)
            let stranger = await failure(client)
            guard case .unreachable(let why) = stranger?.problem else { return #expect(Bool(false), "\(String(describing: stranger))") }
            #expect(why.contains("the TLS handshake failed: check the authority that is trusted"))
            #expect(twin.requests.isEmpty, "no token went out")
            await client.close()

            access.trust = .insecure
            let careless = try KubernetesClient(access, limits: .quick, logger: .silent)
            #expect(await failure(careless) == nil)
            await careless.close()
        }
        let nobody = try KubernetesClient(ClusterAccess(server: "https://127.0.0.1:1", trust: .insecure), limits: .quick, logger: .silent)
        #expect(await failure(nobody)?.description.contains("127.0.0.1:1: the connection was refused") == true)
        await nobody.close()
    }

    @Test("a client certificate is shown to a server that asks for one")
    func clientCertificate() async throws {
        var configuration = KubernetesTwin.Configuration()
        configuration.requiresClientCertificate = true
        try await withTwin(configuration) { twin in
            let kubeconfig = """
                current-context: c
                contexts: [{name: c, context: {cluster: k, user: u}}]
                clusters: [{name: k, cluster: {server: '\(twin.server)', certificate-authority-data: \(Data(twin.certificates.authority).base64EncodedString())}}]
                users: [{name: u, user: {client-certificate-data: \(Data(twin.certificates.client).base64EncodedString()), client-key-data: \(Data(twin.certificates.clientKey).base64EncodedString())}}]
                """
            let client = try KubernetesClient(Kubeconfig.access(text: kubeconfig, file: "config"), limits: .quick, logger: .silent)
            #expect(await failure(client) == nil)
            await client.close()
            let without = try twin.client()
            guard case .unreachable = await failure(without)?.problem else { return #expect(Bool(false), "let in without a certificate") }
            await without.close()
        }
    }

    @Test("pages that ran out of time are begun anew once")
    func expiredPages() async throws {
        try await withTwin { twin in
            for k in 0..<5 { twin.seed(.leases, ["metadata": ["name": .string("l\(k)"), "namespace": "default"]]) }
            var limits = KubernetesClientLimits.quick
            limits.pageItems = 2
            let client = try twin.client(limits: limits)
            let gone = TwinFault.Action.respond(status: 410, body: #"{"kind":"Status","code":410,"reason":"Expired"}"#)
            twin.inject(TwinFault(gone) { $0.query["continue"] != nil })
            #expect(try await client.list(.leases, namespace: "default").items.count == 5)
            twin.inject(TwinFault(gone, times: nil) { $0.query["continue"] != nil })
            #expect(await failure(client)?.isExpired == true)
            await client.close()
        }
    }

    @Test("absurd texts of a server are clipped before they reach logs and events")
    func clipped() async throws {
        try await withTwin { twin in
            let client = try twin.client()
            let text = String(repeating: "x", count: 100_000)
            for body in [#"{"kind":"Status","code":500,"message":"\#(text)","reason":"\#(text)"}"#, text] {
                twin.inject(TwinFault(.respond(status: 500, body: body)))
                #expect(await failure(client).map { "\($0)".count < 3_000 } == true)
            }
            await client.close()
        }
    }

    @Test("names can't leave their place in a path")
    func paths() {
        #expect(
            KubernetesResource.pods.path(namespace: "a/../b", name: "x?watch=1#") == "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fwatch%3D1%23")
        #expect(KubernetesResource.nodes.path(namespace: "ignored", name: "n") == "/api/v1/nodes/n")
        #expect(KubernetesResource.leases.path(namespace: nil) == "/apis/coordination.k8s.io/v1/leases")
    }

    @Test("who may not write asks and watches all the same, and sends no change")
    func mayNotWrite() async throws {
        try await withTwin { twin in
            let client = try KubernetesClient(twin.access(), limits: .quick, logger: .silent, mayWrite: { false })
            #expect(await failure(client) == nil)
            await #expect(
                throws: KubernetesError(
                    "POST /apis/coordination.k8s.io/v1/namespaces/default/leases", .unreachable("not sent: this instance no longer leads"))
            ) {
                try await client.create(
                    .leases, namespace: "default", ["apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": "l"]])
            }
            #expect(twin.requests.map(\.method) == ["GET"])
            await client.close()
        }
    }
}
