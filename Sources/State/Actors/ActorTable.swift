package import Domain

// What is known of each actor?
//
// A million mostly-suspended actors must fit in memory beside everything else, so a record is 64 bytes of numbers, in
// chunks that never move: growing copies no records. Indices are stable until the actor is deleted. Actors are found by
// the number of their name in the log's dictionary.

package struct ActorRecord: Hashable, Sendable {
    package internal(set) var name: NameID
    /// Index of the pool; -1 where none is known.
    package internal(set) var pool: Int32 = -1
    /// Index of the worker it holds a slot of; -1 where it holds none.
    package internal(set) var worker: Int32 = -1
    /// Number of its template, tenant and class in the table of actors: few of them are alike in nothing.
    fileprivate(set) var traits: UInt32 = 0
    /// The node that keeps its last snapshot: its only copy while it is paused, a cached one once it is suspended.
    package internal(set) var node = NameID.none
    package internal(set) var state = ActorState.unknown
    /// The resting state it was in before it began to wait.
    package internal(set) var resting = ActorState.suspended
    package internal(set) var tier = RestoreTier.cold
    package internal(set) var hasVersion = false
    package internal(set) var waitedMillis: UInt32 = 0
    package internal(set) var createdAtSeconds: UInt32 = 0
    package internal(set) var version: Int64 = 0
    /// When it entered its state.
    package internal(set) var since = LogTime.zero
    /// Position of the event that entered its state; while waiting, its ticket.
    package internal(set) var stateSeq: Position = 0
    /// Position of the event that told of its latest external snapshot; 0 where there is none.
    package internal(set) var snapshotSeq: Position = 0

    package init(name: NameID) { self.name = name }
}

/// What an actor shares with many others. Names in the state's table of labels.
package struct ActorTraits: Hashable, Sendable {
    package internal(set) var template = NameID.none
    package internal(set) var tenant = NameID.none
    /// The class a worker must have for it; none takes any.
    package internal(set) var sandboxClass = NameID.none
}

package struct ActorTable: Sendable {
    private static let chunkSize = 4096

    /// By number; 0 is no traits at all. Never fewer: what an actor once was is kept.
    private var traits = [ActorTraits()]
    private var traitNumbers: [ActorTraits: UInt32] = [ActorTraits(): 0]

    private var chunks: [[ActorRecord]] = []
    /// By the number of the name: index + 1, or 0.
    private var byName: [UInt32] = []
    /// The last one is taken first.
    private var vacant: [Int] = []
    package private(set) var used = 0

    /// Actors known and not deleted.
    package var count: Int { used - vacant.count }

    /// One past the highest index in use.
    package var capacity: Int { used }

    @inline(__always)
    package func find(_ name: NameID) -> Int? {
        guard name.index < byName.count, byName[name.index] != 0 else { return nil }
        return Int(byName[name.index]) - 1
    }

    @inline(__always)
    package subscript(_ index: Int) -> ActorRecord {
        _read { yield chunks[index / Self.chunkSize][index % Self.chunkSize] }
        _modify { yield &chunks[index / Self.chunkSize][index % Self.chunkSize] }
    }

    @inline(__always)
    package func traits(of actor: ActorRecord) -> ActorTraits { traits[Int(actor.traits)] }

    package mutating func setTraits(_ new: ActorTraits, of actor: inout ActorRecord) {
        if let known = traitNumbers[new] {
            actor.traits = known
            return
        }
        traits.append(new)
        actor.traits = UInt32(traits.count - 1)
        traitNumbers[new] = actor.traits
    }

    package mutating func insert(_ name: NameID) -> Int {
        let index = vacant.popLast() ?? append()
        self[index] = ActorRecord(name: name)
        if name.index >= byName.count {
            byName.append(contentsOf: repeatElement(0, count: max(name.index + 1 - byName.count, byName.count / 4 + 64)))
        }
        byName[name.index] = UInt32(index + 1)
        return index
    }

    package mutating func remove(_ index: Int) {
        byName[self[index].name.index] = 0
        self[index] = ActorRecord(name: .none)
        vacant.append(index)
    }

    private mutating func append() -> Int {
        if used % Self.chunkSize == 0 {
            var chunk: [ActorRecord] = []
            chunk.reserveCapacity(Self.chunkSize)
            chunks.append(chunk)
        }
        chunks[chunks.count - 1].append(ActorRecord(name: .none))
        used += 1
        return used - 1
    }
}

extension ActorTable {
    package func encode(into writer: inout ByteWriter) {
        writer.count(used)
        for index in 0..<used { self[index].encode(into: &writer, traits(of: self[index])) }
        writer.vacated(vacant)
    }

    /// - Parameter lastName: no name in the log has a higher number.
    package init(from reader: inout ByteReader, lastName: Int64) throws(ByteFault) {
        let count = try reader.count(bytesEach: ActorRecord.encodedBytes)
        for _ in 0..<count {
            var traits = ActorTraits()
            var record = try ActorRecord(from: &reader, &traits)
            setTraits(traits, of: &record)
            guard Int64(record.name.rawValue) <= lastName else {
                throw ByteFault(offset: reader.offset, problem: "an actor's name is none of the log's")
            }
            let index = append()
            self[index] = record
            if record.name.isNone { continue }
            if record.name.index >= byName.count {
                byName.append(contentsOf: repeatElement(0, count: max(record.name.index + 1 - byName.count, byName.count / 4 + 64)))
            }
            byName[record.name.index] = UInt32(index + 1)
        }
        vacant = try reader.vacated(of: used) { self[$0].name.isNone }
    }
}

extension ActorRecord {
    package static let encodedBytes = 72

    package func encode(into writer: inout ByteWriter, _ traits: ActorTraits) {
        writer.integer(name.rawValue)
        writer.integer(pool)
        writer.integer(worker)
        writer.integer(traits.template.rawValue)
        writer.integer(traits.tenant.rawValue)
        writer.integer(traits.sandboxClass.rawValue)
        writer.integer(node.rawValue)
        writer.integer(state.rawValue)
        writer.integer(resting.rawValue)
        writer.integer(tier.rawValue)
        writer.bool(hasVersion)
        writer.integer(waitedMillis)
        writer.integer(createdAtSeconds)
        writer.integer(version)
        writer.time(since)
        writer.integer(stateSeq)
        writer.integer(snapshotSeq)
    }

    /// A record without its traits, and those.
    fileprivate init(from reader: inout ByteReader, _ traits: inout ActorTraits) throws(ByteFault) {
        name = NameID(try reader.integer())
        pool = try reader.integer()
        worker = try reader.integer()
        traits = ActorTraits(
            template: NameID(try reader.integer()), tenant: NameID(try reader.integer()), sandboxClass: NameID(try reader.integer()))
        node = NameID(try reader.integer())
        state = try reader.enumeration()
        resting = try reader.enumeration()
        tier = try reader.enumeration()
        hasVersion = try reader.bool()
        waitedMillis = try reader.integer()
        createdAtSeconds = try reader.integer()
        version = try reader.integer()
        since = try reader.time()
        stateSeq = try reader.integer()
        snapshotSeq = try reader.integer()
    }
}

extension ByteReader {
    package mutating func enumeration<Value: RawRepresentable>() throws(ByteFault) -> Value where Value.RawValue == UInt8 {
        let at = offset
        guard let value = Value(rawValue: try integer(UInt8.self)) else {
            throw ByteFault(offset: at, problem: "not one of the known cases")
        }
        return value
    }
}
