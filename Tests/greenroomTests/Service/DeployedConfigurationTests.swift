import Foundation
import Testing

@testable import Assembly

@Suite struct DeployedConfigurationTests {
    /// The one that deploy/ gives the service in a cluster: read as the service reads it.
    @Test func theClustersConfigurationIsRead() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let configuration = try ServiceConfiguration(file: root.appendingPathComponent("deploy/base/greenroom.yaml").path)
        #expect(configuration.server.cleartext.map { "\($0)" } == "127.0.0.1:8080")
        #expect(configuration.server.tls.map { "\($0.address)" } == "0.0.0.0:8443")
        #expect(configuration.server.tokensFile == "/etc/greenroom/tokens/tokens")
        #expect(configuration.kubernetes != nil)
        #expect(configuration.externalMetrics?.host == "0.0.0.0")
        #expect(configuration.externalMetrics?.port == 6_443)
        #expect(configuration.externalMetrics?.frontProxy == nil)
        #expect(configuration.keda?.address.description == "0.0.0.0:9443")
        #expect(configuration.database == "/var/lib/greenroom/greenroom.db")
    }

    /// The image's own: what the port that the Dockerfile exposes is bound by, from anywhere and with tokens alone.
    @Test func theImagesConfigurationIsReached() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let configuration = try ServiceConfiguration(file: root.appendingPathComponent("deploy/image/greenroom.yaml").path)
        let address = try #require(configuration.server.cleartext)
        #expect(
            address.host == "0.0.0.0" && configuration.server.tokensFile != nil
                && configuration.database == "/var/lib/greenroom/greenroom.db")
        try configuration.server.validate()
        let image = try String(contentsOf: root.appendingPathComponent("Dockerfile"), encoding: .utf8).split(separator: "\n")
        #expect(image.filter { $0.hasPrefix("EXPOSE") } == ["EXPOSE \(address.port)"])
        #expect(image.contains("COPY deploy/image/greenroom.yaml /etc/greenroom/greenroom.yaml"))
        #expect(image.contains { $0.hasPrefix("CMD") && $0.contains("\"--config\", \"/etc/greenroom/greenroom.yaml\"") })
    }

    /// The one with the gateway before agent-substrate.
    @Test func theGatewaysConfigurationIsRead() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let configuration = try ServiceConfiguration(file: root.appendingPathComponent("deploy/substrate/greenroom.yaml").path)
        let gateway = try #require(configuration.gateway)
        try gateway.validate()
        #expect(gateway.port == 10_443 && gateway.upstream.address == "api.ate-system.svc:443")
        #expect(gateway.upstream.tokenFile == "/etc/greenroom/ateapi/token" && gateway.parkSeconds == 30 && gateway.heals)
    }

    @Test func twoInstancesElectOne() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let configuration = try ServiceConfiguration(file: root.appendingPathComponent("deploy/standby/greenroom.yaml").path)
        let election = try #require(configuration.kubernetes?.election)
        #expect(election.lease == "greenroom" && election.namespace == "greenroom" && election.timing == .standard)
    }
}
