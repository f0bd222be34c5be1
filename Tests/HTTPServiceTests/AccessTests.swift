import Foundation
import HTTPTestSupport
import HTTPTypes
import Testing

@testable import HTTPService

@Suite("Tokens and roles")
struct AccessTests {
    static let ingest = "ingest-token-0123456789"
    static let read = "read-token-0123456789"
    static let admin = "admin-token-0123456789"
    static let both = "both-token-0123456789"
    static let text = """
        # who may do what
        \(ingest) ingest collector

        \(read)\tread dashboard
        \(admin)   admin
        \(both) ingest,read worker
        """

    private func withFile(_ text: String, mode: Int = 0o600, _ body: (String) async throws -> Void) async throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-tokens-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(text.utf8).write(to: url)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: url.path)
        try await body(url.path)
    }

    struct Row: Sendable {
        var method: String
        var path: String
        var token: String?
        var status: Int
        init(_ method: String, _ path: String, _ token: String?, _ status: Int) {
            self.method = method
            self.path = path
            self.token = token
            self.status = status
        }
    }

    static let rows = [
        Row("POST", "/v1/events", nil, 401), Row("POST", "/v1/events", "unknown-token-0123456789", 401),
        Row("POST", "/v1/events", "short", 401),
        Row("POST", "/v1/events", ingest, 200), Row("POST", "/v1/events", both, 200), Row("POST", "/v1/events", read, 403),
        Row("POST", "/v1/events", admin, 403),
        Row("POST", "/v1/placements", ingest, 400), Row("POST", "/v1/placements", read, 403),
        Row("DELETE", "/v1/placements/a", ingest, 404),
        Row("GET", "/v1/events", read, 200), Row("GET", "/v1/events", both, 200), Row("GET", "/v1/events", ingest, 403),
        Row("GET", "/v1/pools", admin, 403),
        Row("GET", "/v1/policies/default/x", read, 404), Row("DELETE", "/v1/policies/default/x", admin, 404),
        Row("DELETE", "/v1/policies/default/x", both, 403),
        Row("PUT", "/v1/pools/default/x/pause", read, 403), Row("GET", "/metrics", nil, 401), Row("GET", "/metrics", read, 404),
        Row("GET", "/healthz", nil, 200), Row("GET", "/readyz", nil, 200), Row("GET", "/openapi.json", nil, 200),
    ]

    @Test func aPauseCarriesTheNameOfItsToken() async throws {
        try await withFile(Self.text.replacingOccurrences(of: "\(Self.admin)   admin", with: "\(Self.admin) admin ops")) { path in
            try await TestService.run {
                $0.tokensFile = path
            } _: { service in
                let client = service.client(token: Self.admin)
                _ = try await client.send("PUT", "/v1/policies/default/agents", body: Array("spec: {}".utf8))
                #expect(try await client.send("PUT", "/v1/pools/default/agents/pause", body: Array(#"{"out":true}"#.utf8)).status == 200)
                #expect(
                    try await client.send("PUT", "/v1/pools/default/agents/pause", body: Array("\u{feff}{\"out\":true}".utf8)).status == 200
                )
                #expect(service.plane.calls.contains("pause default/agents in=false out=true hold=- by=ops"))
            }
        }
    }

    @Test func everyRouteAsksForItsRole() async throws {
        try await withFile(Self.text) { path in
            try await TestService.run {
                $0.tokensFile = path
            } _: { service in
                for wire in Wire.cleartext {
                    for row in Self.rows {
                        let headers = row.path == "/v1/events" ? [("content-type", Event.batched)] : []
                        let body = row.path == "/v1/events" && row.method == "POST" ? "[]" : ""
                        let response = try await service.client(wire, token: row.token).send(
                            row.method, row.path, headers, body: Array(body.utf8))
                        #expect(response.status == row.status, "\(row): \(response.text)")
                        #expect((response.field("www-authenticate") != nil) == (row.status == 401))
                        #expect(!response.text.contains("token-0123456789"))
                    }
                }
            }
        }
    }

    @Test func metricsMayBeOpen() async throws {
        try await withFile(Self.text) { path in
            try await TestService.run {
                $0.tokensFile = path
                $0.openMetrics = true
            } parts: {
                $0.metricsText = { _ in [] }
            } _: { service in
                let response = try await service.client().get("/metrics")
                #expect(response.status == 200)
            }
        }
    }

    @Test func aChangedFileCountsAtOnceAndABrokenOneChangesNothing() async throws {
        try await withFile(Self.text) { path in
            let tokens = try TokenFile(path: path)
            let authorizer = Authorizer(tokens: tokens)
            var memory = Authorizer.Memory()
            _ = try authorizer.admit("Bearer \(Self.ingest)", for: .ingest, memory: &memory)
            #expect(try tokens.reloadIfChanged() == false)

            try Data("\(Self.both) read\n".utf8).write(to: URL(fileURLWithPath: path))
            #expect(try tokens.reloadIfChanged() == true)
            #expect(throws: Problem.self) { _ = try authorizer.admit("Bearer \(Self.ingest)", for: .ingest, memory: &memory) }
            #expect(throws: Problem.self) { _ = try authorizer.admit("Bearer \(Self.both)", for: .ingest, memory: &memory) }
            _ = try authorizer.admit("bearer \(Self.both)", for: .read, memory: &memory)

            try Data("\(Self.both) king with too many words\n".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: TokenFile.Fault.self) { try tokens.reloadIfChanged() }
            _ = try authorizer.admit("Bearer \(Self.both)", for: .read, memory: &memory)
        }
    }

    /// A revoked token doesn't live on by a fault in the file that revokes it.
    @Test func ofABrokenFileThatStandsOnlyTheRightLinesCount() async throws {
        try await withFile(Self.text) { path in
            let tokens = try TokenFile(path: path)
            func roles(_ token: String) -> RoleSet? { tokens.principal(presenting: token.utf8)?.roles }
            func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
            func fault() -> String? {
                do throws(TokenFile.Fault) { _ = try tokens.reloadIfChanged() } catch { return error.description }; return nil
            }

            try write("\(Self.read) read dashboard\n\(Self.admin) king\nnew-token-0123456789 ingest\n")
            let first = fault()
            #expect(first?.contains("line 2") == true && roles(Self.ingest) != nil, "it may be half written")
            let generation = tokens.generation
            let second = fault()
            #expect(second?.contains("the 2 valid lines count") == true && tokens.generation > generation)
            #expect(roles(Self.read) == RoleSet(.read) && roles("new-token-0123456789") == RoleSet(.ingest))
            #expect(roles(Self.ingest) == nil && roles(Self.admin) == nil && roles(Self.both) == nil)
            #expect(fault() == second, "told as long as it stands")
            #expect([first, second].allSatisfy { $0?.contains("token-0123456789") == false })

            try FileManager.default.removeItem(atPath: path)
            #expect(fault() != nil && roles(Self.read) != nil, "one that can't be read changes nothing")
            try write(Self.text)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(fault() == nil && roles(Self.admin) != nil)

            try write("\(Self.read) read\nother-token-0123456789 admin\n")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            #expect(fault() != nil && fault()?.contains("chmod 600") == true)
            #expect(roles(Self.read) != nil && roles(Self.ingest) == nil && roles("other-token-0123456789") == nil)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(fault() == nil && roles("other-token-0123456789") != nil)
        }
    }

    @Test("a file that was broken for a moment and is as before counts as before")
    func aBrokenMomentIsOver() async throws {
        try await withFile(Self.text) { path in
            let tokens = try TokenFile(path: path)
            let kept = path + ".kept"
            try FileManager.default.moveItem(atPath: path, toPath: kept)
            try Data("half".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: TokenFile.Fault.self) { try tokens.reloadIfChanged() }
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: kept, toPath: path)
            #expect(try tokens.reloadIfChanged() == false)
            #expect(tokens.principal(presenting: Self.admin.utf8) != nil)
        }
    }

    @Test func linesMayEndAsOnWindows() throws {
        let table = try TokenTable(parsing: "\u{FEFF}\(Self.ingest) ingest collector\r\n# a comment\r\n\r\n\(Self.read)\tread\r\n")
        #expect(table.entries.map(\.name) == ["collector", "line 4"])
        #expect(table.principal(presenting: Self.ingest.utf8)?.roles == RoleSet(.ingest))
    }

    @Test(
        "no fault shows anything of the file",
        arguments: [
            "\(read) collector-1\r\n\(admin) admin\r\n", "a-collector-of-events \(read) read", "\(read) \(admin) ingest",
            "\(read)\u{0}ingest", "\(read),ingest", "\(read) ingest,\(admin)",
            "collector-of-events ingest 0123456789abcdef0123456789abcdef0123456789abcdef",
        ])
    func faultsShowNothing(_ text: String) {
        let fault = #expect(throws: TokenTable.Fault.self) { try TokenTable(parsing: text) }
        #expect(fault?.problem.contains("0123456789") == false && fault?.problem.contains("collector") == false)
    }

    @Test func whatIsNoFileIsRefusedAndNotWaitedFor() async throws {
        let pipe = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-pipe-\(UUID().uuidString)").path
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { try? FileManager.default.removeItem(atPath: pipe) }
        for (path, kind) in [
            (pipe, "a named pipe"), (FileManager.default.temporaryDirectory.path, "a directory"), ("/dev/null", "a device"),
        ] {
            let fault = #expect(throws: TokenFile.Fault.self) { try TokenFile(path: path) }
            #expect(fault?.problem.contains(kind) == true)
        }
        try await withFile(Self.text) { path in
            let tokens = try TokenFile(path: path)
            try FileManager.default.removeItem(atPath: path)
            #expect(mkfifo(path, 0o600) == 0)
            #expect(throws: TokenFile.Fault.self) { try tokens.reloadIfChanged() }
            #expect(tokens.principal(presenting: Self.admin.utf8) != nil)
        }
    }

    @Test func aFileThatOthersReadIsRefused() async throws {
        for (mode, isFine) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            try await withFile(Self.text, mode: mode) { path in
                if isFine {
                    _ = try TokenFile(path: path)
                } else {
                    let fault = #expect(throws: TokenFile.Fault.self) { try TokenFile(path: path) }
                    #expect(fault?.description.contains("chmod 600") == true)
                }
            }
        }
    }

    @Test(arguments: [
        ("short ingest", 1, "at least 16"), ("\n0123456789abcdef", 2, "no role"),
        ("0123456789abcdef king", 1, "ingest, read, admin and worker"),
        ("0123456789abcdef ingest a b", 1, "without spaces"), ("# nothing\n", 1, "no token"),
    ])
    func aBadLineIsNamedWithoutItsToken(_ text: String, _ line: Int, _ says: String) {
        let fault = #expect(throws: TokenTable.Fault.self) { try TokenTable(parsing: text) }
        #expect(fault?.line == line)
        #expect(fault?.problem.contains(says) == true)
        #expect(fault?.problem.contains("0123456789abcdef") == false)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.8.9.1", true), ("::1", true), ("localhost", true), ("0.0.0.0", false), ("::", false),
        ("10.0.0.1", false),
        ("example.com", false),
    ])
    func withoutTokensOnlyLoopbackIsBound(_ host: String, _ isFine: Bool) throws {
        var configuration = ServerConfiguration()
        configuration.cleartext = .init(host: host, port: 8080)
        if isFine {
            try configuration.validate()
        } else {
            let fault = #expect(throws: ServerConfiguration.Fault.self) { try configuration.validate() }
            #expect(fault?.description.contains("tokens file") == true)
            configuration.tokensFile = "/etc/greenroom/tokens"
            try configuration.validate()
        }
    }
}
