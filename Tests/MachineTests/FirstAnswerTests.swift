import Testing

@testable import Machine

// Is there exactly one answer, whoever comes first, and does a wait end?

@Suite struct FirstAnswerTests {
    private struct No: Error {}

    @Test func theFirstCountsWhenItCameBefore() async throws {
        let answer = FirstAnswer<Int>()
        answer.give(.success(1))
        answer.give(.success(2))
        #expect(try await answer.value() == 1)
    }

    @Test func theFirstOfManyCounts() async throws {
        for _ in 0..<100 {
            let answer = FirstAnswer<Int>()
            let wait = Task { try await answer.value() }
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<8 { group.addTask { answer.give(.success(number)) } }
            }
            #expect((0..<8).contains(try await wait.value))
        }
    }

    @Test func aFailureIsAnAnswer() async {
        let answer = FirstAnswer<Int>()
        answer.give(.failure(No()))
        await #expect(throws: No.self) { try await answer.value() }
    }

    @Test func aCancelledWaitEnds() async {
        let answer = FirstAnswer<Int>()
        let wait = Task { try await answer.value() }
        wait.cancel()
        await #expect(throws: CancellationError.self) { try await wait.value }
        answer.give(.success(1))
    }
}
