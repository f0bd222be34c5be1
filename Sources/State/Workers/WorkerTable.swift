import Basics
package import Domain
package import Placement

// What is known of each worker?
//
// Records of workers that can host actors or still do; those that are gone leave the table.

package struct WorkerRecord: Hashable, Sendable {
    /// Actors that one worker can host, at most; one that claims more counts as having so many.
    package static let slotsLimit = 65_536

    package internal(set) var name: NameID
    package internal(set) var pool: Int32
    package internal(set) var state = WorkerState.ready
    package internal(set) var slots = 1
    /// What tells it from another of its name; empty where nobody said.
    package internal(set) var uid = ""
    /// Names in the state's table of labels.
    package internal(set) var node = NameID.none
    package internal(set) var zone = NameID.none
    package internal(set) var sandboxClass = NameID.none
    package internal(set) var ip = NameID.none
    package internal(set) var labels: [LabelPair] = []
    /// Indices of the actors that hold a slot here.
    package internal(set) var residents: [Int] = []
    package internal(set) var createdAt = LogTime.zero
    /// Position of its `worker.ready`.
    package internal(set) var readySeq: Position = 0
    /// It drains because the loop chose it: once it is empty, it is removed.
    package internal(set) var isChosen = false
    /// When the loop's choice was logged.
    package internal(set) var drainedAt = LogTime.zero
    /// Sources, besides the loop, that said that it drains. It is ready again once each of them, and the loop, said so.
    package internal(set) var drainers: [NameID] = []

    /// What its pod said last of its own work; nil where nobody asked it.
    package internal(set) var report: WorkerReport?
    /// Whether the report counts: its pool's policy asks for it.
    package internal(set) var isReportCounted = false
    /// It is lost after so long without a sign of life; 0 where it has no lease.
    package internal(set) var ttlSeconds: Int32 = 0
    /// Position of the last `worker.ready` of it.
    package internal(set) var saidReadySeq: Position = 0

    /// Whether an event that gives `uid` may mean this one: unless both say otherwise.
    package func isSame(as uid: String) -> Bool { uid.isEmpty || self.uid.isEmpty || uid == self.uid }

    /// Slots taken by actors, or by tasks that its pod reports, whichever are more: a task may be the actor.
    package var used: Int { max(residents.count, reported) }
    /// Slots taken by its own word. One that may be busy, as it doesn't answer, has one.
    private var reported: Int {
        guard isReportCounted, let report else { return 0 }
        return min(report.tasks, slots)
    }
    /// Whether it takes work from elsewhere, by its own word or as nobody knows: then no drain keeps it from more.
    package var isBusyByReport: Bool { reported > residents.count }
    /// Slots taken by tasks that its pod reports, beyond those of actors. What isn't known is no demand.
    private var tasks: Int { report?.state == .busy ? max(0, reported - residents.count) : 0 }
    /// What its pool counts it by.
    package var load: WorkerLoad { WorkerLoad(state: state, used: used, slots: slots, tasks: tasks, node: node) }
    package var phase: WorkerPhase { state == .draining ? .draining : .ready }

    package var facts: WorkerFacts {
        WorkerFacts(
            pool: Int(pool), node: node, zone: zone, sandboxClass: sandboxClass, labels: labels, slots: slots, readySeq: readySeq,
            phase: phase)
    }

    package init(name: NameID, pool: Int32) {
        self.name = name
        self.pool = pool
    }
}

/// What a pool's counts look at in a worker.
package struct WorkerLoad: Hashable, Sendable {
    package internal(set) var state: WorkerState
    package internal(set) var used: Int
    package internal(set) var slots: Int
    package internal(set) var tasks: Int
    package internal(set) var node: NameID
}

package struct WorkerTable: Sendable {
    private var records: [WorkerRecord] = []
    private var byName = SlotTable<NameID>()
    /// The last one is taken first.
    private var vacant: [Int] = []

    package var count: Int { byName.count }

    package func find(_ name: NameID) -> Int? { byName[name] }

    @inline(__always)
    package subscript(_ index: Int) -> WorkerRecord {
        _read { yield records[index] }
        _modify { yield &records[index] }
    }

    package mutating func insert(_ record: WorkerRecord) -> Int {
        let index: Int
        if let free = vacant.popLast() {
            records[free] = record
            index = free
        } else {
            index = records.count
            records.append(record)
        }
        byName.set(record.name, index)
        return index
    }

    package mutating func remove(_ index: Int) {
        byName.remove(records[index].name)
        records[index] = WorkerRecord(name: .none, pool: -1)
        records[index].state = .gone
        vacant.append(index)
    }

    /// Indices in use, rising.
    package var indices: [Int] { records.indices.filter { !records[$0].name.isNone } }
}

extension WorkerTable {
    package func encode(into writer: inout ByteWriter) {
        writer.list(records) { writer, record in record.encode(into: &writer) }
        writer.vacated(vacant)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        records = try reader.list { reader throws(ByteFault) in try WorkerRecord(from: &reader) }
        for (index, record) in records.enumerated() where !record.name.isNone { byName.set(record.name, index) }
        vacant = try reader.vacated(of: records.count) { records[$0].name.isNone }
    }
}

extension WorkerRecord {
    package func encode(into writer: inout ByteWriter) {
        writer.integer(name.rawValue)
        writer.integer(pool)
        writer.integer(state.rawValue)
        writer.integer(Int64(slots))
        writer.integer(node.rawValue)
        writer.integer(zone.rawValue)
        writer.integer(sandboxClass.rawValue)
        writer.integer(ip.rawValue)
        writer.list(labels) { writer, pair in
            writer.integer(pair.key.rawValue)
            writer.integer(pair.value.rawValue)
        }
        writer.list(residents) { writer, actor in writer.integer(Int64(actor)) }
        writer.time(createdAt)
        writer.integer(readySeq)
        writer.bool(isChosen)
        writer.time(drainedAt)
        writer.list(drainers) { $0.integer($1.rawValue) }
        writer.string(uid)
        writer.bool(isReportCounted)
        writer.optional(report) { writer, report in report.encode(into: &writer) }
        writer.integer(Int64(ttlSeconds))
        writer.integer(saidReadySeq)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        name = NameID(try reader.integer())
        pool = try reader.integer()
        state = try reader.enumeration()
        slots = Int(try reader.integer(Int64.self))
        node = NameID(try reader.integer())
        zone = NameID(try reader.integer())
        sandboxClass = NameID(try reader.integer())
        ip = NameID(try reader.integer())
        labels = try reader.list(bytesEach: 8) { reader throws(ByteFault) in
            LabelPair(key: NameID(try reader.integer()), value: NameID(try reader.integer()))
        }
        residents = try reader.list(bytesEach: 8) { reader throws(ByteFault) in Int(try reader.integer(Int64.self)) }
        createdAt = try reader.time()
        readySeq = try reader.integer()
        isChosen = try reader.bool()
        drainedAt = try reader.time()
        drainers = try reader.list(bytesEach: 4) { reader throws(ByteFault) in NameID(try reader.integer()) }
        uid = try reader.string()
        isReportCounted = try reader.bool()
        report = try reader.optional { reader throws(ByteFault) in try WorkerReport(from: &reader) }
        ttlSeconds = Int32(try reader.integer(in: 0...EventLimits.leaseSeconds))
        saidReadySeq = try reader.integer()
    }
}
