import Autoscaling
import Views
import Domain
import HTTPTransport
import HTTPTypes

// Where may this actor run?
//
// A placement waits as long as it was asked to and not longer; the answer is a worker, or the place in the queue and why.

enum PlacementResponses {
    @Sendable static func place(_ request: RoutedRequest) async throws -> Response {
        let object = try RequestObject(
            request.body,
            known: ["actor", "pool", "template", "selector", "waitSeconds", "wait", "priority", "expectedMillis", "deadline", "id"])
        let wanted = PlacementRequest(
            actor: try object.requiredText("actor"), pool: QualifiedName.pool(try object.requiredText("pool")),
            template: try object.text("template"),
            selector: try object.stringMap("selector").map { Trigger.Label(key: $0.key, value: $0.value) },
            priority: try object.integer("priority", in: Int64.min...Int64.max) ?? 0,
            expectedMillis: try object.integer("expectedMillis", in: 0...EventLimits.millis), deadline: try object.time("deadline"),
            id: try object.text("id"), traceparent: traceparent(of: request))
        if let id = wanted.id, id.utf8.count > PlacementRequest.idBytes {
            throw Problem(.invalidRequest, "id has more than \(PlacementRequest.idBytes) bytes", field: "id")
        }
        let most = min(request.limits.placementWaitSeconds, PlacementRequest.longestWaitSeconds)
        // `wait` is its older name.
        let wait = try object.seconds("waitSeconds", upTo: most) ?? object.seconds("wait", upTo: most) ?? 0
        do throws(ControlFault) {
            return response(try await request.parts.plane.place(wanted, waitSeconds: wait), request.parts.traceparent)
        } catch {
            throw Problem(error)
        }
    }

    /// Only what has the letters of W3C Trace Context: anything else counts as none, as that standard wants it.
    private static func traceparent(of request: RoutedRequest) -> String? {
        guard let name = HTTPField.Name("traceparent"), let value = request.head.headerFields[name], (55...256).contains(value.utf8.count),
            value.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return value
    }

    @Sendable static func withdraw(_ request: RoutedRequest) async throws -> Response {
        do throws(ControlFault) {
            try await request.parts.plane.withdraw(request.fullName("actor"), by: request.principal)
            return .nothing
        } catch {
            throw Problem(error)
        }
    }

    private static func response(_ placement: PlacementResponse, _ traceparent: (@Sendable (Position) -> String?)?) -> Response {
        switch placement {
        case .placed(let worker, let node, let ip, let tier, let restoreFrom, let waitedSeconds, let seq):
            .object { json in
                json.member("worker", worker)
                json.member("node", node)
                json.optional("ip", ip)
                json.member("tier", tier.name)
                json.optional("restoreFrom", restoreFrom)
                json.member("waitedSeconds", waitedSeconds)
                // Its older name.
                json.member("waited", waitedSeconds)
                json.member("seq", seq)
                if let traceparent = traceparent?(seq) { json.member("traceparent", traceparent) }
            }
        case .ended(let worker, let tier, let waitedSeconds, let seq):
            .object { json in
                json.member("worker", worker)
                json.member("tier", tier.name)
                json.member("waitedSeconds", waitedSeconds)
                json.member("seq", seq)
                json.member("ended", true)
            }
        case .waiting(let position, let reason, let detail):
            .object(status: .accepted) { json in
                json.member("position", position)
                json.member("reason", reason.name)
                json.member("detail", detail)
                guard reason == .noEligiblePool else { return }
                json.key("warnings")
                json.openArray()
                json.openObject()
                json.member("detail", detail)
                json.closeObject()
                json.closeArray()
            }
        }
    }
}

extension JSONWriter {
    /// A member that is null where there is no value.
    mutating func optional(_ name: String, _ value: String?) {
        if let value { return member(name, value) }
        key(name)
        null()
    }
}
