import Testing

@testable import ServiceClient

@Suite("A server's address")
struct BaseURLTests {
    @Test(arguments: [
        ("http://127.0.0.1:8080", BaseURL(host: "127.0.0.1", port: 8080)), ("http://greenroom", BaseURL(host: "greenroom", port: 80)),
        ("https://greenroom/", BaseURL(isSecure: true, host: "greenroom", port: 443)),
        ("https://greenroom:8443/a/b/", BaseURL(isSecure: true, host: "greenroom", port: 8443, prefix: "/a/b")),
        ("http://[::1]:8080", BaseURL(host: "::1", port: 8080)), ("http://[::1]", BaseURL(host: "::1", port: 80)),
    ])
    func isReadAsItStands(_ text: String, _ url: BaseURL) throws {
        #expect(try BaseURL(text) == url)
    }

    @Test(arguments: [
        "", "greenroom:8080", "ftp://greenroom", "http://", "http://:80", "http://a:b", "http://a:0", "http://a:70000", "http://a b",
        "http://user@a",
        "http://a?x", "http://[::1", "http://a:1:2",
    ])
    func isRefusedWithWhatIsWrong(_ text: String) {
        let fault = #expect(throws: BaseURL.Fault.self) { try BaseURL(text) }
        #expect(fault?.problem.isEmpty == false)
    }

    @Test func isWrittenBackTheSame() throws {
        for text in ["http://127.0.0.1:8080", "https://[::1]:8443/a"] { #expect(try BaseURL(text).description == text) }
    }
}
