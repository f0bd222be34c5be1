import ArgumentParser
import Views
import Domain
import Inspection
import Output

// What is there now?
//
// `get pools|workers|actors|policies|decisions`: one table each, in the columns of the tools around it.

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "List pools, workers, actors, policies or decisions.",
        discussion: """
            Examples:
              greenroom get pools
              greenroom get workers -n kagent
              greenroom get actors --limit 20 -o json
              greenroom get pools kagent/default --db ./greenroom.db -o yaml
              greenroom get pools --at 14:03
              greenroom get decisions --diff --pool kagent/default
            """)

    enum Resource: String, ExpressibleByArgument, CaseIterable, Sendable {
        case pools, workers, actors, policies, decisions

        /// `pool` and `po` are the same as `pools`, as with kubectl.
        init?(argument: String) {
            switch argument.lowercased() {
            case "pools", "pool", "po": self = .pools
            case "workers", "worker": self = .workers
            case "actors", "actor": self = .actors
            case "policies", "policy": self = .policies
            case "decisions", "decision": self = .decisions
            default: return nil
            }
        }
    }

    @Argument(help: "pools, workers, actors, policies or decisions.")
    var resource: Resource

    @Argument(
        help:
            "Only this one: NS/NAME of a pool or policy, a worker's name or an actor's id, as NS/NAME if several namespaces have it; for decisions, their pool."
    )
    var name: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("Only this namespace.", valueName: "ns"))
    var namespace: String?

    @Option(name: .long, help: ArgumentHelp("At most this many rows (of decisions, the newest).", valueName: "n"))
    var limit = 500

    @Option(
        name: .long,
        help: ArgumentHelp("The state at this position of the log, or at this time (RFC 3339, or local).", valueName: "seq|time"))
    var at: String?

    @Option(name: .long, help: ArgumentHelp("For decisions: only this pool's.", valueName: "ns/name"))
    var pool: String?

    @Flag(
        name: .long,
        help: "For decisions: the periods in which shadows differ from the pool's own policy, and what each shadow would have cost.")
    var diff = false

    @OptionGroup var source: SourceOptions
    @OptionGroup var format: OutputOptions

    static let limitMaximum = 1_000_000

    func validate() throws {
        guard (1...Self.limitMaximum).contains(limit) else { throw ValidationError("--limit must be between 1 and \(Self.limitMaximum)") }
        if let namespace, namespace.isEmpty || namespace.contains("/") {
            throw ValidationError("--namespace takes a namespace alone: no slash in it")
        }
        if resource != .decisions, diff || pool != nil {
            throw ValidationError("--diff and --pool are for decisions: greenroom get decisions --diff")
        }
        if let pool, let name { throw ValidationError("--pool \(pool) and \(name) both name the pool: give one of them") }
        if let at, Moment(at, today: .zero) == nil {
            throw ValidationError("--at \(at) is neither a position nor a time (2026-11-21T14:03:00Z, \"2026-11-21 14:03\", 14:03)")
        }
    }

    func run() async throws {
        if diff {
            let found = try await decisionDiff(source.events())
            if found.shadows.isEmpty, format.output == .table {
                Terminal.writeError("No shadow has decided yet: apply a policy with mode: recommend and spec.shadowOf: POOL.")
            } else {
                Terminal.write(try format.output.text(found.json) { found.text() })
            }
            return
        }
        let listing: Listing
        if resource == .decisions {
            listing = try await decisions(source.events())
        } else {
            listing = try await self.listing(source.state(at: moment()))
        }
        if listing.isEmpty, format.output == .table {
            Terminal.writeError("No \(resource.rawValue) found\(namespace.map { " in namespace \($0)" } ?? "").")
        } else {
            Terminal.write(try format.output.text(listing.json) { listing.table.text })
        }
    }

    /// What is to be shown, from any source.
    func listing(_ source: any StateSource) async throws -> Listing {
        switch resource {
        case .pools: try await Listing(pools: pools(source), isOne: name != nil)
        case .workers: try await Listing(workers: workers(source), isOne: name != nil)
        case .actors: try await Listing(actors: actors(source), isOne: name != nil)
        case .policies: try await Listing(policies: policies(source), now: TimeText.now(), isOne: name != nil)
        case .decisions: preconditionFailure("decisions are read from the events")
        }
    }

    /// Decisions are events: the newest of them.
    func decisions(_ source: any EventSource) async throws -> Listing {
        var query = EventQuery()
        query.kind = .scaleDecided
        query.through = moment()
        query.pool = try (name ?? pool).map { try qualified($0) }
        let found = try await source.newest(limit, query) { event in
            namespace.map { event.pool?.hasPrefix($0 + "/") == true } ?? true
        }
        return Listing(decisions: found.events.compactMap { RecordedDecision($0) })
    }

    /// Decisions of pools and of their shadows, side by side.
    func decisionDiff(_ source: any EventSource) async throws -> DecisionDiff {
        let pool = try (name ?? pool).map { try qualified($0) }
        return try await DecisionDiff(source, pool: pool, namespace: namespace, through: moment(), limit: limit)
    }

    private func moment() -> Moment? { at.flatMap { Moment($0, today: TimeText.now()) } }

    // MARK: - One or all

    private func pools(_ source: any StateSource) async throws -> [PoolView] {
        if let name { return [try await found(source.pool(qualified(name)), "pool", name)] }
        return Array(try await source.pools().filter { namespace == nil || $0.namespace == namespace }.prefix(limit))
    }

    private func workers(_ source: any StateSource) async throws -> [WorkerView] {
        if let name { return [try await found(source.worker(inNamespace(name)), "worker", name)] }
        return try await source.workers(namespace: namespace, limit: limit)
    }

    private func actors(_ source: any StateSource) async throws -> [ActorView] {
        if let name { return [try await found(source.actor(inNamespace(name)), "actor", name)] }
        return try await source.actors(namespace: namespace, limit: limit)
    }

    private func policies(_ source: any StateSource) async throws -> [PolicyView] {
        if let name { return [try await found(source.policy(qualified(name)), "policy", name)] }
        return Array(try await source.policies().filter { namespace == nil || $0.namespace == namespace }.prefix(limit))
    }

    private func inNamespace(_ name: String) -> String { namespace.map { QualifiedName.full(name, in: $0) } ?? name }
    private func qualified(_ name: String) throws -> String { try PoolName.qualified(name, namespace: namespace) }

    private func found<View>(_ view: View?, _ what: String, _ name: String) throws -> View {
        guard let view else {
            throw Fault(.no, "no \(what) named \(name)", do: "`greenroom get \(resource.rawValue)` lists those there are")
        }
        return view
    }
}

/// A pool's name as users may write it.
enum PoolName {
    /// `NS/NAME`, from that or from a name and `--namespace`.
    static func qualified(_ name: String, namespace: String?) throws -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        switch (parts.count, namespace) {
        case (2, nil) where !parts[0].isEmpty && !parts[1].isEmpty: return name
        case (2, let given?) where given == parts[0] && !parts[1].isEmpty: return name
        case (1, let given?) where !name.isEmpty: return "\(given)/\(name)"
        case (2, _?): throw Fault(.usage, "\(name) is not in namespace \(namespace ?? "")", do: "give one of the two")
        default: throw Fault(.usage, "\(name) is not a pool's full name", do: "write NS/NAME, or NAME with -n NS")
        }
    }
}
