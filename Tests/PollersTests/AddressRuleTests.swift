import Testing

@testable import Pollers

@Suite struct AddressRuleTests {
    @Test(
        "what stands behind an address, or nil where it may be asked",
        arguments: [
            ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
            ("0.0.0.0", "machine itself"), ("0.1.2.3", "machine itself"), ("::", "machine itself"),
            ("169.254.169.254", "link-local"), ("169.254.0.1", "link-local"), ("::ffff:169.254.169.254", "link-local"),
            ("fe80::1", "link-local"), ("febf::1", "link-local"),
            ("64:ff9b::a9fe:a9fe", "link-local"), ("2002:7f00:1::", "loopback"), ("::127.0.0.1", "loopback"), ("fd00:ec2::254", "metadata"),
            ("100.100.100.200", "metadata"), ("168.63.129.16", "metadata"),
            ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("255.255.255.255", "broadcast"),
            ("10.0.0.1", nil), ("192.168.1.1", nil), ("172.16.0.1", nil), ("fec0::1", nil), ("fd00::1", nil), ("2001:db8::1", nil),
            ("64:ff9b::808:808", nil), ("128.0.0.1", nil), ("169.253.255.255", nil), ("1.0.0.0", nil),
        ] as [(String, String?)])
    func classes(_ text: String, _ words: String?) throws {
        let refusal = AddressRule().refusal(of: try #require(IPAddress(text)))
        if let words { #expect(refusal?.contains(words) == true, "\(String(describing: refusal))") } else { #expect(refusal == nil) }
    }

    @Test func whatIsAllowedIsAllowedAndNoMore() throws {
        let rule = AddressRule(allowed: try ["169.254.20.0/24", "::1", "127.0.0.2"].map { try #require(AddressPrefix($0)) })
        let asked = ["169.254.20.10", "169.254.21.10", "::1", "127.0.0.2", "127.0.0.1", "::ffff:127.0.0.2"].map {
            IPAddress($0).map { rule.refusal(of: $0) == nil }
        }
        #expect(asked == [true, false, true, true, false, true])
    }

    @Test(arguments: ["127.0.0.1/33", "x", "", "/8", "1.2.3/8", "::1/129", "127.0.0.1/-1", "127.0.0.1/", "0x7f.1"])
    func noPrefixes(_ text: String) { #expect(AddressPrefix(text) == nil) }

    /// Told without asking anybody.
    @Test(
        "URLs that lead there however they are written",
        arguments: [
            ("http://127.0.0.1:9090", true), ("http://localhost/x", true), ("https://LocalHost.:1", true), ("http://a.localhost", true),
            ("http://2130706433", true), ("http://0x7f.1", true), ("http://017700000001", true),
            ("http://127.1", true), ("http://[::1]:80", true), ("http://[::ffff:a9fe:a9fe]", true), ("http://169.254.169.254/latest", true),
            ("http://2852039166", true), ("http://metadata.google.internal", true), ("http://0/", true),
            ("http://prometheus.monitoring:9090", false), ("http://10.0.0.1", false), ("http://localhost.example", false),
            ("http://[2001:db8::1]", false),
        ])
    func urls(_ url: String, _ isRefused: Bool) { #expect((AddressRule().refusal(ofURL: url) != nil) == isRefused) }

    @Test(
        "the parts of an address, or none",
        arguments: [
            ("http://p", "http://p"), ("http://P:9090/a/b/", "http://p:9090/a/b"), ("https://[::1]:1/", "https://[::1]:1"),
            ("http://a_b-c.d.", "http://a_b-c.d."),
            ("http://p:0", nil), ("http://p:65536", nil), ("http://p:", nil), ("http://", nil), ("ftp://p", nil), ("http://a%2eb", nil),
            ("http://[fe80::1%25eth0]", nil), ("http://[x]", nil), ("http://p:1x", nil), ("http://\u{FF11}", nil),
        ] as [(String, String?)])
    func parts(_ text: String, _ written: String?) { #expect(PollURL(text)?.text == written) }
}
