package import Domain

// How do the queue, the workers, the snapshots and the measured restores survive a restart?
//
// As bytes in one fixed order. What follows from other values (sets, heaps, sums, links) is rebuilt on reading. What is read
// answers every question as what was written. Slots that are reserved and tickets that are claimed are in none of it (`TurnOrder`).

extension WaitingQueue {
    package func encode(into writer: inout ByteWriter) {
        writer.list(all) { writer, ticket in ticket.encode(into: &writer) }
        writer.list(quotaList) { writer, quota in
            writer.integer(quota.tenant.rawValue)
            writer.integer(Int64(quota.maxRunning))
        }
        writer.list(runningList) { writer, running in
            writer.integer(running.tenant.rawValue)
            writer.integer(Int64(running.running))
        }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        self.init()
        for ticket in try reader.list(bytesEach: 56, { reader throws(ByteFault) in try WaitingTicket(from: &reader) }) { add(ticket) }
        func counts(_ reader: inout ByteReader) throws(ByteFault) -> [(NameID, Int)] {
            try reader.list(bytesEach: 12) { reader throws(ByteFault) in (NameID(try reader.integer()), try reader.index()) }
        }
        let quotas = try counts(&reader)
        setQuotas(Dictionary(quotas) { first, _ in first })
        for (tenant, count) in try counts(&reader) { addRunning(count, of: tenant) }
    }
}

extension WaitingTicket {
    func encode(into writer: inout ByteWriter) {
        writer.integer(Int64(actor))
        writer.integer(seq)
        writer.time(requestedAt)
        writer.integer(priority)
        writer.integer(expectedMillis)
        writer.labels(selector)
        writer.integer(tenant.rawValue)
        writer.time(deadline)
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        self.init(
            actor: try reader.index(), seq: try reader.integer(), requestedAt: try reader.time(), priority: try reader.integer(),
            expectedMillis: try reader.integer(), selector: try reader.labels(), tenant: NameID(try reader.integer()),
            deadline: try reader.time())
    }
}

extension WorkerIndex {
    package func encode(into writer: inout ByteWriter) {
        writer.list(indices) { writer, worker in
            writer.integer(Int64(worker))
            writer.integer(Int64(used(of: worker)))
            facts(of: worker)?.encode(into: &writer)
        }
        encodeGoldens(into: &writer)
    }

    /// Which nodes have which templates' snapshots, as far as that is kept track of.
    func encodeGoldens(into writer: inout ByteWriter) {
        writer.list(nodesWithGoldens) { writer, node in
            writer.integer(node.rawValue)
            writer.list(goldens(on: node)) { writer, snapshot in writer.integer(snapshot.rawValue) }
        }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        self.init()
        struct Worker { var index: Int, used: Int, facts: WorkerFacts }
        let workers = try reader.list(bytesEach: 53) { reader throws(ByteFault) in
            Worker(index: try reader.index(), used: try reader.index(), facts: try WorkerFacts(from: &reader))
        }
        // In order of age, so that each takes the next rank.
        for worker in workers.sorted(by: { ($0.facts.readySeq, $0.index) < ($1.facts.readySeq, $1.index) }) {
            set(worker.index, worker.facts, used: worker.used)
        }
        try readGoldens(from: &reader)
    }

    mutating func readGoldens(from reader: inout ByteReader) throws(ByteFault) {
        let nodes = try reader.list(bytesEach: 8) { reader throws(ByteFault) in
            (
                NameID(try reader.integer()),
                try reader.list(bytesEach: 8) { reader throws(ByteFault) in SnapshotID(rawValue: try reader.integer()) }
            )
        }
        for (node, goldens) in nodes {
            for golden in goldens { setGolden(golden, on: node, isCached: true) }
        }
    }
}

extension WorkerFacts {
    func encode(into writer: inout ByteWriter) {
        writer.integer(Int64(pool))
        writer.integer(node.rawValue)
        writer.integer(zone.rawValue)
        writer.integer(sandboxClass.rawValue)
        writer.labels(labels)
        writer.integer(Int64(slots))
        writer.integer(readySeq)
        writer.integer(phase.rawValue)
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        let at = reader.offset
        self.init(
            pool: try reader.index(), node: NameID(try reader.integer()), zone: NameID(try reader.integer()),
            sandboxClass: NameID(try reader.integer()), labels: try reader.labels(), slots: try reader.index(),
            readySeq: try reader.integer(), phase: .ready)
        guard let phase = WorkerPhase(rawValue: try reader.integer()) else {
            throw ByteFault(offset: at, problem: "a worker is in no known phase")
        }
        self.phase = phase
    }
}

extension SnapshotCache {
    package func encode(into writer: inout ByteWriter) {
        writer.list(templates) { writer, template in
            writer.integer(template.name.rawValue)
            writer.integer(goldens[template.golden].snapshot.rawValue)
            writer.integer(goldens[template.golden].bytes)
        }
        let known = knownNodes.sorted { $0.name < $1.name }
        writer.list(known) { writer, node in
            writer.integer(node.name.rawValue)
            writer.integer(node.capacityBytes)
            writer.time(node.lastUse)
        }
        writer.list(inOrder(known)) { writer, entry in
            writer.integer(nodes[Int(entry.node)].name.rawValue)
            writer.integer(entry.snapshot.rawValue)
            writer.integer(entry.bytes)
            writer.time(entry.lastUse)
            writer.integer(entry.use.rawValue)
        }
    }

    private var templates: [(name: NameID, golden: Int)] {
        var all: [(name: NameID, golden: Int)] = []
        goldenByTemplate.forEach { all.append(($0, $1)) }
        return all.sorted { $0.name < $1.name }
    }

    /// Paused ones by node and snapshot, then by node the others, the least recently used first.
    private func inOrder(_ known: [NodeCache]) -> [Entry] {
        var all: [Entry] = []
        byKey.forEach { _, index in if entries[index].use == .paused { all.append(entries[index]) } }
        all.sort { (nodes[Int($0.node)].name, $0.snapshot) < (nodes[Int($1.node)].name, $1.snapshot) }
        for node in known {
            var index = node.oldest
            while index >= 0 {
                all.append(entries[Int(index)])
                index = entries[Int(index)].newer
            }
        }
        return all
    }

    package init(from reader: inout ByteReader, limits: Limits = Limits()) throws(ByteFault) {
        self.init(limits: limits)
        let templates = try reader.list(bytesEach: 20) { reader throws(ByteFault) in
            (NameID(try reader.integer()), SnapshotID(rawValue: try reader.integer()), try reader.size())
        }
        for (template, snapshot, bytes) in templates { setGolden(snapshot, bytes: bytes, of: template) }
        let known = try reader.list(bytesEach: 20) { reader throws(ByteFault) in
            (NameID(try reader.integer()), try reader.size(), try reader.time())
        }
        for (node, _, lastUse) in known { setCapacity(.max, of: node, at: lastUse) }
        for _ in 0..<(try reader.count(bytesEach: 29)) { try putEntry(from: &reader) }
        // No trimming: what was there is there, also where the next report will put it right.
        for (node, capacity, lastUse) in known { nodes[makeNode(node, at: lastUse)].capacityBytes = capacity }
        // The workers were written with what was known of these.
        goldenChanges = []
    }

    private mutating func putEntry(from reader: inout ByteReader) throws(ByteFault) {
        let at = reader.offset
        let node = NameID(try reader.integer())
        let snapshot = SnapshotID(rawValue: try reader.integer())
        let (bytes, lastUse) = (try reader.size(), try reader.time())
        guard let use = Use(rawValue: try reader.integer()) else { throw ByteFault(offset: at, problem: "a snapshot is of no known use") }
        put(snapshot, bytes: bytes, use, on: node, at: lastUse)
    }
}

extension RestoreBandwidth {
    package func encode(into writer: inout ByteWriter) {
        for source in sources {
            source.all.encode(into: &writer)
            writer.list(source.byZone.sorted { $0.key < $1.key }) { writer, zone in
                writer.integer(zone.key.rawValue)
                zone.value.encode(into: &writer)
            }
        }
        writer.integer(steadyLocal)
        writer.integer(steadyCold)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        self.init()
        for source in sources.indices {
            sources[source].all = try Sum(from: &reader)
            let zones = try reader.list(bytesEach: 28) { reader throws(ByteFault) in (NameID(try reader.integer()), try Sum(from: &reader))
            }
            sources[source].byZone = Dictionary(zones) { first, _ in first }
        }
        steadyLocal = max(1, try reader.size())
        steadyCold = max(1, try reader.size())
    }
}

extension RestoreBandwidth.Sum {
    func encode(into writer: inout ByteWriter) {
        writer.integer(bytes)
        writer.integer(microseconds)
        writer.integer(Int64(count))
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        self.init(bytes: try reader.sum(), microseconds: try reader.sum(), count: try reader.index())
    }
}

extension Placer {
    package func encode(into writer: inout ByteWriter) {
        workers.encode(into: &writer)
        snapshots.encode(into: &writer)
        bandwidth.encode(into: &writer)
    }

    package init(from reader: inout ByteReader, limits: SnapshotCache.Limits = SnapshotCache.Limits()) throws(ByteFault) {
        self.init(
            workers: try WorkerIndex(from: &reader), snapshots: try SnapshotCache(from: &reader, limits: limits),
            bandwidth: try RestoreBandwidth(from: &reader))
    }

    /// The same for a caller who keeps the workers in a table of its own.
    package func encodeWithoutWorkers(into writer: inout ByteWriter) {
        workers.encodeGoldens(into: &writer)
        snapshots.encode(into: &writer)
        bandwidth.encode(into: &writer)
    }

    /// `workers`: each with its index and the slots that are used, in any order.
    package init(
        from reader: inout ByteReader, workers known: [(index: Int, facts: WorkerFacts, used: Int)],
        limits: SnapshotCache.Limits = SnapshotCache.Limits()
    ) throws(ByteFault) {
        var workers = WorkerIndex()
        for worker in known.sorted(by: { ($0.facts.readySeq, $0.index) < ($1.facts.readySeq, $1.index) }) {
            workers.set(worker.index, worker.facts, used: worker.used)
        }
        try workers.readGoldens(from: &reader)
        self.init(
            workers: workers, snapshots: try SnapshotCache(from: &reader, limits: limits), bandwidth: try RestoreBandwidth(from: &reader))
    }
}

extension ByteWriter {
    fileprivate mutating func labels(_ labels: [LabelPair]) {
        list(labels) { writer, pair in
            writer.integer(pair.key.rawValue)
            writer.integer(pair.value.rawValue)
        }
    }
}

extension ByteReader {
    fileprivate mutating func labels() throws(ByteFault) -> [LabelPair] {
        try list(bytesEach: 8) { reader throws(ByteFault) in
            LabelPair(key: NameID(try reader.integer()), value: NameID(try reader.integer()))
        }
    }

    /// A count, or an index into a table: no table is longer than this.
    fileprivate mutating func index() throws(ByteFault) -> Int {
        let value = try integer(Int64.self)
        guard (0...Int64(Int32.max)).contains(value) else { throw ByteFault(offset: offset, problem: "no index is \(value)") }
        return Int(value)
    }

    /// A sum of sizes or durations, with room for more.
    fileprivate mutating func sum() throws(ByteFault) -> Int64 {
        let value = try size()
        guard value <= 1 << 60 else { throw ByteFault(offset: offset, problem: "no sum is \(value)") }
        return value
    }

    fileprivate mutating func size() throws(ByteFault) -> Int64 {
        let value = try integer(Int64.self)
        guard value >= 0 else { throw ByteFault(offset: offset, problem: "a size is below zero") }
        return value
    }
}
