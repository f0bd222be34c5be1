import Basics
import Domain
import Foundation
import Testing

// Properties over generated texts: nothing makes the cursor trap, and it agrees with Foundation's parser on what is JSON.

@Suite struct JSONAgreementTests {
    private static let pieces = [
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\"", "0", "1", "-", "-1", "1.5", "1e2", "E", ".", "true", "false", "null", " ",
        "\n", "\\", "\\n", "\\u0041",
        "\\uD834\\uDD1E", "\\u", "é", "𝄞", "x", "{\"a\":", "[1,", "+", "00",
    ]

    @Test("texts put together from pieces of JSON: both parsers say the same", arguments: 0..<16)
    func pieces(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<600 {
            compare(Array((0..<random.int(1...9)).map { _ in random.pick(Self.pieces) }.joined().utf8))
        }
    }

    @Test("valid texts are accepted by both, and damaged ones alike", arguments: 0..<16)
    func damaged(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 1_000)
        for _ in 0..<300 {
            var text = ""
            write(&text, depth: 4, &random)
            let bytes = Array(text.utf8)
            #expect(fault(in: bytes) == nil, "\(text)")
            compare(bytes)
            compare(random.mutated(bytes))
        }
    }

    @Test("no bytes whatever make the cursor trap or read beyond the end", arguments: 0..<8)
    func anyBytes(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 2_000)
        for _ in 0..<2_000 {
            let lead = random.pick(["", "\"", "[", "{\"", "\"\\u", "-", "[1,"])
            let bytes = Array(lead.utf8) + (0..<random.int(0...12)).map { _ in UInt8(random.int(0...255)) }
            if let found = fault(in: bytes) { #expect((0...bytes.count).contains(found.offset), "\(bytes)") }
        }
    }

    /// Where Foundation's parser is known to differ from RFC 8259 or from ours; such texts are left out.
    private static func isKnownDifference(_ bytes: [UInt8]) -> Bool {
        // It recognises UTF-16 and UTF-32 by zero bytes and by byte order marks, and accepts a UTF-8 mark.
        if bytes.contains(0) || bytes.starts(with: [0xEF, 0xBB, 0xBF]) || bytes.starts(with: [0xFE, 0xFF])
            || bytes.starts(with: [0xFF, 0xFE])
        {
            return true
        }
        // It refuses numbers that no Double holds (they are numbers all the same), and takes a comma before a closing bracket.
        return hasHugeNumber(bytes) || hasTrailingComma(bytes)
    }

    private static func hasTrailingComma(_ bytes: [UInt8]) -> Bool {
        let visible = bytes.filter { !Array(" \t\n\r".utf8).contains($0) }
        return zip(visible, visible.dropFirst()).contains {
            $0 == UInt8(ascii: ",") && ($1 == UInt8(ascii: "]") || $1 == UInt8(ascii: "}"))
        }
    }

    /// A number of more than 300 digits or with an exponent of three digits or more.
    private static func hasHugeNumber(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.firstMatch(of: /[0-9]{300}|[eE][+-]?[0-9]{3}/) != nil
    }

    private func compare(_ bytes: [UInt8]) {
        guard !Self.isKnownDifference(bytes) else { return }
        let ours = fault(in: bytes)
        let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
        #expect(
            (ours == nil) == theirs,
            "\(String(decoding: bytes, as: UTF8.self)): ours \(ours?.problem ?? "accepts it"), Foundation \(theirs ? "accepts" : "refuses") it; bytes \(bytes)"
        )
    }

    private func write(_ text: inout String, depth: Int, _ random: inout SplitMix64) {
        let space = random.pick(["", "", "", " ", "\n\t"])
        text += space
        switch depth > 0 ? random.int(0...9) : random.int(0...5) {
        case 0: text += random.pick(["null", "true", "false"])
        case 1: text += String(random.int(-1_000...1_000))
        case 2: text += random.pick(["0", "-0", "1.5", "-0.25", "1e3", "2E-4", "12345678901234567890", "0.1e+1"])
        case 3, 4, 5: writeString(&text, &random)
        case 6, 7:
            text += "["
            writeList(&text, &random) { text, random in write(&text, depth: depth - 1, &random) }
            text += "]"
        default:
            text += "{"
            // Keys are told apart: what becomes of a repeated one is not at issue here.
            var next = 0
            writeList(&text, &random) { text, random in
                text += "\"k\(next)\":"
                next += 1
                write(&text, depth: depth - 1, &random)
            }
            text += "}"
        }
        text += space
    }

    private func writeList(_ text: inout String, _ random: inout SplitMix64, _ element: (inout String, inout SplitMix64) -> Void) {
        for k in 0..<random.int(0...3) {
            if k > 0 { text += "," }
            element(&text, &random)
        }
    }

    private func writeString(_ text: inout String, _ random: inout SplitMix64) {
        text += "\""
        for _ in 0..<random.int(0...5) {
            text += random.pick([
                "a", "z", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\uD834\\uDD1E", "é", "漢", "𝄞", " ", "{", "]", ",",
            ])
        }
        text += "\""
    }
}
