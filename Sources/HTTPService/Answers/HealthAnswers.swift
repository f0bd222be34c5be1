import Domain
import HTTPTransport
import HTTPTypes
import Synchronization

// Is the service alive, is it ready, and what do its meters read?
//
// Whether it is alive is answered on the event loop, whatever else is under way. Ready is an instance that can serve: its log can be
// written, its loop is not behind, and it leads. Checks run side by side; one that doesn't answer in time fails.

enum HealthAnswers {
    private static let started = ContinuousClock.now

    private static var uptimeSeconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - started).components
        return Double(seconds) + (Double(attoseconds) / 1e15).rounded() / 1e3
    }

    /// Fixes the start of `uptime`; called when the server starts.
    static func start() { _ = started }

    @Sendable static func alive() -> Answer {
        .object { json in
            json.member("status", "ok")
            json.member("uptime", uptimeSeconds)
        }
    }

    @Sendable static func ready(_ question: Question) async throws -> Answer {
        let results = await results(of: question.parts.readiness, within: question.limits.readinessSeconds)
        let isReady = results.allSatisfy(\.isOK)
        var answer = Answer.object(status: isReady ? .ok : .serviceUnavailable) { json in
            json.member("status", isReady ? "ok" : "failing")
            json.member("uptime", uptimeSeconds)
            json.key("checks")
            json.openArray()
            for result in results {
                json.openObject()
                json.member("name", result.name)
                json.member("status", result.isOK ? "ok" : "failing")
                if let detail = result.detail { json.member("detail", detail) }
                json.closeObject()
            }
            json.closeArray()
        }
        if !isReady { answer.fields[.retryAfter] = String(question.limits.retryAfterSeconds) }
        return answer
    }

    private static func results(of checks: [ReadinessCheck], within seconds: Double) async -> [(name: String, isOK: Bool, detail: String?)] {
        let asked = checks.map { check in (name: check.name, answer: FirstAnswer(to: check, within: seconds)) }
        var results: [(name: String, isOK: Bool, detail: String?)] = []
        for (name, answer) in asked {
            switch await answer.value {
            case .ok: results.append((name, true, nil))
            case .note(let text): results.append((name, true, text))
            case .failing(let problem): results.append((name, false, problem))
            }
        }
        return results
    }

    /// A check's answer, or that there was none in time. The check's task is left to end by itself: it may be what hangs.
    private struct FirstAnswer: Sendable {
        private let task: Task<ReadinessCheck.Result, Never>
        var value: ReadinessCheck.Result { get async { await task.value } }

        init(to check: ReadinessCheck, within seconds: Double) {
            task = Task {
                await withCheckedContinuation { continuation in
                    let answer = Once(continuation)
                    let late = Task {
                        guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
                        answer.give(.failing("no answer within \(seconds) s"))
                    }
                    Task {
                        answer.give(await check.run())
                        late.cancel()
                    }
                }
            }
        }
    }

    private final class Once: Sendable {
        private let waiting: Mutex<CheckedContinuation<ReadinessCheck.Result, Never>?>
        init(_ continuation: CheckedContinuation<ReadinessCheck.Result, Never>) { waiting = Mutex(continuation) }

        func give(_ result: ReadinessCheck.Result) {
            let continuation = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            continuation?.resume(returning: result)
        }
    }

    @Sendable static func metrics(_ question: Question) async throws -> Answer {
        guard let meters = question.shared.meters else { throw Problem(.notFound, "this server collects no metrics") }
        let wantsOpenMetrics = MediaType.accepts(question.head.headerFields[.accept], "application/openmetrics-text")
        let type = wantsOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8"
        return Answer(contentType: type, .bytes(await meters.text(openMetrics: wantsOpenMetrics)))
    }
}
