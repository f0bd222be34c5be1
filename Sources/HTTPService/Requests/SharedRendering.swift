import Synchronization

// How often are the meters read when many ask at once?
//
// Once at a time: who asks while they are being read is answered with that reading. So a hundred scrapes cost what one does, and a
// client that asks and goes away leaves no more work behind than one that stays.

final class SharedRendering: Sendable {
    private let render: @Sendable (_ openMetrics: Bool) async -> [UInt8]
    private let running = Mutex<[Bool: Task<[UInt8], Never>]>([:])

    init(_ render: @escaping @Sendable (_ openMetrics: Bool) async -> [UInt8]) { self.render = render }

    func text(openMetrics: Bool) async -> [UInt8] {
        let task = running.withLock { running in
            if let task = running[openMetrics] { return task }
            let task = Task { [self] in
                let text = await render(openMetrics)
                self.running.withLock { $0[openMetrics] = nil }
                return text
            }
            running[openMetrics] = task
            return task
        }
        return await task.value
    }
}
