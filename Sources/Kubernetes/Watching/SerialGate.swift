// How does an actor finish one thing before it begins the next?
//
// An actor lets others in wherever it waits. What must be whole, over waits too, goes through its gate: one at a time, in the
// order in which they came. To be used by one actor alone, which guards it.

struct SerialGate {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Whether it was free, and is taken now.
    mutating func takeIfFree() -> Bool {
        guard !isTaken else { return false }
        isTaken = true
        return true
    }

    mutating func wait(_ continuation: CheckedContinuation<Void, Never>) { waiting.append(continuation) }

    /// Hands it to the next who waits.
    mutating func leave() {
        guard !waiting.isEmpty else { return isTaken = false }
        waiting.removeFirst().resume()
    }
}
