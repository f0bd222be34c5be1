package import Autoscaling
package import Domain
import HTTPTransport
import Views

// What would another policy have done, and is the log still what was written?
//
// Both read the log and fold it again, which takes a while: `LongWork` tells how far they are. Neither changes anything.

/// A policy to be tried on what a pool's log holds.
package struct WhatIfQuery: Hashable, Sendable {
    /// `NAMESPACE/NAME`.
    package var pool: String
    package var policy: Policy
    /// Both included; nil for the beginning and the end of the log.
    package var from: Moment?
    package var to: Moment?
    package var seed: UInt64

    package init(pool: String, policy: Policy, from: Moment? = nil, to: Moment? = nil, seed: UInt64 = 1) {
        self.pool = pool
        self.policy = policy
        self.from = from
        self.to = to
        self.seed = seed
    }
}

enum LabResponses {
    @Sendable static func whatIf(_ request: RoutedRequest) async throws -> Response {
        guard let whatIf = request.parts.whatIf else {
            throw Problem(.notFound, "this server replays no policies: use `greenroom replay --db --policy` on its log")
        }
        let policy = try PolicyResponses.only(request)
        // Its own policy, or a shadow of it.
        guard policy.pool == request.poolName else {
            throw Problem(
                .invalidPolicy, "the policy is for pool \(policy.pool) and the path names \(request.poolName)", field: "metadata.name")
        }
        let query = WhatIfQuery(
            pool: request.poolName, policy: policy, from: try request.query.moment("from"), to: try request.query.moment("to"),
            seed: UInt64(try request.query.integer("seed", in: 0...(.max)) ?? 1))
        return try await LongWork.response(request) { progress in
            do throws(ControlFault) { return try await whatIf(query, progress) } catch { throw Problem(error) }
        }
    }

    @Sendable static func verify(_ request: RoutedRequest) async throws -> Response {
        guard let verify = request.parts.verify else {
            throw Problem(.notFound, "this server can't verify its log: use `greenroom log verify --db`")
        }
        let skipsDecisions = try request.query.flag("skipDecisions")
        return try await LongWork.response(request) { progress in
            do throws(ControlFault) { return try await verify(!skipsDecisions, progress) } catch { throw Problem(error) }
        }
    }
}
