import NATSClient
import NIOCore

// Does the NATS protocol hold, whatever a server sends and however it is cut?

enum NATSFuzz {
    static func run(_ input: [UInt8]) throws {
        var whole = try session()
        let expected = received(input, cuts: [], &whole)
        let mix = ByteMix.of(input)
        for round in 0..<2 {
            var random = mix &+ UInt64(round)
            var cuts: [Int] = []
            var at = 0
            while at < input.count {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                at += round == 0 ? 1 : 1 + Int(random >> 33) % 200
                cuts.append(min(at, input.count))
            }
            var cut = try session()
            let found = received(input, cuts: cuts, &cut)
            try hold(found == expected, "cut in \(cuts.count) pieces, it leads to \(found.count) other steps than \(expected.count)")
            try hold(cut.phase == whole.phase && cut.info == whole.info, "cut in pieces, it leads to another state")
        }
        try hold(expected.filter(isEnd).count <= 1, "a session ends twice")
        try hold(expected.last.map(isEnd) ?? true || whole.phase != .over, "steps follow the end")
        for case .message(let message) in expected { try checkMessage(message) }
    }

    private static func session() throws -> NATSSession {
        var configuration = NATSConfiguration(servers: [NATSAddress(host: "127.0.0.1", port: 4_222)])
        configuration.leastVersion = NATSVersion(0, 0, 0)
        var limits = NATSParser.Limits()
        limits.lineBytes = 2_048
        limits.messageBytes = 1_024
        return NATSSession(NATSSession.Identity(configuration, server: configuration.servers[0]), limits: limits)
    }

    private static func received(_ input: [UInt8], cuts: [Int], _ session: inout NATSSession) -> [NATSSession.Step] {
        var steps = session.connected()
        var start = 0
        for end in cuts.isEmpty ? [input.count] : cuts where end > start {
            steps += session.received(ByteBuffer(bytes: input[start..<end]))
            start = end
        }
        // Where TLS begins, bytes behind it are a fault; in one piece it is noticed before the step is made.
        return steps.filter { $0 != .startTLS }
    }

    private static func isEnd(_ step: NATSSession.Step) -> Bool {
        if case .failed = step { true } else { false }
    }

    private static func checkMessage(_ message: NATSMessage) throws {
        try hold(message.payload.count <= 1_024, "a message has more bytes than may be")
        try hold(message.headers.fields.count <= NATSHeaders.fieldsMost, "a message has more headers than may be")
        if let status = message.status { try hold((0...999).contains(status.code), "a status has more than three digits") }
        for field in message.headers.fields { try hold(!field.value.contains("\n"), "a header's value goes over a line") }
    }
}
