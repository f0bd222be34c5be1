import Dispatch
import Foundation

// Has the user had enough?
//
// Control-C as a stream of one element. The second one ends the process at once; its workers see that and end, too.

final class Interrupts {
    let stream: AsyncStream<Void>
    private let source: any DispatchSourceSignal

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.stream = stream
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: DispatchQueue(label: "greenroom.interrupts"))
        let count = Counter()
        source.setEventHandler {
            guard count.increment() == 1 else { _exit(130) }
            continuation.yield()
        }
        source.resume()
    }

    deinit { source.cancel() }

    /// Touched on the signal queue alone.
    private final class Counter {
        private var value = 0
        func increment() -> Int { value += 1; return value }
    }
}
