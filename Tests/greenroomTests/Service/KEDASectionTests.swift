import Testing

@testable import Assembly
@testable import Output

@Suite struct KEDASectionTests {
    private func configuration(_ keda: String) throws -> ServiceConfiguration {
        try ServiceConfiguration(yaml: "keda: \(keda)", file: "/etc/greenroom/config.yaml")
    }

    @Test func `no section, no scaler; an empty one listens on loopback`() throws {
        #expect(try ServiceConfiguration(yaml: "database: a.db", file: "/etc/greenroom/config.yaml").keda == nil)
        #expect(try configuration("{}").keda?.address.description == "127.0.0.1:9090")
    }

    @Test func `every field is read, paths beside the file`() throws {
        let keda = try configuration(
            "{address: '0.0.0.0:7000', tls: {certificate: c.pem, key: /k.pem, clientCA: ca.pem}, plaintext: true, limits: {streams: 5, drainSeconds: 0.5}}"
        ).keda
        #expect(keda?.address.description == "0.0.0.0:7000")
        #expect(
            keda?.tls == .init(certificateFile: "/etc/greenroom/c.pem", keyFile: "/k.pem", clientAuthorityFile: "/etc/greenroom/ca.pem"))
        #expect(keda?.allowsPlaintextBeyondLoopback == true)
        #expect(keda?.limits.streams == 5)
        #expect(keda?.limits.drainSeconds == 0.5)
    }

    @Test(arguments: [
        ("{adress: '127.0.0.1:1'}", "keda.adress is no field of the configuration; did you mean address?"),
        ("{address: here}", "keda.address must be HOST:PORT"),
        ("{tls: {certificate: c.pem}}", "keda.tls.key is missing"),
        ("{limits: {stream: 1}}", "keda.limits.stream is no field of the configuration; did you mean streams?"),
    ])
    func `what is wrong is named with its place`(_ keda: String, _ problem: String) {
        #expect { _ = try configuration(keda) } throws: { ($0 as? Fault)?.what.contains(problem) == true }
    }
}
