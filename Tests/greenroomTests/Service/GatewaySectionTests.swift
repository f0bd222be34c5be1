import Testing

@testable import Assembly
@testable import Output

@Suite("The section `gateway` of the configuration")
struct GatewaySectionTests {
    private func fault(_ yaml: String) -> String? {
        do { _ = try ServiceConfiguration(yaml: yaml, file: "/etc/greenroom/greenroom.yaml") } catch { return "\(error)" }
        return nil
    }

    @Test func everyFieldIsRead() throws {
        let configuration = try ServiceConfiguration(
            yaml: """
                gateway:
                  listen: '[::1]:10443'
                  tls: {bundle: bundle.pem, clientCA: clients.pem}
                  upstream: {address: 'api.ate-system.svc:443', ca: ca.pem, serverName: api, bundle: own.pem, tokenFile: token, insecureSkipVerify: true}
                  parkSeconds: 12.5
                  maxParked: 7
                  heal: false
                  reconcileSeconds: 90
                  pools: {demo/counter: demo/pool-a}
                  defaultPool: demo/pool-b
                  limits: {connections: 1, callsPerConnection: 2, calls: 3, handshakeSeconds: 4, keepaliveSeconds: 5, drainSeconds: 6}
                """, file: "/etc/greenroom/greenroom.yaml")
        let gateway = try #require(configuration.gateway)
        #expect(gateway.host == "::1" && gateway.port == 10_443)
        #expect(gateway.tls?.certificateFile == "/etc/greenroom/bundle.pem" && gateway.tls?.keyFile == "/etc/greenroom/bundle.pem")
        #expect(gateway.tls?.clientAuthorityFile == "/etc/greenroom/clients.pem")
        let upstream = gateway.upstream
        #expect(upstream.address == "api.ate-system.svc:443" && upstream.caFile == "/etc/greenroom/ca.pem" && upstream.serverName == "api")
        #expect(upstream.bundleFile == "/etc/greenroom/own.pem" && upstream.tokenFile == "/etc/greenroom/token" && !upstream.isVerified)
        #expect(gateway.parkSeconds == 12.5 && gateway.maxParked == 7 && !gateway.heals && gateway.reconcileSeconds == 90)
        #expect(gateway.pools == ["demo/counter": "demo/pool-a"] && gateway.defaultPool == "demo/pool-b")
        #expect(gateway.limits.connections == 1 && gateway.limits.calls == 3 && gateway.limits.drainSeconds == 6)
    }

    @Test func whatIsMissingOrUnknownIsNamed() {
        #expect(fault("gateway: {listen: '127.0.0.1:1'}")?.contains("gateway.upstream is missing") == true)
        #expect(fault("gateway: {upstream: {address: 'a:1'}}")?.contains("gateway.listen is missing") == true)
        #expect(fault("gateway: {listen: '127.0.0.1:1', upstream: {adress: 'a:1'}}")?.contains("address") == true)
        #expect(fault("gateway: {listen: '127.0.0.1:1', upstream: {address: 'a:1'}, parkSecond: 3}")?.contains("parkSeconds") == true)
    }
}
