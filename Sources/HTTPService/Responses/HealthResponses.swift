import Domain
import HTTPTransport
import HTTPTypes
import Machine

// Is the service alive, is it ready, and what do its meters read?
//
// Whether it is alive is answered on the event loop, whatever else is under way. Ready is an instance that can serve: its log can be
// written, its loop is not behind, and it leads. Checks run side by side; one that doesn't answer in time fails.

enum HealthResponses {
    private static let started = ContinuousClock.now

    private static var uptimeSeconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - started).components
        return Double(seconds) + (Double(attoseconds) / 1e15).rounded() / 1e3
    }

    /// Fixes the start of `uptimeSeconds`; called when the server starts.
    static func start() { _ = started }

    @Sendable static func alive() -> Response {
        .object { json in
            json.member("status", "ok")
            json.member("uptimeSeconds", uptimeSeconds)
            // Its older name.
            json.member("uptime", uptimeSeconds)
        }
    }

    @Sendable static func ready(_ request: RoutedRequest) async throws -> Response {
        let results = await results(of: request.parts.readiness, within: request.limits.readinessSeconds)
        let isReady = results.allSatisfy(\.isOK)
        var response = Response.object(status: isReady ? .ok : .serviceUnavailable) { json in
            json.member("status", isReady ? "ok" : "failing")
            json.member("uptimeSeconds", uptimeSeconds)
            // Its older name.
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
        if !isReady { response.fields[.retryAfter] = String(request.limits.retryAfterSeconds) }
        return response
    }

    private static func results(of checks: [ReadinessCheck], within seconds: Double) async -> [(name: String, isOK: Bool, detail: String?)]
    {
        let asked = checks.map { check in (name: check.name, response: Task { await response(of: check, within: seconds) }) }
        var results: [(name: String, isOK: Bool, detail: String?)] = []
        for (name, response) in asked {
            switch await response.value {
            case .ok: results.append((name, true, nil))
            case .note(let text): results.append((name, true, text))
            case .failing(let problem): results.append((name, false, problem))
            }
        }
        return results
    }

    /// A check's answer, or that there was none in time. The check's task is left to end by itself: it may be what hangs.
    private static func response(of check: ReadinessCheck, within seconds: Double) async -> ReadinessCheck.Result {
        let response = FirstResult<ReadinessCheck.Result>()
        let late = Task {
            guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
            response.give(.success(.failing("no answer within \(seconds) s")))
        }
        Task {
            response.give(.success(await check.run()))
            late.cancel()
        }
        return (try? await response.value()) ?? .failing("was not waited for")
    }

    @Sendable static func metrics(_ request: RoutedRequest) async throws -> Response {
        guard let meters = request.shared.meters else { throw Problem(.notFound, "this server collects no metrics") }
        let wantsOpenMetrics = MediaType.accepts(request.head.headerFields[.accept], "application/openmetrics-text")
        let type =
            wantsOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8"
        return Response(contentType: type, .bytes(await meters.text(openMetrics: wantsOpenMetrics)))
    }
}
