import ControlLoop
import Domain
import Synchronization
import Testing

@testable import Kubernetes

// What is told of a target, and when again?

@Suite struct PoolTellingTests {
    @Test func `counts are told where they change, and again where the object is another one`() async throws {
        let told = Mutex<[String]>([])
        let telling = PoolTelling(
            "ns/p", run: "run", loggedProblem: nil,
            append: { batch in
                told.withLock { told in told += batch.events.map { String(decoding: batch.bytes[$0.id.lower..<$0.id.upper], as: UTF8.self) }
                }
            },
            observed: { _ in })
        try await telling.note(specReplicas: 0, readyReplicas: 0, uid: "first", version: "7")
        try await telling.note(specReplicas: 0, readyReplicas: 0, uid: "first", version: "8")
        #expect(told.withLock { $0 } == ["ns/p-first-7"])
        try await telling.note(specReplicas: 0, readyReplicas: 0, uid: "second", version: "9")
        try await telling.note(specReplicas: 0, readyReplicas: 0, uid: "second", version: "10")
        #expect(told.withLock { $0 } == ["ns/p-first-7", "ns/p-second-9"])
    }
}
