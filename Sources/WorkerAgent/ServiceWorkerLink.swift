package import Domain
package import Logging
import Basics
import ServiceClient

// How does a worker reach the service over HTTP/2?
//
// Reports are `POST /v1/events`, placements `GET /v1/events` with the worker's name. Each call is one try: the worker decides
// about the next, because it alone knows how long a report may wait.

package struct ServiceWorkerLink: WorkerLink {
    private let client: ServiceClient

    /// What the link was given can't be used: which option, and why.
    package struct SetupFault: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// - Parameters:
    ///   - token: sent as `Authorization: Bearer …`.
    ///   - trustFile: PEM of the authority that signed the service's certificate; nil trusts the machine's own.
    package init(server: String, token: String? = nil, trustFile: String? = nil, logger: Logger) throws(SetupFault) {
        do throws(BaseURL.Fault) {
            var configuration = ClientConfiguration(url: try BaseURL(server), token: token)
            configuration.trustFile = trustFile
            client = ServiceClient(configuration, log: logger)
        } catch {
            throw SetupFault(description: error.description)
        }
    }

    package func close() async { await client.close() }

    package func send(_ events: EventBatch) async throws(WorkerLinkFault) -> Acknowledgement {
        var request = ClientRequest.events(BatchJSON.encode(events), isBatch: true)
        request.isIdempotent = false
        let response: WholeResponse
        do throws(ClientError) { response = try await client.request(request) } catch { throw WorkerLinkFault(error) }
        guard let acknowledgement = Acknowledgement(json: response.body) else {
            throw .unavailable("an answer to POST /v1/events without firstSeq and lastSeq; is this a Greenroom server?")
        }
        // Of several events some may be repeats of other ones: these aren't in the log. Sent one by one, each is answered for itself.
        if Acknowledgement.hasConflicts(json: response.body) {
            throw .refused("the log has other events under the ids of some of these")
        }
        return acknowledgement
    }

    package func readPlacements(
        of worker: String, after: Position?, follow: Bool, opened: @escaping @Sendable () async -> Void,
        _ take: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(WorkerLinkFault) {
        let from = after.map { String($0) } ?? "latest"
        var path = "/v1/events?kind=actor.placed,worker.gone&worker=\(PercentCoding.encode(worker))&after=\(from)"
        if follow { path += "&follow=true" }
        do throws(ClientError) {
            try await client.withLines(.get(path)) { lines throws(ClientError) in
                await opened()
                while let line = try await lines.next() { guard await take(line) else { return } }
            }
        } catch { throw WorkerLinkFault(error) }
    }
}

extension WorkerLinkFault {
    init(_ error: ClientError) {
        switch error {
        case .refused(let status, let problem):
            switch status {
            case 401, 403: self = .denied(problem.detail)
            case 408, 429, 500...: self = .unavailable(problem.detail, retryAfterSeconds: problem.retryAfterSeconds)
            default: self = .refused(error.description)
            }
        case .unreachable, .unexpected, .busy, .cancelled: self = .unavailable(error.description)
        }
    }
}

extension Acknowledgement {
    /// `{"accepted":n,"duplicates":m,"firstSeq":a,"lastSeq":b}`
    init?(json: [UInt8]) {
        let positions = json.withUnsafeBufferPointer { bytes -> (Position, Position)? in
            var cursor = JSONCursor(bytes)
            guard let whole = try? cursor.value(), whole.kind == .object else { return nil }
            let body = EventBody(bytes, whole.range)
            guard let first = body["firstSeq"].flatMap(body.integer), let last = body["lastSeq"].flatMap(body.integer) else { return nil }
            return (first, last)
        }
        guard let positions else { return nil }
        self.init(firstSeq: positions.0, lastSeq: positions.1)
    }

    /// Whether some of the events are in the log under their ids with other content.
    static func hasConflicts(json: [UInt8]) -> Bool {
        json.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            guard let whole = try? cursor.value(), whole.kind == .object else { return false }
            let body = EventBody(bytes, whole.range)
            var isThere = false
            if let conflicts = body["conflicts"] { body.forEachElement(of: conflicts) { _ in isThere = true } }
            return isThere
        }
    }
}
