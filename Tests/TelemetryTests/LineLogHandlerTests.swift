import Domain
import Logging
import Synchronization
import Testing

@testable import Telemetry

/// Lines that a logger wrote.
private final class Lines: Sendable {
    private let state = Mutex<[String]>([])
    var all: [String] { state.withLock { $0 } }

    func logger(_ format: LogConfiguration.Format, level: Logger.Level = .info, provider: Logger.MetadataProvider? = nil) -> Logger {
        let configuration = LogConfiguration(
            format: format, level: level, write: { line in self.state.withLock { $0.append(String(decoding: line, as: UTF8.self)) } },
            now: { LogTime(microseconds: 1_700_000_000_000_125) })
        return Logger(label: "greenroom.test") { LineLogHandler(label: $0, configuration: configuration, metadataProvider: provider) }
    }
}

@Suite struct LineLogHandlerTests {
    @Test func `text is one line: time, level, label, message, metadata in order`() {
        let lines = Lines()
        lines.logger(.text).warning("it is slow", metadata: ["pool": "ns/p", "count": "\(3)", "a": "two words", "e": "", "q": #"a"b"#])
        #expect(
            lines.all == [
                #"2023-11-14T22:13:20.000125Z warning greenroom.test: it is slow a="two words" count=3 e="" pool=ns/p q="a\"b""# + "\n"
            ])
    }

    @Test func `JSON is one object a line`() {
        let lines = Lines()
        lines.logger(.json).error("bad \"thing\"", metadata: ["b": ["x": "1", "y": ["2", "3"]], "a": "z\n"])
        #expect(
            lines.all == [
                #"{"time":"2023-11-14T22:13:20.000125Z","level":"error","label":"greenroom.test","message":"bad \"thing\"","metadata":{"a":"z\n","b":{"x":"1","y":["2","3"]}}}"#
                    + "\n"
            ])
    }

    @Test(arguments: LogConfiguration.Format.allCases)
    func `nothing breaks a line`(format: LogConfiguration.Format) {
        let lines = Lines()
        lines.logger(format).info("a\nb\r\u{1B}[31mred", metadata: ["k\ney": "v\nw"])
        #expect(lines.all.count == 1)
        #expect(lines.all[0].utf8.count { $0 < 0x20 } == 1 && lines.all[0].hasSuffix("\n"))
    }

    @Test(arguments: [
        ("token", true), ("Authorization", true), ("password", true), ("secret", true), ("auth_token", true), ("authToken", true),
        ("x-auth-token", true), ("AUTH_TOKEN", true), ("clientSecret", true), ("apiKey", false), ("apikey", true), ("dbPasswordHash", true),
        ("tokenizer", false), ("pool", false), ("secretary", false), ("", false), ("context_tokens", true),
    ])
    func `keys that name a secret are known`(key: String, isSecret: Bool) { #expect(Redaction.namesSecret(key) == isSecret) }

    @Test(arguments: LogConfiguration.Format.allCases)
    func `a secret is never written, at any depth and from any side`(format: LogConfiguration.Format) {
        let lines = Lines()
        var logger = lines.logger(format, provider: Logger.MetadataProvider { ["provider-token": "hunter2"] })
        logger[metadataKey: "password"] = "hunter2"
        logger.info(
            "m",
            metadata: ["token": "hunter2", "headers": ["Authorization": "Bearer hunter2", "ok": "yes"], "list": [["secret": ["hunter2"]]]])
        #expect(lines.all.count == 1)
        #expect(!lines.all[0].contains("hunter2"))
        #expect(lines.all[0].contains("yes"))
        #expect(lines.all[0].contains(Redaction.placeholder))
    }

    @Test func `a level below the configured one is not written`() {
        let lines = Lines()
        let logger = lines.logger(.text, level: .warning)
        logger.info("no")
        logger.warning("yes")
        #expect(lines.all.count == 1)
    }

    @Test func `the latest word on a key counts, and an error is metadata too`() {
        struct Broken: Error, CustomStringConvertible { var description: String { "it broke" } }
        let lines = Lines()
        var logger = lines.logger(.text, provider: Logger.MetadataProvider { ["k": "provider", "p": "1"] })
        logger[metadataKey: "k"] = "logger"
        logger.info("m", error: Broken(), metadata: ["k": "call"])
        #expect(lines.all[0].hasSuffix(#"m error="it broke" k=call p=1"# + "\n"))
    }

    @Test func `what is too long or too deep is cut`() {
        let lines = Lines()
        let long = String(repeating: "x", count: 100_000)
        var deep: Logger.MetadataValue = "bottom"
        for _ in 0..<20 { deep = ["in": deep] }
        let many = Dictionary(uniqueKeysWithValues: (0..<1_000).map { ("k\($0)", Logger.MetadataValue("v")) })
        lines.logger(.json).info("\(long)", metadata: ["long": "\(long)", "deep": deep, "many": .dictionary(many)])
        #expect(lines.all[0].utf8.count < 25_000)
        #expect(lines.all[0].contains("… (91808 more bytes)"))
        #expect(!lines.all[0].contains("bottom"))
    }
}
