import Basics
import Domain
import Placement

// What is known of each worker?
//
// Records of workers that can host actors or still do; those that are gone leave the table. `reserved`, `isCondemned` and
// `isRemovalSent` and `recall` are promises of the loop that the log doesn't hold yet: they steer what is offered next and are never part of a checkpoint.

struct WorkerRecord: Hashable, Sendable {
    /// Actors that one worker can host, at most; one that claims more counts as having so many.
    static let slotsLimit = 65_536

    var name: NameID
    var pool: Int32
    var state = WorkerState.ready
    var slots = 1
    /// What tells it from another of its name; empty where nobody said.
    var uid = ""
    /// Names in the world's table of labels.
    var node = NameID.none
    var zone = NameID.none
    var sandboxClass = NameID.none
    var ip = NameID.none
    var labels: [LabelPair] = []
    /// Indices of the actors that hold a slot here.
    var residents: [Int] = []
    var createdAt = LogTime.zero
    /// Position of its `worker.ready`.
    var readySeq: Position = 0
    /// It drains because the loop chose it: once it is empty, it is removed.
    var isChosen = false
    /// When the loop's choice was logged.
    var drainedAt = LogTime.zero
    /// Sources, besides the loop, that said that it drains. It is ready again once each of them, and the loop, said so.
    var drainers: [NameID] = []

    /// Slots promised to actors whose `actor.placed` isn't in the log yet.
    var reserved = 0
    /// Chosen to go; its `worker.draining` isn't in the log yet.
    var isCondemned = false
    /// Its target was told to remove it since it became empty.
    var isRemovalSent = false
    /// Whether its target was asked to take its drain back.
    var recall = Recall.none

    enum Recall: UInt8, Sendable {
        case none
        /// Not answered yet, or the answer is on its way to the log: it must not be removed meanwhile.
        case asked
        /// Too late, or the target couldn't: it goes once it is empty.
        case refused
    }

    /// Whether an event that gives `uid` may mean this one: unless both say otherwise.
    func isSame(as uid: String) -> Bool { uid.isEmpty || self.uid.isEmpty || uid == self.uid }

    var used: Int { residents.count }
    var free: Int { state == .ready && !isCondemned ? max(0, slots - used - reserved) : 0 }
    var isIdle: Bool { used == 0 && reserved == 0 }
    /// Slots taken or promised; one that is chosen to go has none to give.
    var promised: Int { isCondemned ? max(slots, used + reserved) : used + reserved }
    /// What its pool counts it by.
    var load: WorkerLoad { WorkerLoad(state: state, used: used, slots: slots, node: node) }
    var phase: WorkerPhase { state == .draining ? .draining : .ready }

    var facts: WorkerFacts {
        WorkerFacts(
            pool: Int(pool), node: node, zone: zone, sandboxClass: sandboxClass, labels: labels, slots: slots, readySeq: readySeq, phase: phase)
    }

    init(name: NameID, pool: Int32) {
        self.name = name
        self.pool = pool
    }
}

/// What a pool's counts look at in a worker. Actors that hold a slot count, promises don't.
struct WorkerLoad: Hashable, Sendable {
    var state: WorkerState
    var used: Int
    var slots: Int
    var node: NameID
}

struct WorkerTable: Sendable {
    private var records: [WorkerRecord] = []
    private var byName = SlotTable<NameID>()
    private var vacant: [Int] = []

    var count: Int { byName.count }

    func find(_ name: NameID) -> Int? { byName[name] }

    @inline(__always)
    subscript(_ index: Int) -> WorkerRecord {
        _read { yield records[index] }
        _modify { yield &records[index] }
    }

    mutating func insert(_ record: WorkerRecord) -> Int {
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

    mutating func remove(_ index: Int) {
        byName.remove(records[index].name)
        records[index] = WorkerRecord(name: .none, pool: -1)
        records[index].state = .gone
        vacant.append(index)
    }

    /// Indices in use, rising.
    var indices: [Int] { records.indices.filter { !records[$0].name.isNone } }
}

extension WorkerTable {
    func encode(into writer: inout ByteWriter) {
        writer.list(records) { writer, record in record.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        records = try reader.list { reader throws(ByteFault) in try WorkerRecord(from: &reader) }
        for (index, record) in records.enumerated() {
            if record.name.isNone { vacant.append(index) } else { byName.set(record.name, index) }
        }
        vacant.reverse()
    }
}

extension WorkerRecord {
    func encode(into writer: inout ByteWriter) {
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
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
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
    }
}
