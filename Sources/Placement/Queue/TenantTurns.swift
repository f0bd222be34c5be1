import Domain

// Whose tenant's turn is it?
//
// The tickets that may be offered a worker, by tenant. Among tenants the one whose next ticket has the highest priority goes
// first; of equals the one that uses the least of its share, then the one that has waited longest. A tenant's share is its
// quota; one without a quota counts as if it had the largest, and may use more. A tenant whose quota is used up has no turn.
// Where no quotas are set all are one tenant: priority, then age.

struct TenantTurns: Sendable {
    private struct Head: Comparable, Sendable {
        var turn: Turn
        /// Slots used of the share.
        var running: Int
        var share: Int
        var tenant: NameID

        /// 3 of 10 goes before 2 of 4: 3 × 4 < 2 × 10. Both numbers are below 2³¹.
        static func < (a: Head, b: Head) -> Bool {
            if a.turn.priority != b.turn.priority { return a.turn.priority > b.turn.priority }
            let (left, right) = (a.running * b.share, b.running * a.share)
            return left != right ? left < right : a.turn.seq < b.turn.seq
        }
    }

    private struct Tenant: Sendable {
        var turns = OrderedTree<Turn>()
        var head: Head?
    }

    static let most = Int(Int32.max)

    private var quotas: [NameID: Int] = [:]
    private var running: [NameID: Int] = [:]
    /// Slots that are reserved; the log doesn't hold them yet.
    private var reserved: [NameID: Int] = [:]
    /// All that wait, where no quotas are set: there are no tenants to choose among, and no heads to keep.
    private var plain = OrderedTree<Turn>()
    private var tenants: [NameID: Tenant] = [:]
    private var heads = OrderedTree<Head>()
    private var largestQuota = 1

    init() {}

    /// The ticket whose turn it is.
    var first: Position? { quotas.isEmpty ? plain.first?.seq : heads.first?.turn.seq }

    /// The same with those right behind it that have its priority, where there are no tenants to choose among.
    func first(_ limit: Int) -> [Position] {
        guard quotas.isEmpty else { return first.map { [$0] } ?? [] }
        var found: [Position] = []
        found.reserveCapacity(limit)
        var next = plain.first
        while let turn = next, found.count < limit, turn.priority == plain.first?.priority {
            found.append(turn.seq)
            next = plain.first(after: turn)
        }
        return found
    }

    func standing(of tenant: NameID) -> QuotaStanding? {
        quotas[tenant].map { QuotaStanding(running: used(tenant), maxRunning: $0) }
    }

    mutating func add(_ turn: Turn, of tenant: NameID) {
        guard !quotas.isEmpty else { return plain.insert(turn) }
        tenants[tenant, default: Tenant()].turns.insert(turn)
        renew(tenant)
    }

    mutating func remove(_ turn: Turn, of tenant: NameID) {
        guard !quotas.isEmpty else {
            plain.remove(turn)
            return
        }
        tenants[tenant]?.turns.remove(turn)
        renew(tenant)
    }

    /// More or fewer actors of a tenant hold a slot.
    mutating func addRunning(_ step: Int, of tenant: NameID) {
        guard !tenant.isNone else { return }
        let count = max(0, (running[tenant] ?? 0) + step)
        running[tenant] = count == 0 ? nil : count
        if !quotas.isEmpty { renew(tenant) }
    }

    /// Before anybody waits.
    mutating func setRunning(_ counts: [(tenant: NameID, running: Int)]) {
        running = Dictionary(counts.map { ($0.tenant, $0.running) }) { first, _ in first }
    }

    /// More or fewer slots are reserved for a tenant's actors.
    mutating func addReserved(_ step: Int, of tenant: NameID) {
        guard !tenant.isNone else { return }
        let count = max(0, (reserved[tenant] ?? 0) + step)
        reserved[tenant] = count == 0 ? nil : count
        if !quotas.isEmpty { renew(tenant) }
    }

    private func used(_ tenant: NameID) -> Int { (running[tenant] ?? 0) + (reserved[tenant] ?? 0) }

    /// Sets the quotas anew; `waiting` are all tickets that may be offered a worker. O(waiting · log n).
    mutating func setQuotas(_ new: [NameID: Int], waiting: some Sequence<(Turn, NameID)>) {
        quotas = new.mapValues { min(max(0, $0), Self.most) }
        largestQuota = max(1, quotas.values.max() ?? 1)
        plain = OrderedTree()
        tenants = [:]
        heads = OrderedTree()
        for (turn, tenant) in waiting {
            if quotas.isEmpty { plain.insert(turn) } else { tenants[tenant, default: Tenant()].turns.insert(turn) }
        }
        for tenant in tenants.keys.sorted() { renew(tenant) }
    }

    private mutating func renew(_ key: NameID) {
        guard let old = tenants[key]?.head ?? nil else { return insertHead(key) }
        heads.remove(old)
        insertHead(key)
    }

    private mutating func insertHead(_ key: NameID) {
        guard let turn = tenants[key]?.turns.first else {
            tenants[key] = nil
            return
        }
        let used = min(self.used(key), Self.most)
        let isUsedUp = quotas[key].map { used >= $0 } ?? false
        let head = isUsedUp ? nil : Head(turn: turn, running: used, share: quotas[key] ?? largestQuota, tenant: key)
        tenants[key]?.head = head
        if let head { heads.insert(head) }
    }
}
