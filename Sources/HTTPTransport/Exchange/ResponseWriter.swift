import NIOCore

// How does a task answer a request that lives on an event loop?
//
// Each call is one hop to the loop. `write` returns when the next part may come.

package struct ResponseWriter: Sendable {
    static let partBytes = 64 << 10

    private let running: NIOLoopBound<RunningResponse>
    private let eventLoop: any EventLoop

    init(_ running: RunningResponse, eventLoop: any EventLoop) {
        self.running = NIOLoopBound(running, eventLoop: eventLoop)
        self.eventLoop = eventLoop
    }

    /// Does the work and sends what comes of it, whatever that is.
    func run(_ work: @Sendable () async throws -> Response) async {
        do {
            // The client may be gone before its turn came.
            try Task.checkCancellation()
            try await send(try await work())
        } catch {
            await fail(error)
        }
    }

    private func send(_ response: Response) async throws {
        switch response.body {
        case .bytes(let bytes) where bytes.count > Self.partBytes:
            guard await open(response, length: bytes.count) else { return await end() }
            try await write(bytes)
            await end()
        case .stream(let streaming):
            guard await open(response, length: nil) else { return await end() }
            try await streaming.write(self)
            await end()
        case .none, .bytes: await onLoop { $0.send(response) }
        }
    }

    /// Writes all of `bytes`, a part at a time.
    ///
    /// - Throws: `CancellationError` where the client is gone.
    package func write(_ bytes: [UInt8]) async throws {
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.partBytes, bytes.count)
            try await writePart(Array(bytes[start..<end]))
            start = end
        }
    }

    private func writePart(_ bytes: [UInt8]) async throws {
        let running = running
        try await withCheckedThrowingContinuation { written in
            eventLoop.execute { running.value.write(bytes, written) }
        }
    }

    private func open(_ response: Response, length: Int?) async -> Bool {
        await onLoop { $0.open(response, length: length) }
    }

    private func end() async { await onLoop { $0.end() } }
    private func fail(_ error: any Error) async { await onLoop { $0.fail(error) } }

    private func onLoop<Result: Sendable>(_ body: @escaping @Sendable (RunningResponse) -> Result) async -> Result {
        let running = running
        return await withCheckedContinuation { done in
            eventLoop.execute { done.resume(returning: body(running.value)) }
        }
    }
}
