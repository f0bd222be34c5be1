import Testing

@testable import Assembly
@testable import Output

@Suite struct ExternalMetricsSectionTests {
    private func configuration(_ section: String, _ more: String = "") throws -> ServiceConfiguration {
        try ServiceConfiguration(yaml: "externalMetrics: \(section)\n\(more)", file: "/etc/greenroom/config.yaml")
    }

    @Test func `every field is read, paths beside the file`() throws {
        let read = try configuration(
            "{listen: '0.0.0.0:6443', tls: {certificate: c.pem, key: /k.pem}, frontProxy: {clientCA: ca.pem, allowedNames: [a, b]}, anonymousDiscovery: true, eventLoops: 2, limits: {connections: 5, drainSeconds: 0.5}}"
        ).externalMetrics
        #expect(read?.host == "0.0.0.0")
        #expect(read?.port == 6_443)
        #expect(
            read?.tls == .init(certificateFile: "/etc/greenroom/c.pem", keyFile: "/k.pem", clientAuthorityFile: "/etc/greenroom/ca.pem"))
        #expect(read?.frontProxy?.allowedNames == ["a", "b"])
        #expect(read?.allowsAnonymousDiscovery == true)
        #expect(read?.eventLoops == 2)
        #expect(read?.limits.connections == 5)
        #expect(read?.limits.drainSeconds == 0.5)
    }

    @Test func `no section, no port; on a cluster the front proxy is the cluster's to say`() throws {
        #expect(try ServiceConfiguration(yaml: "database: a.db", file: "/etc/greenroom/config.yaml").externalMetrics == nil)
        #expect(
            try configuration("{listen: '0.0.0.0:6443', tls: {certificate: c, key: k}}", "kubernetes: {}").externalMetrics?.frontProxy
                == nil)
    }

    @Test(arguments: [
        ("{tls: {certificate: c, key: k}}", "externalMetrics.listen is missing"),
        ("{listen: '1.2.3.4:1'}", "externalMetrics.tls is missing"),
        ("{listen: '1.2.3.4:1', tls: {certificate: c}}", "externalMetrics.tls.key is missing"),
        ("{listen: '1.2.3.4:1', tls: {certificate: c, key: k}}", "externalMetrics: no client could have access"),
        (
            "{listen: '1.2.3.4:1', tls: {certificate: c, key: k}, frontProxy: {clientCA: ca}}",
            "externalMetrics.frontProxy.allowedNames is missing"
        ),
        (
            "{listen: '1.2.3.4:1', tls: {certificate: c, key: k}, frontproxy: {}}",
            "externalMetrics.frontproxy is no field of the configuration; did you mean frontProxy?"
        ),
        (
            "{listen: '1.2.3.4:1', tls: {certificate: c, key: k}, limits: {connections: 0}}",
            "externalMetrics.limits.connections must be more than 0"
        ),
    ])
    func `what is wrong is named with its place`(_ section: String, _ problem: String) {
        #expect { _ = try configuration(section) } throws: { ($0 as? Fault)?.what.contains(problem) == true }
    }
}
