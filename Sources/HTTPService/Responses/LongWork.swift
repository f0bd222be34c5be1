import Domain
import HTTPTransport
import HTTPTypes
import Synchronization

// How is work answered that takes seconds or minutes?
//
// A client that accepts text/event-stream is told how far it is, at most five times a second: messages `progress`, and at the end one
// `result` or one `problem`, which is the problem that another client gets as its response. Another client waits for the result alone.
// A client that leaves ends the work.

/// How far a piece of work is.
package final class WorkProgress: Sendable {
    package struct Step: Hashable, Sendable {
        /// What is being done: a word of the route's.
        package var stage: String
        package var done: Int64
        package var total: Int64
    }

    private let step = Mutex<Step?>(nil)

    package init() {}

    package func note(_ stage: String, _ done: Int64, of total: Int64) {
        step.withLock { $0 = Step(stage: stage, done: min(done, total), total: total) }
    }

    package var last: Step? { step.withLock { $0 } }
}

enum LongWork {
    private static let progressInterval = Duration.milliseconds(200)

    /// - Parameter work: gives JSON.
    static func response(
        _ request: RoutedRequest, _ work: @escaping @Sendable (WorkProgress) async throws -> [UInt8]
    ) async throws -> Response {
        let accept = request.head.headerFields[.accept]
        guard MediaType.accepts(accept, "text/event-stream") else { return .json(try await work(WorkProgress())) }
        let streaming = Response.Streaming(heartbeat: Array(": still here\n\n".utf8)) { writer in
            try await tell(request, work, to: writer)
        }
        var response = Response(contentType: "text/event-stream", .stream(streaming))
        response.fields[.cacheControl] = "no-store"
        return response
    }

    private static func tell(
        _ request: RoutedRequest, _ work: @escaping @Sendable (WorkProgress) async throws -> [UInt8], to writer: ResponseWriter
    ) async throws {
        let progress = WorkProgress()
        let last = try await withThrowingTaskGroup(of: [UInt8]?.self) { group -> [UInt8]? in
            group.addTask { try await ending(of: work, progress, request) }
            group.addTask {
                var told: WorkProgress.Step?
                while !Task.isCancelled {
                    if let step = progress.last, step != told {
                        told = step
                        // Throws where the client is gone, which ends the work.
                        try await writer.write(message("progress", json(step)))
                    }
                    try? await Task.sleep(for: progressInterval)
                }
                return nil
            }
            defer { group.cancelAll() }
            // The teller ends only once it is cancelled.
            guard let first = try await group.next() else { return nil }
            return first
        }
        if let last { try await writer.write(last) }
    }

    /// The last message: what came of it.
    private static func ending(
        of work: @Sendable (WorkProgress) async throws -> [UInt8], _ progress: WorkProgress, _ request: RoutedRequest
    ) async throws -> [UInt8] {
        do {
            return message("result", try await work(progress))
        } catch let problem as Problem {
            return message("problem", problem.body)
        } catch let error as CancellationError {
            throw error
        } catch {
            let path = String((request.head.path ?? "").prefix(200))
            request.shared.log.error("a request failed", metadata: ["path": "\(path)", "error": "\(error)"])
            return message("problem", Problem(.internalError, "the request failed here; the server's log says why").body)
        }
    }

    private static func json(_ step: WorkProgress.Step) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 96)
        json.openObject()
        json.member("stage", step.stage)
        json.member("done", step.done)
        json.member("total", step.total)
        json.closeObject()
        return json.bytes
    }

    private static func message(_ event: String, _ data: [UInt8]) -> [UInt8] {
        var bytes = Array("event: \(event)\ndata: ".utf8)
        bytes.append(contentsOf: data)
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }
}
