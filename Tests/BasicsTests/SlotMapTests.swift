import Basics
import Testing

@Suite struct SlotMapTests {
    @Test("it holds what a dictionary holds, and places are used again", arguments: 1...4)
    func oracle(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var map = SlotMap<Int64, String>()
        var plain: [Int64: String] = [:]
        for step in 0..<4_000 {
            let key = Int64(Int.random(in: 0..<200, using: &generator)) - 100
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let old = map.set(key, "\(step)")
                #expect(old == plain.updateValue("\(step)", forKey: key))
            case 1:
                let old = map.remove(key)
                #expect(old == plain.removeValue(forKey: key))
            case 2:
                map.change(key) { $0 += "+" }
                plain[key]? += "+"
            default:
                map[key] = step % 2 == 0 ? "set" : nil
                plain[key] = step % 2 == 0 ? "set" : nil
            }
            let asked = Int64(Int.random(in: 0..<200, using: &generator)) - 100
            #expect(map[asked] == plain[asked])
        }
        #expect(map.count == plain.count && map.isEmpty == plain.isEmpty)
        #expect(map.keys.sorted() == plain.keys.sorted())
        var listed: [Int64: String] = [:]
        map.forEach { listed[$0] = $1 }
        #expect(listed == plain)
    }
}
