import Basics
import Domain
import NIOCore

// How does a copy of some objects stay true?
//
//     ┌→ list ──→ watch from the list's resourceVersion ──→ ended or cut: watch again from the last one seen
//     │              │ 410 (as an answer, or as an ERROR event): what was between is gone
//     └──────────────┘
//
// What the server has is handed on in order, one at a time: the handler's pace is the stream's. Bookmarks move the position
// where nothing happened. Every failure waits with a jittered backoff, at least as long as Retry-After says; it goes on until
// its task is cancelled.

/// What a watch learned.
package enum WatchDelivery: Sendable {
    /// All there is: what isn't among them is gone.
    case replaced([KubernetesObject])
    case changed(KubernetesObject)
    case deleted(KubernetesObject)
}

package struct ListWatch: Sendable {
    package typealias Handler = @Sendable (WatchDelivery) async throws -> Void
    package typealias Trouble = @Sendable (_ problem: String) -> Void

    let client: KubernetesClient
    let resource: KubernetesResource
    let namespace: String?
    let selection: KubernetesClient.Selection
    private let seed: UInt64
    private let trouble: Trouble
    private let failed: @Sendable (KubernetesError) async -> Void

    /// - Parameters:
    ///   - seed: of the backoff's jitter.
    ///   - trouble: hears what failed, each time.
    ///   - failed: hears what the server's or the connection's fault was.
    package init(
        _ client: KubernetesClient, _ resource: KubernetesResource, namespace: String?, selection: KubernetesClient.Selection = .init(),
        seed: UInt64, trouble: @escaping Trouble = { _ in }, failed: @escaping @Sendable (KubernetesError) async -> Void = { _ in }
    ) {
        self.client = client
        self.resource = resource
        self.namespace = namespace
        self.selection = selection
        self.seed = seed
        self.trouble = trouble
        self.failed = failed
    }

    static let firstBackoff = Duration.milliseconds(250)
    static let longestBackoff = Duration.seconds(15)
    /// A watch that lasted as long shows that the server is well.
    static let healthyAfter = Duration.seconds(5)

    private enum End {
        /// Go on from here.
        case position(String)
        /// What follows is no longer kept: list.
        case expired
    }

    /// Runs until its task is cancelled. A handler that throws is called again with all there is.
    package func run(_ handler: Handler) async {
        var backoff = Backoff(first: Self.firstBackoff, longest: Self.longestBackoff, seed: seed)
        var position: String?
        while !Task.isCancelled {
            let began = client.clock.now()
            do {
                if position == nil { position = try await list(handler) }
                guard let from = position else { continue }
                position = try await follow(from: from, &position, handler)
                let isHealthy = client.clock.now() - began >= Self.healthyAfter
                if isHealthy || position != from { backoff.reset() }
                if !isHealthy { try await pause(&backoff, nil) }
            } catch {
                guard !Task.isCancelled else { return }
                if client.clock.now() - began >= Self.healthyAfter { backoff.reset() }
                // A handler's failure: what it missed may be more than one object.
                if (error as? KubernetesError) == nil { position = nil }
                trouble("\(error)")
                if let error = error as? KubernetesError { await failed(error) }
                try? await pause(&backoff, (error as? KubernetesError)?.status?.retryAfterSeconds)
            }
        }
    }

    private func pause(_ backoff: inout Backoff, _ retryAfterSeconds: Int?) async throws {
        try await client.clock.sleep(backoff.next(atLeast: .seconds(min(retryAfterSeconds ?? 0, 300))))
    }

    private func list(_ handler: Handler) async throws -> String {
        let list = try await client.list(resource, namespace: namespace, selection: selection)
        try await handler(.replaced(list.items))
        return list.resourceVersion
    }

    /// Where to go on; nil where a list is due. `position` follows, so that what was seen counts also when this throws.
    private func follow(from start: String, _ position: inout String?, _ handler: Handler) async throws -> String? {
        let body: any AsyncSequence<ByteBuffer, any Error>
        do throws(KubernetesError) { body = try await open(from: start) } catch {
            if error.isExpired { return nil }
            throw error
        }
        var lines = LineSplitter(limitBytes: client.limits.watchLineBytes)
        do {
            for try await chunk in body {
                for line in try lines.take(chunk.readableBytesView) {
                    guard let next = try await hand(line, to: handler) else { return nil }
                    position = next
                }
            }
        } catch is LineSplitter.TooLong {
            position = nil
            throw KubernetesError(request(from: start).operation, .tooLarge(what: "an object", limitBytes: client.limits.watchLineBytes))
        } catch let error as KubernetesError {
            throw error
        } catch let error as HandlerFault {
            throw error.cause
        } catch {
            throw client.unreachable(request(from: start), error)
        }
        return position
    }

    private struct HandlerFault: Error { var cause: any Error }

    /// The position after the line; nil where it says that the position is gone.
    private func hand(_ line: [UInt8], to handler: Handler) async throws -> String? {
        let event: WatchEvent
        do { event = try WatchEvent(line: line) } catch { throw KubernetesError(request(from: "").operation, .malformed(error.problem)) }
        switch event {
        case .added(let object), .modified(let object): return try await deliver(.changed(object), object, handler)
        case .deleted(let object): return try await deliver(.deleted(object), object, handler)
        case .bookmark(let version): return version
        case .error(let status):
            if status.code == 410 { return nil }
            throw KubernetesError(request(from: "").operation, .status(status))
        }
    }

    private func deliver(_ delivery: WatchDelivery, _ object: KubernetesObject, _ handler: Handler) async throws -> String {
        do { try await handler(delivery) } catch { throw HandlerFault(cause: error) }
        return object.resourceVersion
    }

    private func open(from position: String) async throws(KubernetesError) -> any AsyncSequence<ByteBuffer, any Error> {
        try await client.stream(request(from: position))
    }

    private func request(from position: String) -> KubernetesClient.Request {
        let seconds = max(1, Int(client.limits.watchTimeout / .seconds(1)))
        let query =
            selection.query + [
                ("watch", "1"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "\(seconds)"), ("resourceVersion", position),
            ]
        return KubernetesClient.Request(method: .GET, path: resource.path(namespace: namespace) + PercentCoding.query(query))
    }
}
