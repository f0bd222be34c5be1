import Autoscaling
import Pollers

// What may a policy say in a file of the operator's, and not in an object of the cluster?
//
// Whoever may write objects in one namespace is not the operator. Such a policy runs no commands in the service's own pod and
// has it send no other namespace's secrets anywhere. It has it ask no address that only the service's own machine may reach.
// Names are looked up when they are asked (`Pollers/AddressRule.swift`); here only what can't be right is refused.

enum ObjectRules {
    static func problems(of policy: Policy, addresses: AddressRule = AddressRule()) -> [String] {
        process(policy) + policy.triggers.indices.flatMap { files(policy, $0) + address(policy, $0, addresses) }
    }

    private static func address(_ policy: Policy, _ index: Int, _ addresses: AddressRule) -> [String] {
        guard let poll = policy.triggers[index].poll, let refusal = addresses.refusal(ofURL: poll.source.address) else { return [] }
        let field =
            switch poll.source {
            case .prometheus: "serverAddress"
            case .natsJetStream: "monitoringEndpoint"
            }
        return [
            "spec.triggers[\(index)].\(field): \(refusal), which a policy object may not poll; the operator may allow it under kubernetes.policyAddresses"
        ]
    }

    private static func process(_ policy: Policy) -> [String] {
        guard policy.target.kind == "Process" else { return [] }
        return [
            "spec.scaleTargetRef.kind: Process is for policies that come by file or PUT; an object scales what has a /scale in its namespace"
        ]
    }

    private static func files(_ policy: Policy, _ index: Int) -> [String] {
        guard let poll = policy.triggers[index].poll else { return [] }
        let files = [
            ("bearerTokenFile", poll.bearerTokenFile), ("tls.caFile", poll.tls?.caFile), ("tls.certFile", poll.tls?.certFile),
            ("tls.keyFile", poll.tls?.keyFile),
        ]
        return files.compactMap { field, file in
            guard let file, !file.hasPrefix("\(policy.namespace)/") else { return nil }
            return "spec.triggers[\(index)].\(field): must be in the folder of its namespace, such as \(policy.namespace)/\(file)"
        }
    }
}
