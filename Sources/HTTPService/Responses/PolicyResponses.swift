import Autoscaling
import Views
import Domain
import HTTPTransport

// Which policy does a pool follow, and what would another one do?
//
// Policies go by their own names: a pool's own has the pool's, a shadow of it another one in the same namespace.
// A policy that is put is answered with the decision it leads to; with `dryRun` nothing else happens.

enum PolicyResponses {
    @Sendable static func list(_ request: RoutedRequest) async throws -> Response {
        let plane = try await StateResponses.plane(request)
        return try await StateResponses.placed(plane) {
            let policies = await plane.policies()
            return try StateResponses.page(policies, policies.count) { "\($0.namespace)/\($0.name)" }
        }
    }

    @Sendable static func one(_ request: RoutedRequest) async throws -> Response {
        let plane = try await StateResponses.plane(request)
        return try await StateResponses.placed(plane) {
            guard let policy = await plane.policy(request.poolName) else {
                throw Problem(.notFound, "there is no policy \(request.poolName)")
            }
            return try ViewJSON.response(policy)
        }
    }

    @Sendable static func put(_ request: RoutedRequest) async throws -> Response {
        let isDryRun = try request.query.flag("dryRun")
        let policy = try policy(request)
        do throws(ControlFault) {
            let decision =
                isDryRun
                ? try await request.parts.plane.preview(policy) : try await request.parts.plane.apply(policy, by: request.principal)
            return encoded(decision)
        } catch {
            throw Problem(error)
        }
    }

    @Sendable static func remove(_ request: RoutedRequest) async throws -> Response {
        do throws(ControlFault) {
            try await request.parts.plane.removePolicy(request.poolName, by: request.principal)
            return .nothing
        } catch {
            throw Problem(error)
        }
    }

    /// A pool that nothing is in any more, such as one whose name was misspelt.
    @Sendable static func removePool(_ request: RoutedRequest) async throws -> Response {
        do throws(ControlFault) {
            try await request.parts.plane.deletePool(request.poolName, by: request.principal)
            return .nothing
        } catch {
            throw Problem(error)
        }
    }

    @Sendable static func pause(_ request: RoutedRequest) async throws -> Response {
        let object = try RequestObject(request.body, known: ["in", "out", "hold"])
        let pause = Pause(
            scaleIn: try object.flag("in") ?? false, scaleOut: try object.flag("out") ?? false,
            hold: try object.integer("hold", in: 0...Int64(PolicyLimits.replicas)).map { Int($0) })
        do throws(ControlFault) {
            return encoded(try await request.parts.plane.pause(request.poolName, pause, by: request.principal))
        } catch {
            throw Problem(error)
        }
    }

    private static func encoded(_ decision: DecisionView) -> Response {
        var json = JSONWriter(reservingBytes: 1_024)
        DecisionJSON.write(decision, to: &json)
        return .json(json.bytes)
    }

    /// The one policy in the body.
    static func only(_ request: RoutedRequest) throws(Problem) -> Policy {
        guard let text = String(validating: request.body, as: UTF8.self) else { throw Problem(.invalidPolicy, "the policy is not UTF-8") }
        let policies: [Policy]
        do throws(PolicyProblems) {
            policies = try request.parts.readPolicies(text)
        } catch {
            throw Problem(error)
        }
        guard let policy = policies.first, policies.count == 1 else {
            throw Problem(.invalidPolicy, "there are \(policies.count) policies in the body: send exactly one")
        }
        return policy
    }

    private static func policy(_ request: RoutedRequest) throws(Problem) -> Policy {
        let policy = try only(request)
        guard policy.name == request.poolName else {
            throw Problem(.invalidPolicy, "the policy is \(policy.name) and the path names \(request.poolName)", field: "metadata.name")
        }
        return policy
    }
}

extension Problem {
    init(_ problems: PolicyProblems) {
        let first = problems.problems.first
        let place = first.map { item in item.line.map { "line \($0), \(item.path)" } ?? item.path } ?? ""
        let more = problems.problems.count > 1 ? "; \(problems.problems.count - 1) more in problems" : ""
        self.init(.invalidPolicy, "\(place): \(first?.message ?? "not a policy")\(more)", field: first?.path)
        var json = JSONWriter()
        json.openArray()
        for item in problems.problems {
            json.openObject()
            json.member("document", item.document)
            if let line = item.line { json.member("line", line) }
            if let column = item.column { json.member("column", column) }
            json.member("path", item.path)
            json.member("message", item.message)
            json.closeObject()
        }
        json.closeArray()
        members = [Member(name: "problems", json: json.bytes)]
    }
}
