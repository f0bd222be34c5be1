// What can be fuzzed, and by which name?
//
// A target takes any bytes at all. It reads them with the code that reads them in production, and checks what must hold of the result:
// what was read can be written and read again, a refusal leaves nothing behind, the same bytes give the same answer. Bytes that
// aren't valid are no finding. A trap is one, and so is a broken check.

package struct FuzzFinding: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}

package enum FuzzTarget: String, CaseIterable, Sendable {
    case events
    case policy
    case policyJSON = "policy-json"
    case convert
    case formula
    case cron
    case selector
    case quantity
    case time
    case der
    case http1
    case fold
    case checkpoint
    case log
    case nats

    /// Longest input that is worth trying: what is longer is refused by its size.
    package var bytesMost: Int {
        switch self {
        case .formula, .cron, .selector: 1_024
        case .quantity, .time: 64
        case .nats: 2_048
        case .events, .der, .http1, .log: 4_096
        case .policy, .policyJSON, .convert: 8_192
        case .fold, .checkpoint: 16_384
        }
    }

    /// The state that a log leads to, as bytes: what `checkpoint` begins with.
    package static func checkpoint(ofLog log: [UInt8]) -> [UInt8] { FoldFuzz.checkpoint(ofLog: log) }

    /// Throws what was found.
    package func run(_ input: [UInt8]) throws {
        guard input.count <= bytesMost else { return }
        switch self {
        case .events: try EventsFuzz.run(input)
        case .policy: try PolicyFuzz.yaml(input)
        case .policyJSON: try PolicyFuzz.json(input)
        case .convert: try PolicyFuzz.convert(input)
        case .formula: try TextFuzz.formula(input)
        case .cron: try TextFuzz.cron(input)
        case .selector: try TextFuzz.selector(input)
        case .quantity: try TextFuzz.quantity(input)
        case .time: try TextFuzz.time(input)
        case .der: try ServerFuzz.der(input)
        case .http1: try ServerFuzz.http1(input)
        case .fold: try FoldFuzz.fold(input)
        case .checkpoint: try FoldFuzz.checkpoint(input)
        case .log: try LogFileFuzz.run(input)
        case .nats: try NATSFuzz.run(input)
        }
    }
}

/// Says what should have held, where it doesn't.
func hold(_ isSo: Bool, _ what: @autoclosure () -> String) throws {
    if !isSo { throw FuzzFinding(what()) }
}

enum ByteMix {
    /// The same number for the same bytes: to choose by them what they don't say.
    static func of(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } }
}
