package import Domain

// How is an operator told why an actor waits?
//
// One sentence with the numbers behind it: what is there, what would help.

extension BlockedPlacement {
    /// For instance: "paused on node-a: 4 eligible workers there, all busy; 12 free workers elsewhere could restore the
    /// external snapshot of 14:02 (1.2 GB ≈ 3.1 s); looks elsewhere at 14:05:07".
    /// - Parameter tenant: the actor's; empty where it has none.
    package func text(names: some NameReading, tenant: String) -> String {
        switch reason {
        case .quota: quotaText(tenant)
        case .nodeLocality: localityText(names) + untilText
        case .noEligiblePool:
            all.ready + all.starting == 0
                ? "its pool has no workers, and no policy that would start some"
                : "none of \(Self.workers(all.ready + all.starting)) has the sandbox class and the labels it asks for"
        case .poolExhausted:
            (node.isNone ? "" : "paused on \(names.text(of: node)): \(thereText); ")
                + "\(Self.workers(eligible.ready, "eligible")), all busy; \(eligible.starting) starting, \(eligible.draining) draining"
        }
    }

    private func quotaText(_ tenant: String) -> String {
        guard let quota else { return "its tenant's quota is used up" }
        return "its tenant\(tenant.isEmpty ? "" : " \(tenant)") runs \(quota.running) of at most \(quota.maxRunning)"
    }

    private func localityText(_ names: some NameReading) -> String {
        let elsewhere = Self.workers(freeElsewhere, "free") + " elsewhere"
        if isBound { return "paused on \(names.text(of: node)): \(thereText); \(elsewhere), but its host restores it on that node alone" }
        guard let external else { return "paused on \(names.text(of: node)): \(thereText); \(elsewhere), but it has no external snapshot" }
        let size = external.bytes > 0 ? "\(Self.size(external.bytes)) ≈ \(Self.seconds(restoreMicroseconds))" : "of unknown size"
        return
            "paused on \(names.text(of: node)): \(thereText); \(elsewhere) could restore the external snapshot of \(Self.clock(external.at, 11..<16)) (\(size))"
    }

    private var thereText: String {
        guard eligibleThere.ready > 0 else { return "no eligible worker there" }
        return Self.workers(eligibleThere.ready, "eligible") + " there, " + (eligibleThere.ready == 1 ? "busy" : "all busy")
    }

    private var untilText: String { waitsUntil.map { "; looks elsewhere at \(Self.clock($0, 11..<19))" } ?? "" }

    private static func workers(_ count: Int, _ kind: String = "") -> String {
        "\(count) \(kind.isEmpty ? "" : kind + " ")worker\(count == 1 ? "" : "s")"
    }

    private static func clock(_ time: LogTime, _ digits: Range<Int>) -> String {
        String(decoding: Array(time.rfc3339.utf8)[digits], as: UTF8.self)
    }

    /// With one decimal, rounded: 1.2 GB, 3.1 s.
    static func size(_ bytes: Int64) -> String {
        let units: [(String, Int64)] = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)]
        for (unit, size) in units where bytes >= size { return "\(tenths(bytes, of: size)) \(unit)" }
        return "\(bytes) B"
    }

    static func seconds(_ microseconds: Int64) -> String { "\(tenths(microseconds, of: 1_000_000)) s" }

    private static func tenths(_ value: Int64, of unit: Int64) -> String {
        let tenths = value / (unit / 10) + (value % (unit / 10) >= unit / 20 ? 1 : 0)
        return "\(tenths / 10).\(tenths % 10)"
    }
}
