// How does an actor finish one thing before it begins the next?
//
// An actor runs other calls while one of its calls waits. A step that must not be interleaved takes this lock: one at a time, first come,
// first served. One actor owns it and guards it.

struct SerialLock {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Takes it where it is free. False where it is taken.
    mutating func takeIfFree() -> Bool {
        guard !isTaken else { return false }
        isTaken = true
        return true
    }

    mutating func wait(_ continuation: CheckedContinuation<Void, Never>) { waiting.append(continuation) }

    /// Hands the lock to the next in the queue.
    mutating func leave() {
        guard !waiting.isEmpty else { return isTaken = false }
        waiting.removeFirst().resume()
    }
}
