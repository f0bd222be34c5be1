import ArgumentParser
import Autoscaling
import Domain
import Inspection
import Output

// How are a policy's bounds and quotas changed without its file?
//
// The policy in effect is read, changed in what was named, and applied as a whole, as `kubectl edit` would. Whatever somebody else
// applies in between is overwritten; the log has both.

struct ScaleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Change the minimum, the maximum or a quota of a pool's policy.",
        discussion: """
            Examples:
              greenroom scale kagent/default --max 40
              greenroom scale kagent/default --min 2 --max 40 --dry-run
              greenroom scale kagent/default --quota acme=12
            Everything else of the policy stays. To set the count itself, use hold.
            A policy that the service has under `policies` in its configuration is
            read from there again at its next start: change that file too.
            Needs a token with the roles read and admin, where the service has tokens.
            """)

    @Argument(help: ArgumentHelp("NS/NAME of the pool.", valueName: "pool"))
    var name: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The namespace, if the name has none.", valueName: "ns"))
    var namespace: String?

    @Option(name: .customLong("min"), help: ArgumentHelp("At least this many workers (minReplicaCount).", valueName: "n"))
    var minimum: Int?

    @Option(name: .customLong("max"), help: ArgumentHelp("At most this many workers (maxReplicaCount).", valueName: "n"))
    var maximum: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("How many of a tenant's actors may hold a slot (quotas); may be repeated.", valueName: "tenant=n"))
    var quota: [String] = []

    @Flag(name: .long, help: "Only print what the policy would decide now; nothing is applied.")
    var dryRun = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard minimum != nil || maximum != nil || !quota.isEmpty else {
            throw ValidationError("name what to change: --min, --max or --quota")
        }
        for (option, value) in [("--min", minimum), ("--max", maximum)] {
            guard let value, !(0...PolicyLimits.replicas).contains(value) else { continue }
            throw ValidationError("\(option) must be between 0 and \(PolicyLimits.replicas)")
        }
        _ = try quotas()
    }

    func run() async throws {
        let pool = try PoolName.qualified(name, namespace: namespace)
        Terminal.writeLine(try await ServiceWriter.with(server, "scale", .admin) { try await change(pool, $0) })
    }

    func change(_ pool: String, _ writer: ServiceWriter) async throws -> String {
        let before = try await writer.policy(pool)
        let after = try changed(before)
        if after == before { return DisplayText.printable("policy \(pool) has these values already") }
        let response = try await writer.put(after, isDryRun: dryRun)
        let what = dryRun ? "would be changed (dry run)" : "changed"
        return DisplayText.printable("policy \(pool) \(what), \(words(before, after))" + (response.map { ": \($0.text)" } ?? ""))
    }

    func changed(_ policy: Policy) throws -> Policy {
        var policy = policy
        if let minimum { policy.minReplicaCount = minimum }
        if let maximum { policy.maxReplicaCount = maximum }
        for (tenant, most) in try quotas() {
            if let index = policy.quotas.firstIndex(where: { $0.tenant == tenant }) {
                policy.quotas[index].maxRunning = most
            } else {
                policy.quotas.append(Quota(tenant: tenant, maxRunning: most))
            }
        }
        return policy
    }

    private func quotas() throws -> [(tenant: String, most: Int)] {
        try quota.map { text in
            guard let equals = text.lastIndex(of: "="), equals > text.startIndex,
                let most = Int(text[text.index(after: equals)...]), (0...PolicyLimits.replicas).contains(most)
            else { throw ValidationError("--quota \(text): write it as TENANT=N, for instance acme=12") }
            return (String(text[..<equals]), most)
        }
    }

    private func words(_ before: Policy, _ after: Policy) -> String {
        var words: [String] = []
        if before.minReplicaCount != after.minReplicaCount {
            words.append("minReplicaCount \(before.minReplicaCount) → \(after.minReplicaCount)")
        }
        if before.maxReplicaCount != after.maxReplicaCount {
            words.append("maxReplicaCount \(before.maxReplicaCount) → \(after.maxReplicaCount)")
        }
        for quota in after.quotas where !before.quotas.contains(quota) {
            let was = before.quotas.first { $0.tenant == quota.tenant }.map { "\($0.maxRunning)" } ?? "none"
            words.append("quota of \(quota.tenant) \(was) → \(quota.maxRunning)")
        }
        return words.joined(separator: ", ")
    }
}
