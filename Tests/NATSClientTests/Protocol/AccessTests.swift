import Basics
import Foundation
import Testing

@testable import NATSClient

// Addresses, keys and credentials: what is read, what is refused, and that no secret is shown.

@Suite struct AccessTests {
    private static let addresses: [(String, String, Bool)] = [
        ("nats://example.com", "example.com:4222", false), ("tls://example.com:443", "example.com:443", true),
        ("10.0.0.1:5000", "10.0.0.1:5000", false), ("[::1]:7", "[::1]:7", false), ("nats://[fe80::1]/", "[fe80::1]:4222", false),
    ]

    @Test(arguments: addresses) func address(_ text: String, _ place: String, _ requiresTLS: Bool) throws {
        let address = try NATSAddress(text)
        #expect("\(address)" == place && address.requiresTLS == requiresTLS)
        #expect(try NATSAddress("\(address)").isSamePlace(as: address))
    }

    @Test(arguments: ["", "nats://", "http://a", "a:0", "a:65536", "a:-1", "a:b", "a b", "a/b", "a:1:2", "[::1", "nats://a?b", ":4222"])
    func noAddress(_ text: String) { #expect(throws: NATSAddress.Fault.self) { try NATSAddress(text) } }

    @Test func credentialsInAnAddressAreRefusedAndNotRepeated() {
        do {
            _ = try NATSAddress("nats://me:hunter2@example.com")
            Issue.record("it was taken")
        } catch { #expect(!error.description.contains("hunter2")) }
    }

    /// The pair of the recording: its seed was taken out, but the public key's checksum is there.
    @Test func aPublicKeyIsWrittenAsRecorded() throws {
        let recorded = "UCLDCNMZUDVSDVTWU7MJAGJ5V5Z335PXXFQK6LQJD3ARM5OQFX6MU6KB"
        let bytes = try #require(Base32.decode(recorded.utf8))
        #expect(bytes.count == 35 && bytes[0] == 20 << 3)
        #expect(NKeyMaker.text(Array(bytes[1..<33]), kind: 20 << 3) == recorded)
    }

    @Test func seeds() throws {
        var random = SplitMix64(seed: 3)
        for _ in 0..<20 {
            let raw = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
            let seed = NKeyMaker.seed(raw)
            #expect(seed.hasPrefix("SU") && seed.utf8.count == 58)
            #expect(try NKey(seed: seed).publicKey.hasPrefix("U"))
            // Any changed character is noticed.
            var changed = Array(seed.utf8)
            let at = Int.random(in: 0..<changed.count, using: &random)
            changed[at] = changed[at] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: NKey.Fault.self) { try NKey(seed: String(decoding: changed, as: UTF8.self)) }
        }
        let raw = [UInt8](repeating: 7, count: 32)
        for text in ["", "SU", NKeyMaker.seed(raw, kind: 0), NKeyMaker.seed(Array(raw.dropLast())), NKeyMaker.text(raw, kind: 20 << 3)] {
            #expect(throws: NKey.Fault.self) { try NKey(seed: text) }
        }
    }

    @Test func base32GoesThereAndBack() throws {
        var random = SplitMix64(seed: 5)
        for count in 0..<40 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base32.decode(Base32.encode(bytes).utf8) == bytes)
        }
        for text in ["a", "1", "AB=", "AAAAAA", "AH"] { #expect(Base32.decode(text.utf8) == nil, "\(text)") }
    }

    @Test func credentialFiles() throws {
        let key = try NKeyMaker.fresh()
        let file = """
            -----BEGIN NATS USER JWT-----
            eyJhIjoxfQ.eyJiIjoyfQ.c2ln
            ------END NATS USER JWT------

            ************************* IMPORTANT *************************
            NKEY Seed printed below can be used to sign and prove identity.

            -----BEGIN USER NKEY SEED-----
            \(key.seed)
            ------END USER NKEY SEED------

            *************************************************************
            """
        for text in [file, file.replacing("\n", with: "\r\n")] {
            guard case .jwt(let jwt, let read) = try NATSCredentials.read(text) else {
                Issue.record("no JWT was read")
                return
            }
            #expect(jwt == "eyJhIjoxfQ.eyJiIjoyfQ.c2ln" && read.publicKey == key.key.publicKey)
        }
        guard case .nkey(let read) = try NATSCredentials.read("\n  \(key.seed)\n") else {
            Issue.record("no key was read")
            return
        }
        #expect(read.publicKey == key.key.publicKey)
        for text in [
            "", "nothing", file.replacing("eyJiIjoyfQ.", with: ""), file.replacing(key.seed, with: "SUAAA"), "\(key.seed)\n\(key.seed)",
        ] {
            do {
                _ = try NATSCredentials.read(text)
                Issue.record("\(text.prefix(30)) was taken")
            } catch { #expect(!error.description.contains(key.seed)) }
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-creds-\(UUID().uuidString)")
        #expect(throws: NATSCredentials.Fault.self) { try NATSCredentials.file(folder.path) }
        try file.write(to: folder, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard case .jwt = try NATSCredentials.file(folder.path) else {
            Issue.record("the file wasn't read")
            return
        }
    }

    @Test func noSecretIsShown() throws {
        let key = try NKeyMaker.fresh()
        var configuration = NATSConfiguration(servers: [])
        for credentials: NATSCredentials in [
            .password(user: "me", password: "hunter2"), .token("hunter2"), .nkey(key.key), .jwt("a.hunter2.c", key.key),
        ] {
            configuration.credentials = credentials
            var dumped = ""
            dump(configuration, to: &dumped)
            for text in ["\(configuration)", String(reflecting: configuration), "\(credentials)", String(reflecting: credentials), dumped] {
                #expect(!text.contains("hunter2") && !text.contains(key.seed))
            }
        }
        var dumped = ""
        dump(key.key, to: &dumped)
        #expect(dumped.split(separator: "\n").count == 1)
    }

    private static let versions: [(String, NATSVersion?)] = [
        ("2.14.0", NATSVersion(2, 14, 0)), ("2.9.10", NATSVersion(2, 9, 10)), ("2.14", nil), ("v2.14.0", nil), ("2.14.x", nil), ("", nil),
        ("2.14.99999999", nil), ("-1.0.0", nil),
    ]
    @Test(arguments: versions) func version(_ text: String, _ expected: NATSVersion?) { #expect(NATSVersion(text) == expected) }

    @Test func subjects() {
        for subject in ["a", "a.b-c_d", "$JS.API.INFO", "_INBOX.x.1", "Zürich"] {
            #expect(NATSSubject.fault(subject, allowsWildcards: false) == nil)
        }
        for subject in ["", ".a", "a.", "a..b", "a b", "a\tb", "a\r\nPUB x 0", "*", "a.>", ">", String(repeating: "a", count: 1_025)] {
            #expect(NATSSubject.fault(subject, allowsWildcards: false) != nil, "\(subject)")
        }
        for subject in ["*", "a.*.b", "a.>", ">"] { #expect(NATSSubject.fault(subject, allowsWildcards: true) == nil) }
        #expect(NATSSubject.fault("a.>.b", allowsWildcards: true) != nil)
        for fields: NATSHeaders in [
            [.init("", "x")], [.init("a b", "x")], [.init("a:", "x")], [.init("a", "x\r\nB: y")], [.init("a", "x\ny")],
        ] {
            #expect(fields.fault != nil)
        }
        #expect(NATSHeaders([.init("Nats-Msg-Id", "é : x")]).fault == nil)
    }
}
