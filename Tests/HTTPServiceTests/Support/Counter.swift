import Synchronization

/// A number that one task raises and another watches.
final class Counter: Sendable {
    private let state = Atomic<Int>(0)
    func add(_ amount: Int) { state.add(amount, ordering: .relaxed) }
    var value: Int { state.load(ordering: .relaxed) }

    /// Returns once it has not risen for a fifth of a second.
    func settles() async throws {
        var seen = -1
        while seen != value {
            seen = value
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
