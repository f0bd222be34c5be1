import Basics
import Domain
import Testing

@Suite struct NameTableTests {
    @Test("numbers are handed out from 1 in order of first use, and never change")
    func numbering() {
        var table = NameTable()
        #expect(table.intern("a") == NameID(1))
        #expect(table.intern("b") == NameID(2))
        #expect(table.intern("a") == NameID(1))
        #expect(table.intern("ü") == NameID(3))
        #expect(table.count == 3)
        #expect(table.text(of: NameID(3)) == "ü")
        #expect(table.find("b") == NameID(2))
        #expect(table.find("c") == nil)
    }

    @Test("an unknown number has no text", arguments: [UInt32(0), 2, 1_000, .max])
    func unknownNumber(_ raw: UInt32) {
        var table = NameTable()
        _ = table.intern("only")
        #expect(table.text(of: NameID(raw)) == "")
        var bytes: [UInt8] = [1]
        table.appendText(of: NameID(raw), to: &bytes)
        #expect(bytes == [1])
        #expect(table.withText(of: NameID(raw)) { $0.count } == 0)
    }

    @Test("names are bytes: what differs in one byte or only in normalisation is another name")
    func bytesAreCompared() {
        var table = NameTable()
        let names = ["e\u{301}", "\u{e9}", "E\u{301}", "a", "a\u{0}", "a ", "aaaaaaaa", "aaaaaaaab", "aaaaaaaac"]
        #expect(names.map { table.intern($0)?.rawValue } == (1...9).map { UInt32($0) })
        #expect((1...9).map { Array(table.text(of: NameID(UInt32($0))).utf8) } == names.map { Array($0.utf8) })
    }

    @Test("truncation takes the newest names back, and their numbers are given again")
    func truncation() {
        var table = NameTable()
        for k in 0..<10 { _ = table.intern("name-\(k)") }
        table.truncate(to: 4)
        #expect(table.count == 4)
        #expect(table.find("name-4") == nil)
        #expect(table.find("name-3") == NameID(4))
        #expect(table.text(of: NameID(5)) == "")
        #expect(table.intern("other") == NameID(5))
        table.truncate(to: 5)
        table.truncate(to: 99)
        #expect(table.count == 5)
        table.truncate(to: 0)
        #expect(table.count == 0 && table.find("name-0") == nil)
        #expect(table.intern("name-9") == NameID(1))
    }

    /// The same operations on the table and on a dictionary; growth beyond 1024 slots comes by itself.
    @Test("interning, finding and truncating agree with a dictionary", arguments: 0..<12)
    func agreesWithDictionary(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        var table = NameTable()
        var oracle: [String: UInt32] = [:]
        var order: [String] = []
        for _ in 0..<6_000 {
            let name = randomName(&random)
            switch random.int(0...999) {
            case 0..<800:
                if oracle[name] == nil {
                    order.append(name)
                    oracle[name] = UInt32(order.count)
                }
                #expect(table.intern(name)?.rawValue == oracle[name])
            case 800..<997: #expect(table.find(name)?.rawValue == oracle[name])
            default:
                let kept = random.int(max(0, order.count - 400)...order.count)
                for lost in order[kept...] { oracle[lost] = nil }
                order.removeSubrange(kept...)
                table.truncate(to: kept)
            }
            #expect(table.count == order.count)
        }
        for (k, name) in order.enumerated() { #expect(table.text(of: NameID(UInt32(k + 1))) == name) }
    }

    private func randomName(_ random: inout SplitMix64) -> String {
        switch random.int(0...3) {
        case 0: "actor-\(random.int(0...3_000))"
        case 1: String(repeating: "x", count: random.int(1...20)) + String(random.int(0...99))
        case 2: String(random.int(0...1_000_000))
        default: "pool/\(random.int(0...40))/worker-\(random.int(0...60))"
        }
    }
}

@Suite struct ByteHashTests {
    @Test("a hash is the same for the same bytes and seed wherever they lie, and pinned: logs' derived tables hold it")
    func pinned() {
        let text = Array("greenroom/agents/α".utf8)
        let shifted = [0] + text
        let here = text.withBytes { ByteHash.of($0, seed: 7) }
        let there = shifted.withUnsafeBufferPointer { ByteHash.of(UnsafeBufferPointer(rebasing: $0[1...]), seed: 7) }
        #expect(here == there)
        #expect("".withBytes { ByteHash.of($0) } == ByteHash.mix(0x9E37_79B9_7F4A_7C15))
        #expect(ByteHash.mix(1) == 0x5692_161D_100B_05E5)
    }

    @Test("every byte of a name has a say, and so have its length and the seed", arguments: [UInt64(0), 1, 0xDEAD_BEEF])
    func spreads(seed: UInt64) {
        var seen: Set<UInt64> = []
        for length in 0..<40 {
            let name = [UInt8](repeating: UInt8(ascii: "a"), count: length)
            let hash = name.withBytes { ByteHash.of($0, seed: seed) }
            seen.insert(hash)
            #expect(hash != name.withBytes { ByteHash.of($0, seed: seed &+ 0x9E37_79B9) })
            for k in 0..<length {
                var other = name
                other[k] = UInt8(ascii: "b")
                seen.insert(other.withBytes { ByteHash.of($0, seed: seed) })
            }
        }
        #expect(seen.count == 40 + (0..<40).reduce(0, +))
    }
}
