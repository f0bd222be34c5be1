import Domain
import HTTPTypes

// Is the service alive, is it ready, and what do its meters read?

enum HealthAnswers {
    private static let started = ContinuousClock.now

    private static var uptimeSeconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - started).components
        return Double(seconds) + (Double(attoseconds) / 1e15).rounded() / 1e3
    }

    /// Fixes the start of `uptime`; called when the server starts.
    static func start() { _ = started }

    @Sendable static func alive(_ question: Question) async throws -> Answer {
        .object { json in
            json.member("status", "ok")
            json.member("uptime", uptimeSeconds)
        }
    }

    @Sendable static func ready(_ question: Question) async throws -> Answer {
        var results: [(name: String, isOK: Bool, detail: String?)] = []
        for check in question.parts.readiness {
            switch await check.run() {
            case .ok: results.append((check.name, true, nil))
            case .note(let text): results.append((check.name, true, text))
            case .failing(let problem): results.append((check.name, false, problem))
            }
        }
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

    @Sendable static func metrics(_ question: Question) async throws -> Answer {
        guard let metricsText = question.parts.metricsText else { throw Problem(.notFound, "this server collects no metrics") }
        let wantsOpenMetrics = MediaType.accepts(question.head.headerFields[.accept], "application/openmetrics-text")
        let type = wantsOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8"
        return Answer(contentType: type, .bytes(await metricsText(wantsOpenMetrics)))
    }
}
