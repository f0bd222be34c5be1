import ArgumentParser
import Basics
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
              greenroom get pools -o wide
              greenroom get workers -n kagent --node node-3
              greenroom get actors --pool kagent/default --status waiting
              greenroom get pools kagent/default --db ./greenroom.db -o yaml
              greenroom get pools --at 14:03
              greenroom get decisions --pool kagent/default --since 1h
              greenroom get decisions --diff --pool kagent/default
              greenroom get actors -o ate
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
        help: """
            Only this one: NS/NAME of a pool or policy, a worker's name or an actor's id, as NS/NAME if several namespaces have it; for \
            decisions, their pool.
            """)
    var name: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("Only this namespace.", valueName: "ns"))
    var namespace: String?

    @Option(name: .long, help: ArgumentHelp("At most this many rows (of decisions, the newest).", valueName: "n"))
    var limit = 500

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The state at this position of the log, or at this time (14:03, 5m, yesterday 14:03, a date).", valueName: "seq|time"))
    var at: String?

    @Option(name: .long, help: ArgumentHelp("Workers, actors and decisions: only this pool's.", valueName: "ns/name"))
    var pool: String?

    @Option(name: .long, help: ArgumentHelp("Workers (free, busy, draining, …) and actors (waiting, running, …).", valueName: "status"))
    var status: String?

    @Option(name: .long, help: ArgumentHelp("Workers and actors: only those on this node.", valueName: "name"))
    var node: String?

    @Option(name: .long, help: ArgumentHelp("Decisions: none before this time.", valueName: "time"))
    var since: String?

    @Option(name: .long, help: ArgumentHelp("Decisions: none after this time.", valueName: "time"))
    var until: String?

    @Flag(
        name: .long,
        help: "For decisions: the periods in which shadows differ from the pool's own policy, and what each shadow would have cost.")
    var diff = false

    @OptionGroup var source: SourceOptions
    @OptionGroup var format: ListingOptions
    @OptionGroup var times: TimeOptions

    static let limitMaximum = 1_000_000

    func validate() throws {
        guard (1...Self.limitMaximum).contains(limit) else { throw ValidationError("--limit must be between 1 and \(Self.limitMaximum)") }
        if let namespace, namespace.isEmpty || namespace.contains("/") {
            throw ValidationError("--namespace takes a namespace alone: no slash in it")
        }
        if format.isAte, resource != .actors, resource != .workers {
            throw ValidationError("-o ate is for actors and workers: kubectl-ate has no other tables")
        }
        if resource != .decisions, diff { throw ValidationError("--diff is for decisions: greenroom get decisions --diff") }
        if resource == .pools || resource == .policies, pool != nil {
            throw ValidationError(
                "--pool is for workers, actors and decisions: name the pool itself, greenroom get \(resource.rawValue) NS/NAME")
        }
        if resource != .workers, resource != .actors, status != nil || node != nil {
            throw ValidationError("--status and --node are for workers and actors")
        }
        if resource != .decisions, since != nil || until != nil {
            throw ValidationError("--since and --until are for decisions; the state at one moment is --at, events are `greenroom events`")
        }
        if until != nil, at != nil { throw ValidationError("--until and --at say the same of decisions: give one of them") }
        if name != nil, resource != .decisions, pool != nil || status != nil || node != nil {
            throw ValidationError("a name and a filter exclude each other: give one of them")
        }
        if let pool, let name { throw ValidationError("--pool \(pool) and \(name) both name the pool: give one of them") }
        if resource == .actors { _ = try Self.actorStatus(status) }
        if resource == .workers { _ = try Self.workerStatus(status) }
        try MomentOption.check(at, "--at")
        try MomentOption.checkTime(since, "--since")
        try MomentOption.checkTime(until, "--until")
    }

    static func actorStatus(_ text: String?) throws -> ActorState? {
        guard let text else { return nil }
        let wanted = text.uppercased()
        let known = ActorState.allCases.dropFirst()
        for state in known where state.statusName == wanted || state.statusName == "STATUS_\(wanted)" { return state }
        let names = known.map { $0.statusName.replacing("STATUS_", with: "").lowercased() }
        throw ValidationError("--status \(text) is no status of an actor\(NearestName.hint(for: text, in: names))")
    }

    static func workerStatus(_ text: String?) throws -> WorkerStatus? {
        guard let text else { return nil }
        if let status = WorkerStatus(rawValue: text.uppercased()) { return status }
        let names = WorkerStatus.allCases.map { $0.rawValue.lowercased() }
        throw ValidationError("--status \(text) is no status of a worker\(NearestName.hint(for: text, in: names))")
    }

    func run() async throws {
        if diff {
            let found = try await decisionDiff(source.events())
            if found.shadows.isEmpty, format.output.isTable {
                Terminal.writeError("No shadow has decided yet: apply a policy with mode: recommend and spec.shadowOf: POOL.")
            } else {
                Terminal.write(try format.output.text(found.json) { found.text(time: times.text) })
            }
            return
        }
        let listing: Listing
        if resource == .decisions {
            listing = try await decisions(source.events())
        } else {
            listing = try await self.listing(source.state(at: moment(TimeText.now())))
        }
        if listing.isEmpty, format.output.isTable {
            Terminal.writeError("No \(resource.rawValue) found\(namespace.map { " in namespace \($0)" } ?? "").")
        } else {
            Terminal.write(try format.output.text(listing.json) { listing.table.text })
        }
        if listing.isCut { Terminal.writeError(cutNote) }
    }

    private var cutNote: String {
        let which =
            resource == .decisions
            ? "the newest \(limit) are shown: older ones are left out" : "the first \(limit) are shown: there are more"
        let filters =
            resource == .pools || resource == .policies
            ? "-n" : resource == .decisions ? "--pool or --since" : "-n, --pool, --status or --node"
        return "greenroom: \(which) (--limit \(min(limit * 10, Self.limitMaximum)) shows more, \(filters) narrows it)"
    }

    /// What is to be shown, from any source.
    func listing(_ source: any StateSource) async throws -> Listing {
        switch resource {
        case .pools:
            let found = try await pools(source)
            var listing = try Listing(pools: found.rows, isWide: format.output == .wide, isOne: name != nil)
            listing.isCut = found.isCut
            return listing
        case .workers:
            let found = try await workers(source)
            var listing =
                try await format.isAte
                ? Listing(ateWorkers: found.rows, templates: templates(of: found.rows, source), isOne: name != nil)
                : Listing(workers: found.rows, isWide: format.output == .wide, isOne: name != nil)
            listing.isCut = found.isCut
            return listing
        case .actors:
            let found = try await actors(source)
            var listing =
                try format.isAte
                ? Listing(ateActors: found.rows, isOne: name != nil)
                : Listing(actors: found.rows, isWide: format.output == .wide, isOne: name != nil)
            listing.isCut = found.isCut
            return listing
        case .policies:
            let found = try await policies(source)
            var listing = try Listing(policies: found.rows, now: TimeText.now(), isOne: name != nil)
            listing.isCut = found.isCut
            return listing
        case .decisions: preconditionFailure("decisions are read from the events")
        }
    }

    /// Decisions are events: the newest of them.
    func decisions(_ source: any EventSource) async throws -> Listing {
        let now = TimeText.now()
        var query = EventQuery()
        query.kind = .scaleDecided
        query.through = try moment(now) ?? MomentOption.time(until, "--until", times.text, now: now).map { Moment.time($0) }
        query.pool = try (name ?? pool).map { try qualified($0) }
        if let since = try MomentOption.time(since, "--since", times.text, now: now) {
            query.after = try await source.position(before: since)
        }
        let found = try await source.newest(limit, query) { event in
            namespace.map { event.pool?.hasPrefix($0 + "/") == true } ?? true
        }
        var listing = Listing(decisions: found.events.compactMap { RecordedDecision($0) }, time: times.text)
        listing.isCut = found.hasOlder
        return listing
    }

    /// Decisions of pools and of their shadows, side by side.
    func decisionDiff(_ source: any EventSource) async throws -> DecisionDiff {
        let pool = try (name ?? pool).map { try qualified($0) }
        return try await DecisionDiff(source, pool: pool, namespace: namespace, through: moment(TimeText.now()), limit: limit)
    }

    private func moment(_ now: LogTime) throws -> Moment? { try MomentOption.moment(at, "--at", times.text, now: now) }

    // MARK: - One or all

    private typealias Rows<View> = (rows: [View], isCut: Bool)

    private func pools(_ source: any StateSource) async throws -> Rows<PoolView> {
        if let name { return ([try await found(source.pool(qualified(name)), "pool", name)], false) }
        return first(try await source.pools().filter { namespace == nil || $0.namespace == namespace })
    }

    private func workers(_ source: any StateSource) async throws -> Rows<WorkerView> {
        if let name { return ([try await found(source.worker(inNamespace(name)), "worker", name)], false) }
        let status = try Self.workerStatus(status)
        return try await source.workers(namespace: namespace, pool: pool.map { try qualified($0) }, limit: limit) {
            (status == nil || $0.status == status?.rawValue) && (node == nil || $0.node == node)
        }
    }

    private func actors(_ source: any StateSource) async throws -> Rows<ActorView> {
        if let name { return ([try await found(source.actor(inNamespace(name)), "actor", name)], false) }
        return try await source.actors(
            namespace: namespace, pool: pool.map { try qualified($0) }, status: Self.actorStatus(status), limit: limit
        ) { node == nil || $0.node == node }
    }

    /// Of the actors that these workers have, by the actors' full names.
    private func templates(of workers: [WorkerView], _ source: any StateSource) async throws -> [String: String] {
        var templates: [String: String] = [:]
        for pool in Set(workers.filter { !$0.actors.isEmpty }.map { QualifiedName.join($0.namespace, $0.pool) }).sorted() {
            let found = try await source.actors(namespace: nil, pool: pool, limit: Self.limitMaximum) { $0.worker != nil }
            for actor in found.rows { templates[actor.fullName] = actor.template }
        }
        return templates
    }

    private func policies(_ source: any StateSource) async throws -> Rows<PolicyView> {
        if let name { return ([try await found(source.policy(qualified(name)), "policy", name)], false) }
        return first(try await source.policies().filter { namespace == nil || $0.namespace == namespace })
    }

    private func first<View>(_ all: [View]) -> Rows<View> { (Array(all.prefix(limit)), all.count > limit) }

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
    /// `NS/NAME`, from that or from a name and `--namespace`; without one a name is in the namespace `default`, as everywhere.
    static func qualified(_ name: String, namespace: String?) throws -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        switch (parts.count, namespace) {
        case (2, nil) where !parts[0].isEmpty && !parts[1].isEmpty: return name
        case (2, let given?) where given == parts[0] && !parts[1].isEmpty: return name
        case (1, let given) where !name.isEmpty: return "\(given ?? QualifiedName.defaultNamespace)/\(name)"
        case (2, _?): throw Fault(.usage, "\(name) is not in namespace \(namespace ?? "")", do: "give one of the two")
        default: throw Fault(.usage, "\(name) is not a pool's full name", do: "write NS/NAME, or NAME with -n NS")
        }
    }
}
