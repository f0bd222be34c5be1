import JetStreamLog
import Testing

@testable import Assembly
@testable import Output

/// What `log.jetstream` takes, and in which words it refuses the rest.
@Suite struct LogSectionTests {
    private func configuration(_ fields: String) throws -> JetStreamLogConfiguration {
        let whole = try ServiceConfiguration(yaml: "log: {jetstream: {servers: [nats://a:4222], \(fields)}}", file: "/etc/greenroom/c.yaml")
        return try #require(whole.jetstream)
    }

    @Test func `without fields it has its defaults`() throws {
        let log = try configuration("")
        #expect(log.settings.stream == "greenroom" && log.settings.replicas == 3 && log.leaseSeconds == 15)
        #expect(log.settings.access == .open && !log.settings.tls.isRequired)
        #expect(log.snapshots.everyEvents == 1_000_000 && log.snapshots.keep == 3)
        #expect(try ServiceConfiguration(yaml: "listen: none", file: "c.yaml").jetstream == nil)
    }

    @Test func `paths are relative to the file`() throws {
        #expect(try configuration("user: u, passwordFile: p").settings.access == .password(user: "u", file: "/etc/greenroom/p"))
        #expect(try configuration("tokenFile: /t").settings.access == .token(file: "/t"))
        #expect(try configuration("nkeyFile: n").settings.access == .credentials(file: "/etc/greenroom/n"))
    }

    @Test(arguments: [
        ("replicas: 2", "replicas must be 1, 3 or 5"), ("leaseSeconds: 0.5", "leaseSeconds must be 1 to 300 seconds"),
        ("stream: a.b", "stream may have letters, digits, - and _"), ("stream: ''", "stream must have 1 to 64 characters"),
        ("user: u", "user and passwordFile belong together"), ("tokenFile: t, nkeyFile: n", "is one of several credentials here"),
        ("tls: {certificate: c}", "tls.certificate and tls.key belong together"), ("snapshots: {keep: 0}", "keep must be 1 to 100"),
        ("instance: 'a b'", "instance must have 1 to 128 characters, without blanks"), ("replica: 3", "did you mean replicas"),
    ])
    func refused(_ fields: String, _ words: String) {
        let fault = #expect(throws: Fault.self) { try configuration(fields) }
        #expect(fault?.line.contains(words) == true, "\(fault?.line ?? "")")
    }

    @Test func `servers must be there, and be servers`() {
        for (text, words) in [
            ("log: {jetstream: {}}", "servers must name 1 to 32 NATS servers"),
            ("log: {jetstream: {servers: [http://a]}}", "it must begin with nats:// or tls://"),
            (
                "log: {jetstream: {servers: [a]}}\nkubernetes: {election: {lease: l}}",
                "kubernetes.election isn't needed beside log.jetstream"
            ),
        ] {
            let fault = #expect(throws: Fault.self) { try ServiceConfiguration(yaml: text, file: "c.yaml") }
            #expect(fault?.line.contains(words) == true, "\(fault?.line ?? "")")
        }
    }
}
