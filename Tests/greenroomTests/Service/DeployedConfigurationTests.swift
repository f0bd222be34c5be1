import Foundation
import Testing

@testable import greenroom

@Suite struct DeployedConfigurationTests {
    /// The one that deploy/ gives the service in a cluster: read as the service reads it.
    @Test func theClustersConfigurationIsRead() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
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

    @Test func twoInstancesElectOne() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let configuration = try ServiceConfiguration(file: root.appendingPathComponent("deploy/standby/greenroom.yaml").path)
        let election = try #require(configuration.kubernetes?.election)
        #expect(election.lease == "greenroom" && election.namespace == "greenroom" && election.timing == .standard)
    }
}
