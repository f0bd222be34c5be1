import Foundation
import HTTPTestSupport
import HTTPTransport
import TestSupport
import Testing

@Suite("What could be read two ways is refused, on any port")
struct RuleTests {
    struct Row: Sendable, CustomStringConvertible {
        var name: String
        /// `PATH` stands for one that is answered to anybody.
        var request: String
        var status: Int
        var description: String { name }

        func request(to port: Port) -> String { request.replacing("PATH", with: port.small) }
        /// Kubernetes knows no reason for what isn't implemented.
        func status(on port: Port) -> Int { port == .externalMetrics && status == 501 ? 400 : status }
    }

    static let type = "content-type: application/json\r\n"
    static func post(_ fields: String, _ body: String) -> String { "GET PATH HTTP/1.1\r\n\(fields)\r\n\(body)" }

    static let rows = [
        Row(name: "no host", request: "GET PATH HTTP/1.1\r\n\r\n", status: 400),
        Row(name: "an empty host", request: "GET PATH HTTP/1.1\r\nhost:\r\n\r\n", status: 400),
        Row(name: "two hosts", request: "GET PATH HTTP/1.1\r\nhost: localhost\r\nHost: evil.example\r\n\r\n", status: 400),
        Row(name: "the same host twice", request: "GET PATH HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", status: 400),
        Row(name: "a list of hosts", request: "GET PATH HTTP/1.1\r\nhost: localhost, evil.example\r\n\r\n", status: 400),
        Row(name: "a host with a user", request: "GET PATH HTTP/1.1\r\nhost: me@localhost\r\n\r\n", status: 400),
        Row(name: "a host with a path", request: "GET PATH HTTP/1.1\r\nhost: localhost/x\r\n\r\n", status: 400),
        Row(name: "a host with a space", request: "GET PATH HTTP/1.1\r\nhost: local host\r\n\r\n", status: 400),
        Row(name: "a port that is none", request: "GET PATH HTTP/1.1\r\nhost: localhost:http\r\n\r\n", status: 400),
        Row(name: "a port too large", request: "GET PATH HTTP/1.1\r\nhost: localhost:65536\r\n\r\n", status: 400),
        Row(name: "an unclosed bracket", request: "GET PATH HTTP/1.1\r\nhost: [::1\r\n\r\n", status: 400),
        Row(name: "HTTP/1.0 needs no host", request: "GET PATH HTTP/1.0\r\n\r\n", status: 200),
        Row(name: "a host in brackets", request: "GET PATH HTTP/1.1\r\nhost: [::1]:8080\r\nconnection: close\r\n\r\n", status: 200),
        Row(
            name: "a host with a dot at its end", request: "GET PATH HTTP/1.1\r\nHOST: LocalHost.\r\nconnection: close\r\n\r\n", status: 200
        ),
        Row(
            name: "an unknown coding", request: post("host: localhost\r\n\(type)transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            status: 501),
        Row(
            name: "an unknown coding by itself", request: post("host: localhost\r\n\(type)transfer-encoding: identity\r\n", ""), status: 501
        ),
        Row(
            name: "chunked twice", request: post("host: localhost\r\n\(type)transfer-encoding: chunked, chunked\r\n", "0\r\n\r\n"),
            status: 400),
        Row(
            name: "two fields of codings",
            request: post("host: localhost\r\n\(type)transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
            status: 400),
        Row(
            name: "a length and chunks",
            request: post("host: localhost\r\n\(type)content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"), status: 400),
        Row(
            name: "two lengths", request: post("host: localhost\r\n\(type)content-length: 5\r\ncontent-length: 6\r\n", "hello!"),
            status: 400),
        Row(
            name: "the same length twice", request: post("host: localhost\r\n\(type)content-length: 5\r\ncontent-length: 5\r\n", "hello"),
            status: 400),
        Row(name: "a length that is none", request: post("host: localhost\r\n\(type)content-length: +5\r\n", "hello"), status: 400),
        Row(name: "a negative length", request: post("host: localhost\r\n\(type)content-length: -5\r\n", "hello"), status: 400),
        Row(
            name: "two types", request: post("host: localhost\r\n\(type)content-type: text/plain\r\ncontent-length: 2\r\n", "{}"),
            status: 400),
        Row(
            name: "two credentials",
            request: "GET PATH HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n", status: 400),
        Row(
            name: "two origins",
            request: "GET PATH HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\norigin: http://localhost\r\n\r\n", status: 400),
        Row(name: "a target of another host", request: "GET http://evil.examplePATH HTTP/1.1\r\nhost: localhost\r\n\r\n", status: 400),
        Row(name: "a target with a user", request: "GET http://me@localhostPATH HTTP/1.1\r\nhost: localhost\r\n\r\n", status: 400),
        Row(
            name: "a target of the same host", request: "GET http://LOCALHOSTPATH HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            status: 200),
        Row(
            name: "a bad chunk", request: post("host: localhost\r\n\(type)transfer-encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n"),
            status: 400),
        Row(
            name: "a chunk longer than it says",
            request: post("host: localhost\r\n\(type)transfer-encoding: chunked\r\n", "2\r\nhello\r\n0\r\n\r\n"), status: 400),
        Row(name: "another version", request: "GET PATH HTTP/2.0\r\nhost: localhost\r\n\r\n", status: 400),
        Row(name: "a field without a name", request: "GET PATH HTTP/1.1\r\nhost: localhost\r\n: x\r\n\r\n", status: 400),
        Row(name: "a space before the colon", request: "GET PATH HTTP/1.1\r\nhost : localhost\r\n\r\n", status: 400),
    ]

    @Test(arguments: Port.allCases, rows)
    func overHTTP1EachHasOneAnswer(_ port: Port, _ row: Row) async throws {
        try await port.run {
            $0.lingerSeconds = 0.1
        } _: { running in
            // In the clear the client says that it has said all; over TLS the server has to end it.
            let received =
                try await port.isSecure ? running.http1.raw(row.request(to: port)) : running.http1.finishing(row.request(to: port))
            let answers = received.lowercased().components(separatedBy: "\r\ncontent-length: ").count - 1
            #expect(received.dropFirst("HTTP/1.1 ".count).prefix(3) == "\(row.status(on: port))", "\(received)")
            #expect(answers == 1, "\(received)")
            if row.status >= 400 { #expect(received.lowercased().contains("connection: close"), "\(received)") }
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.allCases)
    func overHTTP2TheAuthorityIsAskedForAndAgreesWithTheHost(_ port: Port) async throws {
        let rows: [(authority: String?, fields: [(String, String)], status: Int)] = [
            (nil, [], 400), ("localhost", [("host", "localhost")], 200), ("localhost", [("host", "evil.example")], 400),
            (nil, [("host", "localhost")], 200),
            (nil, [("host", "localhost"), ("host", "evil.example")], 400), ("me@localhost", [], 400),
            ("localhost", [("authorization", "Bearer a"), ("authorization", "Bearer b")], 400),
            ("localhost", [("content-type", "a/b"), ("content-type", "c/d")], 400),
        ]
        try await port.run { running in
            for row in rows {
                let client = try await running.frames()
                try await client.send(try FrameClient.request(1, port.small, row.fields, authority: row.authority))
                try await eventually("an answer to \(row)") {
                    client.frames.contains { $0.status != nil || $0.type == FrameClient.reset } || client.isClosed
                }
                #expect(client.frames.compactMap(\.status) == [row.status], "\(row): \(client.frames)")
                await client.close()
            }
        }
    }

    @Test(arguments: Port.allCases)
    func anUpgradeIsAnsweredAndIsTheConnectionsLast(_ port: Port) async throws {
        try await port.run { running in
            let received = try await running.http1.raw(
                "GET \(port.small) HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n"
            )
            #expect(received.hasPrefix("HTTP/1.1 200 "))
            #expect(received.lowercased().contains("connection: close"))
        }
    }

    @Test(
        arguments: [
            ("localhost", "localhost", nil), ("LOCALHOST:80", "localhost", 80), ("[::1]:8443", "::1", 8_443),
            ("127.0.0.1", "127.0.0.1", nil), ("a.b.", "a.b", nil),
            ("a:", "a", nil),
        ] as [(String, String, Int?)])
    func anAuthorityIsAHostAndPerhapsAPort(_ text: String, _ host: String, _ port: Int?) {
        let authority = Authority(text)
        #expect(authority?.host == host && authority?.port == port)
    }

    @Test(arguments: [
        "", ".", ":80", "a b", "a,b", "a/b", "a@b", "a:b", "a:99999", "[", "[]", "[::1", "[::1]x", "[x]", "a:1:2", "é.example", "a?b",
        "a#b",
    ])
    func whatIsNoneIsNone(_ text: String) { #expect(Authority(text) == nil) }
}
