import Autoscaling
import Views
import Domain
import HTTPTransport

// Which policy does a pool follow, and what would another one do?
//
// Policies go by their own names: a pool's own has the pool's, a shadow of it another one in the same namespace.
// A policy that is put is answered with the decision it leads to; with `dryRun` nothing else happens.

enum PolicyAnswers {
    @Sendable static func list(_ question: Question) async throws -> Answer {
        let policies = await question.parts.plane.policies()
        return try StateAnswers.page(policies, policies.count) { "\($0.namespace)/\($0.name)" }
    }

    @Sendable static func one(_ question: Question) async throws -> Answer {
        guard let policy = await question.parts.plane.policy(question.poolName) else {
            throw Problem(.notFound, "there is no policy \(question.poolName)")
        }
        return try ViewJSON.answer(policy)
    }

    @Sendable static func put(_ question: Question) async throws -> Answer {
        let isDryRun = try question.query.flag("dryRun")
        let policy = try policy(question)
        do throws(ControlFault) {
            let decision = isDryRun ? try await question.parts.plane.preview(policy) : try await question.parts.plane.apply(policy)
            return try encoded(decision)
        } catch {
            throw Problem(error)
        }
    }

    @Sendable static func remove(_ question: Question) async throws -> Answer {
        do throws(ControlFault) {
            try await question.parts.plane.removePolicy(question.poolName)
            return .nothing
        } catch {
            throw Problem(error)
        }
    }

    @Sendable static func pause(_ question: Question) async throws -> Answer {
        let object = try RequestObject(question.body, known: ["in", "out", "hold"])
        let pause = Pause(
            scaleIn: try object.flag("in") ?? false, scaleOut: try object.flag("out") ?? false,
            hold: try object.integer("hold", in: 0...Int64(PolicyLimits.replicas)).map { Int($0) })
        do throws(ControlFault) {
            return try encoded(try await question.parts.plane.pause(question.poolName, pause, by: question.principal))
        } catch {
            throw Problem(error)
        }
    }

    private static func encoded(_ decision: DecisionView) throws(ControlFault) -> Answer {
        do { return try ViewJSON.answer(decision) } catch { throw .unavailable("the decision can't be written as JSON") }
    }

    private static func policy(_ question: Question) throws(Problem) -> Policy {
        guard let text = String(validating: question.body, as: UTF8.self) else { throw Problem(.invalidPolicy, "the policy is not UTF-8") }
        let policies: [Policy]
        do throws(PolicyProblems) {
            policies = try question.parts.readPolicies(text)
        } catch {
            throw Problem(error)
        }
        guard let policy = policies.first, policies.count == 1 else {
            throw Problem(.invalidPolicy, "there are \(policies.count) policies in the body: send exactly one")
        }
        guard policy.name == question.poolName else {
            throw Problem(.invalidPolicy, "the policy is \(policy.name) and the path names \(question.poolName)", field: "metadata.name")
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
