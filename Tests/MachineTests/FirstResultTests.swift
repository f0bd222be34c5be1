import Testing

@testable import Machine

// Is there exactly one answer, whoever comes first, and does a wait end?

@Suite struct FirstResultTests {
    private struct No: Error {}

    @Test func theFirstCountsWhenItCameBefore() async throws {
        let response = FirstResult<Int>()
        response.give(.success(1))
        response.give(.success(2))
        #expect(try await response.value() == 1)
    }

    @Test func theFirstOfManyCounts() async throws {
        for _ in 0..<100 {
            let response = FirstResult<Int>()
            let wait = Task { try await response.value() }
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<8 { group.addTask { response.give(.success(number)) } }
            }
            #expect((0..<8).contains(try await wait.value))
        }
    }

    @Test func aFailureIsAnAnswer() async {
        let response = FirstResult<Int>()
        response.give(.failure(No()))
        await #expect(throws: No.self) { try await response.value() }
    }

    @Test func aCancelledWaitEnds() async {
        let response = FirstResult<Int>()
        let wait = Task { try await response.value() }
        wait.cancel()
        await #expect(throws: CancellationError.self) { try await wait.value }
        response.give(.success(1))
    }
}
