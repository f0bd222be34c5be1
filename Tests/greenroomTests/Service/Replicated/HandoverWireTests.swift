import Basics
import Domain
import EventLog
import Testing
import Views

@testable import Assembly

@Suite("What instances say to each other")
struct HandoverWireTests {
    private func receipt() -> AppendReceipt {
        var receipt = AppendReceipt(accepted: 3, duplicates: 2, positions: [7, 8, 9, 2, 1 << 40], ambiguous: [1], conflicts: [3])
        receipt.inNewPools = [0, 4]
        receipt.conflictSeqs = [2]
        return receipt
    }

    @Test("an append's answer comes back as it was given")
    func answers() throws {
        let errors: [AppendError] = [
            .overloaded(retryAfterSeconds: 3), .invalid(index: 7, problem: "p"), .notWritable(reason: "r", hint: "h"),
            .tooLarge(problem: "t"), .closed,
        ]
        let results = [Result<AppendReceipt, AppendError>.success(receipt())] + errors.map { .failure($0) }
        for result in results {
            guard case .appended(let read) = try HandoverAnswer(HandoverAnswer.appended(result).bytes) else {
                Issue.record("another answer")
                continue
            }
            #expect(read == result)
        }
    }

    @Test("leases' answers come back, and so do their requests")
    func heard() throws {
        let given: [Result<Int, ControlFault>] = [
            .success(30), .failure(.notFound(what: "worker", name: "w")), .failure(.conflict("it has another uid")),
        ]
        guard case .heard(let read) = try HandoverAnswer(HandoverAnswer.heard(given).bytes) else {
            Issue.record("another answer")
            return
        }
        #expect(read == given)
        let workers = [HandoverRequest.Heard(worker: "ns/w", uid: "u"), HandoverRequest.Heard(worker: "v")]
        guard case .hear(let names) = try HandoverRequest(HandoverRequest.hear(workers).bytes) else {
            Issue.record("another request")
            return
        }
        #expect(names == workers)
    }

    @Test("what was cut is refused, and what was changed never crashes")
    func damaged() {
        var batch = EventBatch()
        batch.append(.actorRequested, source: "/s", id: "1", subject: "a", pool: "ns/p")
        let messages = [HandoverRequest.append(batch).bytes, HandoverAnswer.appended(.success(receipt())).bytes]
        var random = SplitMix64(seed: 5)
        for bytes in messages {
            for count in 0..<bytes.count {
                #expect(throws: WireReader.Fault.self) { try HandoverRequest(Array(bytes.prefix(count))) }
            }
            for _ in 0..<1_000 {
                var changed = bytes
                changed[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
                _ = try? HandoverRequest(changed)
                _ = try? HandoverAnswer(changed)
            }
        }
    }
}
