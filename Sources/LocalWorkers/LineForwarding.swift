// Which lines of a worker's stderr reach the service's log?
//
// A worker can write as much as it likes: what is kept of one line is bounded, and so are lines a second. Lines that were left out
// are counted; the next line that gets through says how many.

/// Cuts a stream of bytes into lines of bounded length.
struct LineSplitter: Sendable {
    private let limitBytes: Int
    private var line: [UInt8] = []
    private var cutBytes = 0

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// Calls `emit` for every line that `bytes` completes; empty ones are passed over.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, emit: (String) -> Void) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                finish(emit: emit)
            } else if line.count < limitBytes {
                line.append(byte)
            } else {
                cutBytes += 1
            }
        }
    }

    /// Emits what is left when the stream ends without a line end.
    mutating func finish(emit: (String) -> Void) {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        if !line.isEmpty {
            let text = String(decoding: line, as: UTF8.self)
            emit(cutBytes > 0 ? "\(text)… (\(cutBytes) more bytes)" : text)
        }
        line.removeAll(keepingCapacity: true)
        cutBytes = 0
    }
}

/// A token bucket over lines.
struct LineBudget: Sendable {
    private let perSecond: Double
    private let burst: Double
    private var tokens: Double
    private var last: Duration
    private var dropped = 0

    init(perSecond: Int, burst: Int, now: Duration) {
        self.perSecond = Double(perSecond)
        self.burst = Double(burst)
        tokens = Double(burst)
        last = now
    }

    /// Whether a line may pass at `now`, and how many were held back since the last that did; nil holds it back.
    mutating func pass(at now: Duration) -> Int? {
        tokens = min(burst, tokens + (now - last) / .seconds(1) * perSecond)
        last = now
        guard tokens >= 1 else {
            dropped += 1
            return nil
        }
        tokens -= 1
        defer { dropped = 0 }
        return dropped
    }
}
