import Basics
import Domain
import Foundation
import Synchronization
import Testing

@testable import ObjectStorage

// What the client does with a store that is slow, cut, busy, elsewhere or strange: bounded in time, bytes and requests.

@Suite struct ObjectStoreTests {
    private let location = ObjectLocation.made("s3://bucket/key")

    private func configuration(_ server: ScriptedStore, key: AccessKey? = nil) throws -> StoreConfiguration {
        var configuration = StoreConfiguration(
            endpoint: try StoreEndpoint(server.url, for: .s3, style: nil), region: "us-east-1",
            credentials: key.map { .fixed($0) } ?? .anonymous)
        configuration.limits.firstPause = .milliseconds(1)
        configuration.limits.longestPause = .milliseconds(2)
        configuration.limits.attempts = 3
        configuration.limits.answerSeconds = 1
        configuration.limits.bodyBytes = 1 << 20
        return configuration
    }

    /// What `ask` answers or throws, and the requests that came.
    private func run<Response: Sendable>(
        _ script: @escaping @Sendable (Int, ScriptedStore.Request) -> ScriptedStore.Response, key: AccessKey? = nil,
        _ change: (inout StoreConfiguration) -> Void = { _ in },
        _ query: (ObjectStore) async throws -> Response
    ) async throws -> (result: Result<Response, StoreFault>, requests: [ScriptedStore.Request]) {
        try await ScriptedStore.with(script) { server in
            var configuration = try configuration(server, key: key)
            change(&configuration)
            let store = try ObjectStore(.s3, configuration)
            let result: Result<Response, StoreFault>
            do { result = .success(try await query(store)) } catch let fault as StoreFault { result = .failure(fault) }
            await store.shutdown()
            return (result, server.requests)
        }
    }

    private func page(_ keys: [String], next: String? = nil) -> ScriptedStore.Response {
        let contents = keys.map { "<Contents><Key>\($0)</Key><Size>1</Size><LastModified>2026-11-20T09:00:00Z</LastModified></Contents>" }
            .joined()
        let more =
            next.map { "<IsTruncated>true</IsTruncated><NextContinuationToken>\($0)</NextContinuationToken>" }
            ?? "<IsTruncated>false</IsTruncated>"
        return .say(200, body: Array("<ListBucketResult>\(contents)\(more)</ListBucketResult>".utf8))
    }

    @Test("an object's size is what HEAD says, however large") func size() async throws {
        let (result, requests) = try await run({ _, _ in .say(200, headers: [("content-length", "5000000000")]) }) {
            try await $0.size(of: location)
        }
        #expect(try result.get() == 5_000_000_000)
        #expect(requests.map { "\($0.method) \($0.uri)" } == ["HEAD /bucket/key"])
    }

    @Test("what is asked reaches the server byte by byte: key", arguments: ["a b+c%41", "日本/🚀", "//a//", "a?b#c&d", "\u{7}~-._"])
    func bytes(_ key: String) async throws {
        let odd = try ObjectLocation(store: .s3, bucket: "bucket", key: key)
        let (_, requests) = try await run({ _, _ in .say(404) }) { try await $0.size(of: odd) }
        #expect(requests.first?.uri == "/bucket/" + PercentCoding.encode(key, keeping: UInt8(ascii: "/")))
    }

    @Test(
        "busy answers and cut connections are asked again, no more often than the limit: first answers, requests",
        arguments: [
            ([503], 2), ([500, 429], 3), ([503, 503, 503, 503], 3), ([0], 2), ([0, 503, 0], 3),
        ])
    func retries(_ failures: [Int], _ requests: Int) async throws {
        let (result, seen) = try await run({ number, _ in
            number < failures.count ? (failures[number] == 0 ? .cut : .say(failures[number])) : .say(200, body: [1, 2])
        }) { store in
            try await store.objectsOrNothing(location)
        }
        #expect(seen.count == requests)
        switch result {
        case .success: #expect(failures.count < 3)
        case .failure(let fault):
            #expect(failures.count >= 3 && [.overloaded, .unreachable].contains(fault.problem) || fault.problem == .notUnderstood)
        }
    }

    @Test(
        "what the server says is final is not asked again: status, problem",
        arguments: [(403, StoreFault.Problem.denied), (400, .refused), (404, .noBucket)])
    func final(_ status: Int, _ problem: StoreFault.Problem) async throws {
        let (result, requests) = try await run({ _, _ in .say(status) }) { try await $0.objects(under: location) }
        #expect(throws: StoreFault.self) { try result.get() }
        if case .failure(let fault) = result { #expect(fault.problem == problem) }
        #expect(requests.count == 1)
    }

    @Test(
        "a server that hangs, drips, floods or isn't there ends in a fault, in time",
        arguments: [
            (ScriptedStore.Response.hang, StoreFault.Problem.unreachable), (.drip, .unreachable), (.flood, .tooLarge),
        ])
    func rude(_ response: ScriptedStore.Response, _ problem: StoreFault.Problem) async throws {
        let start = ContinuousClock.now
        let (result, requests) = try await run({ _, _ in response }, { $0.limits.attempts = 1 }) { try await $0.objects(under: location) }
        if case .failure(let fault) = result { #expect(fault.problem == problem, "\(fault)") } else { Issue.record("no fault") }
        #expect(requests.count == 1)
        #expect(ContinuousClock.now - start < .seconds(8))
    }

    @Test("an authority's file that is a pipe, a directory or no PEM is refused, and nothing waits for it")
    func authorityFile() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-authority-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        mkfifo(folder.appendingPathComponent("pipe").path, 0o600)
        try Data("no PEM".utf8).write(to: folder.appendingPathComponent("text"))
        for (file, problem) in [
            ("pipe", "is a named pipe"), ("", "is a directory"), ("text", "certificate in PEM"), ("none", "can't be opened"),
        ] {
            var configuration = StoreConfiguration(endpoint: .google, region: "r", credentials: .anonymous)
            configuration.authorityFile = folder.appendingPathComponent(file).path
            #expect { try ObjectStore(.gs, configuration) } throws: { "\($0)".contains(problem) }
        }
    }

    @Test("nobody there: the fault says so") func refused() async throws {
        let url = try await ScriptedStore.with({ _, _ in .hang }) { $0.url }
        var configuration = StoreConfiguration(endpoint: try StoreEndpoint(url, for: .s3, style: nil), region: "r", credentials: .anonymous)
        configuration.limits.attempts = 1
        let store = try ObjectStore(.s3, configuration)
        let fault = await #expect(throws: StoreFault.self) { try await store.size(of: location) }
        #expect(fault?.description == "looking at s3://bucket/key: the connection was refused: check the endpoint and the network to it")
        await store.shutdown()
    }

    @Test("another region is learnt for the bucket and signed for; the answer's host is never followed") func redirect() async throws {
        let key = try AccessKey(id: "id", secret: "secret")
        let (result, requests) = try await run(
            { number, _ in
                number == 0
                    ? .say(301, headers: [("x-amz-bucket-region", "eu-west-1"), ("location", "http://evil.example.org/")])
                    : .say(200, body: [1])
            }, key: key
        ) { store in
            _ = try await store.size(of: location)
            return try await store.size(of: location)
        }
        #expect(try result.get() == 1)
        #expect(requests.map { $0.headers["authorization"]?.split(separator: "/")[2] } == ["us-east-1", "eu-west-1", "eu-west-1"])
        #expect(requests.map { $0.headers["location"] } == [nil, nil, nil])
    }

    @Test("a malformed authorization names the region") func malformed() async throws {
        let body = try Fixture.bytes("s3-malformed-region.xml")
        let (result, requests) = try await run(
            { number, _ in number == 0 ? .say(400, body: body) : page(["a"]) }, key: try AccessKey(id: "id", secret: "secret")
        ) {
            try await $0.objects(under: location).count
        }
        #expect(try result.get() == 1)
        #expect(requests.last?.headers["authorization"]?.contains("/eu-central-1/s3/") == true)
    }

    @Test("regions that send each other round are a fault") func circle() async throws {
        let (result, requests) = try await run({ number, _ in
            .say(307, headers: [("x-amz-bucket-region", number % 2 == 0 ? "eu-west-1" : "us-east-1")])
        }) { try await $0.size(of: location) }
        if case .failure(let fault) = result { #expect(fault.problem == .wrongRegion) } else { Issue.record("no fault") }
        #expect(requests.count == 3)
    }

    @Test("pages follow their tokens to the last") func pages() async throws {
        let (result, requests) = try await run({ number, _ in page(["k\(number)"], next: number < 2 ? "t/+\(number)" : nil) }) {
            try await $0.objects(under: location).map(\.key)
        }
        #expect(try result.get() == ["k0", "k1", "k2"])
        #expect(requests.map { $0.uri.contains("continuation-token") } == [false, true, true])
        #expect(requests[1].uri.contains("continuation-token=t%2F%2B0"))
    }

    @Test("pages beyond the limit, and pages in a circle, are a fault") func endless() async throws {
        let (many, requests) = try await run({ number, _ in page(["k"], next: "t\(number)") }, { $0.limits.pages = 4 }) {
            try await $0.objects(under: location).count
        }
        if case .failure(let fault) = many { #expect(fault.problem == .tooLarge) } else { Issue.record("no fault") }
        #expect(requests.count == 4)
        let (circle, _) = try await run({ _, _ in page(["k"], next: "t") }) { try await $0.objects(under: location).count }
        if case .failure(let fault) = circle { #expect(fault.problem == .notUnderstood) } else { Issue.record("no fault") }
    }

    @Test("keys that files hold are read for each request; a missing file is a fault without what others hold") func rotating() async throws
    {
        let turn = Mutex(0)
        let source = CredentialSource.files(id: "id", secret: "secret", sessionToken: nil) { file in
            if file == "id" { return "id\(turn.withLock { $0 += 1; return $0 })" }
            if turn.withLock({ $0 }) > 2 { throw CredentialFault("secret is not in the folder of secrets") }
            return "s3cr3t"
        }
        let (result, requests) = try await run({ _, _ in .say(404) }, { $0.credentials = source }) { store in
            _ = try await store.size(of: location)
            _ = try await store.size(of: location)
            return try await store.size(of: location)
        }
        #expect(
            requests.map { $0.headers["authorization"]?.split(separator: "/")[0] } == [
                "AWS4-HMAC-SHA256 Credential=id1", "AWS4-HMAC-SHA256 Credential=id2",
            ])
        guard case .failure(let fault) = result else { Issue.record("no fault"); return }
        #expect(
            fault.problem == .badCredentials && fault.description.contains("not in the folder") && !fault.description.contains("s3cr3t"))
    }
}

extension ObjectStore {
    /// A listing whose body doesn't matter: what is understood counts as none.
    fileprivate func objectsOrNothing(_ location: ObjectLocation) async throws -> Int {
        do { return try await objects(under: location).count } catch let fault as StoreFault where fault.problem == .notUnderstood {
            return 0
        }
    }
}

extension ObjectLocation {
    /// For texts that are known to be good.
    static func made(_ text: String) -> ObjectLocation { try! ObjectLocation(text) }
}
