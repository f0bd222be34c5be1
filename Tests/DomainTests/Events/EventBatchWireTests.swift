import Basics
import Testing

@testable import Domain

@Suite("A batch between instances")
struct EventBatchWireTests {
    private func batch() -> EventBatch {
        var batch = EventBatch()
        for k in 0..<50 {
            batch.append(
                .actorRequested, source: "/agents/\(k % 3)", id: "id-\(k)", subject: "a-\(k)", pool: k % 2 == 0 ? "ns/p" : nil,
                worker: k % 5 == 0 ? "w" : nil, time: k % 4 == 0 ? LogTime(microseconds: Int64(k) * 1_000_003 - 7) : nil,
                body: k % 3 == 0 ? Array(#"{"priority":7}"#.utf8) : [], isExact: k % 7 == 0)
        }
        return batch
    }

    @Test("what is read is what was written")
    func roundTrip() throws {
        let batch = batch()
        var out = WireWriter()
        batch.encode(into: &out)
        var reader = WireReader(out.bytes)
        let read = try EventBatch(from: &reader)
        #expect(reader.left == 0 && read.count == batch.count)
        for (a, b) in zip(batch.events, read.events) {
            #expect(a.kind == b.kind && a.names == b.names && a.time == b.time)
            for path in [\DraftEvent.source, \.id, \.subject, \.pool, \.worker, \.body, \.extensions] {
                #expect(batch.text(a[keyPath: path]) == read.text(b[keyPath: path]))
            }
        }
    }

    @Test("what was cut or changed is refused, or is another batch, and never a crash")
    func damaged() {
        var out = WireWriter()
        batch().encode(into: &out)
        for count in 0..<out.bytes.count {
            var reader = WireReader(Array(out.bytes.prefix(count)))
            #expect(throws: WireReader.Fault.self) { try EventBatch(from: &reader) }
        }
        var random = SplitMix64(seed: 3)
        for _ in 0..<2_000 {
            var bytes = out.bytes
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            var reader = WireReader(bytes)
            _ = try? EventBatch(from: &reader)
        }
    }

    @Test("numbers at their bounds", arguments: [0, 1, -1, 63, 64, -64, -65, Int64.max, Int64.min])
    func numbers(_ value: Int64) throws {
        var out = WireWriter()
        out.signed(value)
        out.number(UInt64(bitPattern: value))
        var reader = WireReader(out.bytes)
        #expect(try reader.signed() == value)
        #expect(try reader.number() == UInt64(bitPattern: value))
    }
}
