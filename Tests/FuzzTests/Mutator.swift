import Basics
import Domain

// What is nearly valid?
//
// An input of the corpus with a few changes: bytes that are set, left out, doubled, or taken from another input. Same seed, same inputs.

struct Mutator {
    private var random: SplitMix64
    private let corpus: [[UInt8]]
    private let bytesMost: Int

    /// Bytes and words on which readers decide.
    private static let words = [
        "\"", "\\u0000", "\\ud800", "{", "}", "[", "]", ",", ":", "null", "true", "-0", "1e400", "-1", "9223372036854775807",
        "-9223372036854775808",
        "0.0005", "NaN", "\n", "\r\n", "\0", "~", "*", "/", "in (", "notin", "!=", "??", "?", "let ", "map(", "#", "&a", "*a", "---\n", "%",
        "\u{FEFF}", "é",
    ].map { Array($0.utf8) }
    private static let bytes: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, 0x30, 0x39, 0x20]

    init(seed: UInt64, corpus: [[UInt8]], bytesMost: Int) {
        random = SplitMix64(seed: seed)
        self.corpus = corpus
        self.bytesMost = bytesMost
    }

    mutating func next() -> [UInt8] {
        var input = corpus.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&input) }
        return Array(input.prefix(bytesMost))
    }

    private mutating func change(_ input: inout [UInt8]) {
        let at = Int.random(in: 0...input.count, using: &random)
        let length = min(Int.random(in: 1...16, using: &random), input.count - at)
        switch Int.random(in: 0..<7, using: &random) {
        case 0 where at < input.count: input[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where at < input.count: input[at] = Self.bytes.randomElement(using: &random) ?? 0
        case 2: input.removeSubrange(at..<(at + length))
        case 3: input.insert(contentsOf: Array(input[at..<(at + length)]), at: at)
        case 4: input.insert(contentsOf: Self.words.randomElement(using: &random) ?? [], at: at)
        case 5:
            let other = corpus.randomElement(using: &random) ?? []
            let from = Int.random(in: 0...other.count, using: &random)
            input.insert(contentsOf: Array(other[from...].prefix(64)), at: at)
        default: input = Array(input.prefix(at))
        }
    }
}
